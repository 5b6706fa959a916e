"""Conversion of a model to float32, the precision of artifacts, whatever it was trained in."""

import keras

from keras_vaemix.storage.archives import uncompiled

MIXED = ("mixed_bfloat16", "mixed_float16")


def in_float32(model):
    """Returns the model with float32 activations and the same weights, which are float32 even in mixed precision."""
    config = uncompiled(keras.saving.serialize_keras_object(model))
    wanted = without_mixed(config)
    if wanted == config:
        return model
    return with_weights_of(model, wanted)


def with_weights_of(model, config):
    """Returns a new model of a configuration, with the weights of another model."""
    made = keras.saving.deserialize_keras_object(config, safe_mode=True)
    made.set_weights(model.get_weights())
    return made


def without_mixed(config):
    """Returns a configuration with mixed dtype policies replaced by float32."""
    if isinstance(config, dict):
        return {key: without_mixed(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(without_mixed(value) for value in config)
    return "float32" if isinstance(config, str) and config in MIXED else config
