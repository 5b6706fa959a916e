"""A warning about decoders whose last activation bounds what a likelihood or a cost takes as logits or log-scales."""

import keras

from keras_vaemix.core.warned import warn_caller

BOUNDED = ("sigmoid", "hard_sigmoid", "softmax", "tanh", "relu", "relu6", "softplus", "exponential")
SHAPING = (keras.layers.Reshape, keras.layers.Flatten, keras.layers.Permute, keras.layers.Activation)  # what may follow the last layer


def last_activation(network):
    """Returns the name of the activation of a network's outputs if it bounds them, above or below, else None."""
    for layer in reversed(getattr(network, "operations", network.layers)):
        if isinstance(layer, keras.Model):
            return last_activation(layer)
        function = getattr(layer, "activation", None)
        name = type(layer).__name__.lower() if function is None else getattr(function, "__name__", None)
        if name in BOUNDED:
            return name
        if not isinstance(layer, SHAPING):
            return None
    return None


def warn_of_bounded_outputs(decoder, likelihood):
    """Warns if a decoder bounds its outputs, which are unbounded parameters of the likelihood, or of the cost."""
    name = last_activation(decoder) if likelihood.has_unbounded_params else None
    if name is not None:
        kind = type(likelihood).__name__
        expected = f"a decoder without a last activation, whose outputs are the logits, log-means or log-scales of {kind}"
        warn_caller(f"Expected {expected}: activation=None. Received: activation={name!r}")
