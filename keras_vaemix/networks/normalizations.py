"""Normalisations of maps [B, H, W, C] by name, for networks that let the user choose."""

import keras
import tensorflow as tf

from keras_vaemix.core.part import register, require

NUM_GROUPS = (32, 16, 8, 4, 2)
GROUP_SIZE = 4  # groups have a multiple of this many channels: a channel by itself would lose its mean over the map


@register
class GroupNormalization(keras.layers.GroupNormalization):
    """Keras's layer for maps [B, H, W, C], with means taken one axis at a time.

    TensorFlow on a CPU sums a whole map value by value in float32, which loses precision for 256x256 pixels.
    """

    def call(self, inputs):
        x = tf.cast(inputs, tf.as_dtype(keras.backend.result_type(inputs.dtype, "float32")))
        mean = self.group_means(x)
        variance = self.group_means(tf.square(x - mean))
        factor = tf.math.rsqrt(variance + self.epsilon) * tf.cast(self.gamma, x.dtype)
        return tf.cast(x * factor + (tf.cast(self.beta, x.dtype) - mean * factor), self.compute_dtype)

    def group_means(self, x):
        """Returns the means of the groups of x [B, H, W, C], repeated for each of their channels, [B, 1, 1, C]."""
        of_channels = tf.reduce_mean(tf.reduce_mean(x, axis=2, keepdims=True), axis=1, keepdims=True)
        size = x.shape[-1] // self.groups
        if size == 1:
            return of_channels
        in_groups = tf.reshape(of_channels, [-1, 1, 1, self.groups, size])
        return tf.reshape(tf.repeat(tf.reduce_mean(in_groups, axis=-1), size, axis=-1), [-1, 1, 1, x.shape[-1]])


NORMALIZATIONS = {
    "group": lambda channels: GroupNormalization(num_groups(channels)),
    "layer": lambda channels: GroupNormalization(1),
    "instance": lambda channels: GroupNormalization(channels),
    "none": lambda channels: keras.layers.Identity(),
}


def normalization_layer(name, channels):
    """Returns a layer that normalises each example by itself, so that examples do not affect each other.

    Args:
        name: "group", over the map and groups of channels, with up to 32 groups of a multiple of four channels; "layer", over the map and
            all channels; "instance", over the map; or "none".
        channels: Channels C of the map.

    Raises:
        ValueError: The name is none of these.

    Reference: Y. Wu, K. He, *Group Normalization*, 2018.
    """
    require(name in NORMALIZATIONS, f"normalization of {', '.join(NORMALIZATIONS)}", normalization=name)
    return NORMALIZATIONS[name](channels)


def num_groups(channels):
    """Returns the number of groups for a number of channels.

    >>> [num_groups(channels) for channels in (4, 6, 16, 64, 512)]
    [1, 1, 4, 16, 32]
    """
    return next((groups for groups in NUM_GROUPS if channels % (GROUP_SIZE * groups) == 0), 1)
