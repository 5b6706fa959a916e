"""The SavedModel: signatures `sample`, `sample_component`, `decode`, `encode`, and `log_joint` if the model has a likelihood.

Of a model that is conditioned each takes the `condition` too.
"""

import keras
import tensorflow as tf

from keras_vaemix.core.shapes import specs_of


def write_saved_model(frozen, path):
    """Writes a SavedModel whose signatures take and return plain tensors. Seeds are stateless, [2].

    A pixel decoder's `decode` draws images, and takes a seed. Where examples may have gaps, `encode` and `log_joint` take x, in which what
    is missing has any value, and its `mask`: 1 where it is observed, else 0.
    """
    model = frozen.model
    names = ["x", *model.accompanied_by]
    shapes = {"condition": [model.condition_size]}
    x_specs = [tf.TensorSpec([None, *shapes.get(name, model.example_shape)], tf.float32, name=name) for name in names]
    n_spec, component_spec = (tf.TensorSpec([], tf.int32, name=name) for name in ("n", "component"))
    seed_spec = tf.TensorSpec([2], tf.int32, name="seed")

    conditions = frozen.conditions()

    def sample_component(n, component, seed, *condition):
        x, component = frozen.draw(n, component, seed, *condition)
        return {"x": x, "component": component}

    def sample(n, seed, *condition):
        return sample_component(n, tf.constant(-1), seed, *condition)

    def decode(*inputs):
        return {"x": frozen.decode(*inputs)}

    def accompanied(seen):
        return dict(zip(names, seen, strict=True)) if len(names) > 1 else seen[0]

    def encode(*seen):
        return model.posterior_parameters(accompanied(seen))

    def log_joint(*inputs):
        seen, latents = inputs[: len(names)], inputs[len(names) :]
        return {"log_joint": model.log_joint(accompanied(seen), *latents)}

    archive = keras.export.ExportArchive()  # keeps only variables that endpoints use, so no critics or discriminators
    archive.add_endpoint("sample", sample, [n_spec, seed_spec, *conditions])
    archive.add_endpoint("sample_component", sample_component, [n_spec, component_spec, seed_spec, *conditions])
    archive.add_endpoint("decode", decode, frozen.decode_inputs())
    archive.add_endpoint("encode", encode, x_specs)
    if model.has_likelihood:
        archive.add_endpoint("log_joint", log_joint, [*x_specs, *specs_of(model.joint_sizes)])
    archive.write_out(str(path), verbose=False)
