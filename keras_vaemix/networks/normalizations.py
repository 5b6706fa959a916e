"""Normalisations of maps [B, H, W, C] by name, for the networks that leave the choice to their user."""

import math

import keras

from keras_vaemix.part import require

MAX_GROUPS = 32

NORMALIZATIONS = {
    "group": lambda channels: keras.layers.GroupNormalization(math.gcd(MAX_GROUPS, channels)),
    "layer": lambda channels: keras.layers.GroupNormalization(1),
    "instance": lambda channels: keras.layers.GroupNormalization(channels),
    "none": lambda channels: keras.layers.Identity(),
}


def normalization_layer(name, channels):
    """Returns a layer that normalises each example by itself, so that no example changes what is made of another.

    Args:
        name: "group", over the map and groups of channels, as many groups as divide both 32 and C; "layer", over the map and all
            channels; "instance", over the map; or "none".
        channels: Channels C of the map.

    Raises:
        ValueError: The name is none of these.

    Reference: Y. Wu, K. He, *Group Normalization*, 2018.
    """
    require(name in NORMALIZATIONS, f"normalization of {', '.join(NORMALIZATIONS)}", normalization=name)
    return NORMALIZATIONS[name](channels)
