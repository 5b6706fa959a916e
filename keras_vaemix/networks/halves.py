"""The initializer of a kernel that holds two matrices, one for a value and one for its gate."""

import keras

from keras_vaemix.core.part import Part, register


@register
class Halves(Part, keras.initializers.Initializer):
    r"""Initializer that scales each half of a kernel's outputs like a matrix of its own.

    The kernel of a gated layer with n inputs holds two matrices of m outputs each. Glorot's rule gives each the variance
    :math:`2 / (n + m)`, but one kernel of 2m outputs would get :math:`2 / (n + 2m)`. If the variance depends only on the inputs, as in
    He's rule, nothing changes.

    Args:
        initializer: Any Keras initializer; only a `VarianceScaling` is rescaled.

    Reference: X. Glorot, Y. Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010.
    """

    def __init__(self, initializer: str = "he_normal") -> None:
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        kernel = self.initializer(shape, dtype)
        if not isinstance(self.initializer, keras.initializers.VarianceScaling):
            return kernel
        *_, fan_in, fan_out = shape  # a convolution's window multiplies both by the same factor
        fans = {"fan_in": (1, 0), "fan_out": (0, 1), "fan_avg": (0.5, 0.5)}
        of_inputs, of_outputs = fans[self.initializer.mode]
        whole, half = (of_inputs * fan_in + of_outputs * n for n in (fan_out, fan_out // 2))
        return kernel * (whole / half) ** 0.5


def halves(initializer):
    """Returns `Halves` of an initializer, or the initializer if it is a `Halves` already, as in a loaded layer."""
    initializer = keras.initializers.get(initializer)
    return initializer if isinstance(initializer, Halves) else Halves(initializer)
