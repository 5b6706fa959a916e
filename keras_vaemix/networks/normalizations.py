"""Normalisations of maps [B, H, W, C] by name, for the networks that leave the choice to their user."""

import keras

from keras_vaemix.part import require

NUM_GROUPS = (32, 16, 8, 4, 2)
GROUP_SIZE = 4  # channels of a group are a multiple: alone, a channel would lose its mean over the map

NORMALIZATIONS = {
    "group": lambda channels: keras.layers.GroupNormalization(num_groups(channels)),
    "layer": lambda channels: keras.layers.GroupNormalization(1),
    "instance": lambda channels: keras.layers.GroupNormalization(channels),
    "none": lambda channels: keras.layers.Identity(),
}


def normalization_layer(name, channels):
    """Returns a layer that normalises each example by itself, so that no example changes what is made of another.

    Args:
        name: "group", over the map and groups of channels, up to 32 groups of four channels or a multiple; "layer", over the map and
            all channels; "instance", over the map; or "none".
        channels: Channels C of the map.

    Raises:
        ValueError: The name is none of these.

    Reference: Y. Wu, K. He, *Group Normalization*, 2018.
    """
    require(name in NORMALIZATIONS, f"normalization of {', '.join(NORMALIZATIONS)}", normalization=name)
    return NORMALIZATIONS[name](channels)


def num_groups(channels):
    """Returns how many groups the channels make.

    >>> [num_groups(channels) for channels in (4, 6, 16, 64, 512)]
    [1, 1, 4, 16, 32]
    """
    return next((groups for groups in NUM_GROUPS if channels % (GROUP_SIZE * groups) == 0), 1)
