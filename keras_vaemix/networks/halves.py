"""The initializer of a kernel whose outputs are two matrices: a value and its gate."""

import keras

from keras_vaemix.core.part import Part, register


@register
class Halves(Part, keras.initializers.Initializer):
    r"""Starts each half of a kernel's outputs at the scale of a matrix of its own.

    A gate's kernel of n inputs holds two matrices of m outputs each. By Glorot each has variance :math:`2 / (n + m)`, but one kernel of
    2m outputs would start at :math:`2 / (n + 2m)`. Where the variance depends on the inputs alone, as by He, nothing changes.

    Args:
        initializer: Any Keras initializer; the scale of a `VarianceScaling` is the one that is mended.

    Reference: X. Glorot, Y. Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010.
    """

    def __init__(self, initializer="he_normal"):
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        kernel = self.initializer(shape, dtype)
        if not isinstance(self.initializer, keras.initializers.VarianceScaling):
            return kernel
        *_, fan_in, fan_out = shape  # a convolution's window multiplies both alike
        fans = {"fan_in": (1, 0), "fan_out": (0, 1), "fan_avg": (0.5, 0.5)}
        of_inputs, of_outputs = fans[self.initializer.mode]
        whole, half = (of_inputs * fan_in + of_outputs * n for n in (fan_out, fan_out // 2))
        return kernel * (whole / half) ** 0.5


def halves(initializer):
    """Returns `Halves` of an initializer, which may be one already, as that of a layer which is loaded."""
    initializer = keras.initializers.get(initializer)
    return initializer if isinstance(initializer, Halves) else Halves(initializer)
