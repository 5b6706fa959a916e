"""The model of an artifact computes in float32, whatever it was trained in."""

import keras

from keras_vaemix.storage.archives import uncompiled

MIXED = ("mixed_bfloat16", "mixed_float16")


def in_float32(model):
    """Returns a model that was trained in mixed precision with the same weights, which are float32, and float32 activations."""
    config = uncompiled(keras.saving.serialize_keras_object(model))
    wanted = without_mixed(config)
    if wanted == config:
        return model
    made = keras.saving.deserialize_keras_object(wanted, safe_mode=True)
    made.set_weights(model.get_weights())
    return made


def without_mixed(config):
    """Returns a configuration with the dtype policy float32 in place of the mixed ones."""
    if isinstance(config, dict):
        return {key: without_mixed(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(without_mixed(value) for value in config)
    return "float32" if isinstance(config, str) and config in MIXED else config
