"""The SavedModel: signatures `sample`, `sample_component`, `decode`, `encode` and `log_joint`."""

import keras
import tensorflow as tf


def write_saved_model(frozen, path):
    """Writes a SavedModel whose signatures take and return plain tensors. Seeds are stateless, [2].

    A pixel decoder's `decode` draws, and takes a seed.
    """
    model, prior = frozen.model, frozen.prior
    float32, int32, shape = tf.float32, tf.int32, model.encoder.input_shape[1:]
    x_spec, z_spec = tf.TensorSpec([None, *shape], float32, name="x"), tf.TensorSpec([None, prior.loc.shape[1]], float32, name="z")
    n_spec, seed_spec = tf.TensorSpec([], int32, name="n"), tf.TensorSpec([2], int32, name="seed")
    component_spec = tf.TensorSpec([], int32, name="component")

    def sample_component(n, component, seed):
        x, component = frozen.draw(n, component, seed)
        return {"x": x, "component": component}

    def sample(n, seed):
        return sample_component(n, tf.constant(-1), seed)

    def decode(*inputs):
        return {"x": frozen.decode(*inputs)}

    def encode(x):
        q = model.encode(x)
        return {"mean": q.mean(), "stddev": q.stddev()}

    def log_joint(x, z):
        log_px = model.likelihood.log_prob(model.decode_params(z[None], x), x)[0]
        return {"log_joint": log_px + model.prior.distribution(model.encode).log_prob(z)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("sample", sample, [n_spec, seed_spec])
    archive.add_endpoint("sample_component", sample_component, [n_spec, component_spec, seed_spec])
    archive.add_endpoint("decode", decode, [spec for spec in (z_spec, seed_spec) if spec.name in frozen.decode_inputs])
    archive.add_endpoint("encode", encode, [x_spec])
    archive.add_endpoint("log_joint", log_joint, [x_spec, z_spec])
    archive.write_out(str(path), verbose=False)
