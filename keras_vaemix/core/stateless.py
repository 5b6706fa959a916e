"""Networks in training mode that stay as they are."""

import keras
import tensorflow as tf


def without_state_updates(network, inputs):
    """Returns a network's output in training mode, in float32, without updating its running moments."""
    with keras.StatelessScope():
        return tf.cast(network(inputs, training=True), tf.float32)
