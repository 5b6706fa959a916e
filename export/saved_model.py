"""The SavedModel: signatures `sample`, `sample_component`, `decode`, `encode`, and `log_joint` if the model has a likelihood."""

import keras
import tensorflow as tf

from keras_vaemix.core.shapes import specs_of


def write_saved_model(frozen, path):
    """Writes a SavedModel whose signatures take and return plain tensors. Seeds are stateless, [2].

    A pixel decoder's `decode` draws images, and takes a seed.
    """
    model = frozen.model
    x_spec = tf.TensorSpec([None, *model.example_shape], tf.float32, name="x")
    n_spec, component_spec = (tf.TensorSpec([], tf.int32, name=name) for name in ("n", "component"))
    seed_spec = tf.TensorSpec([2], tf.int32, name="seed")

    def sample_component(n, component, seed):
        x, component = frozen.draw(n, component, seed)
        return {"x": x, "component": component}

    def sample(n, seed):
        return sample_component(n, tf.constant(-1), seed)

    def decode(*inputs):
        return {"x": frozen.decode(*inputs)}

    def log_joint(x, *latents):
        return {"log_joint": model.log_joint(x, *latents)}

    archive = keras.export.ExportArchive()  # keeps only variables that endpoints use, so no critics or discriminators
    archive.add_endpoint("sample", sample, [n_spec, seed_spec])
    archive.add_endpoint("sample_component", sample_component, [n_spec, component_spec, seed_spec])
    archive.add_endpoint("decode", decode, frozen.decode_inputs())
    archive.add_endpoint("encode", model.posterior_parameters, [x_spec])
    if model.has_likelihood:
        archive.add_endpoint("log_joint", log_joint, [x_spec, *specs_of(model.joint_sizes)])
    archive.write_out(str(path), verbose=False)
