"""The masked perceptron whose outputs for a dimension depend only on the dimensions before it."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import check_positive, register, require


@register
class MaskedDense(keras.layers.Dense):
    """Dense layer with some weights fixed at zero.

    Args:
        units: Number of outputs.
        mask: Zeros and ones [inputs, units]; weights are zero where it is zero.
        **kwargs: Those of `keras.layers.Dense`.
    """

    def __init__(self, units: int, mask: Array, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.mask = np.asarray(mask, "float32")

    def call(self, inputs: Tensor) -> Tensor:
        kernel = self.kernel * keras.ops.cast(keras.ops.convert_to_tensor(self.mask), self.kernel.dtype)
        outputs = keras.ops.matmul(inputs, kernel) + self.bias
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask": self.mask.tolist()}


def made(
    size: int,
    num_outputs: int = 2,
    hidden: Sequence[int] = (64, 64),
    context_size: int = 0,
    activation: str = "elu",
    name: str | None = None,
) -> Network:
    r"""Returns the masked autoencoder for distribution estimation: output d is a function of :math:`z_1, ..., z_{d-1}` and the context.

    A hidden layer of fewer than D - 1 units has no unit for every d: output d then depends on :math:`z_1` up to the last dimension before
    d that a unit of every layer ends at.

    Args:
        size: Number of dimensions D.
        num_outputs: Number of outputs per dimension.
        hidden: Units of each hidden layer.
        context_size: Number of further inputs, which all outputs depend on; 0 for none.
        activation: Any Keras activation for the hidden layers.
        name: Name of the model.

    Returns:
        A network from z [B, D], or z and context [B, C], to [B, D, num_outputs].

    Reference: M. Germain et al., *MADE: Masked Autoencoder for Distribution Estimation*, 2015.
    """
    check_positive(size=size, num_outputs=num_outputs, **{f"hidden[{i}]": units for i, units in enumerate(hidden)})
    require(context_size >= 0, "context_size >= 0", context_size=context_size)
    z = keras.Input((size,))
    context = [keras.Input((context_size,))] if context_size else []
    h = keras.layers.Concatenate()([z, *context]) if context else z
    degrees = np.concatenate([np.arange(1, size + 1), np.zeros(context_size, int)])  # the context comes before every dimension
    first = 0 if context else 1  # least degree of a hidden unit; a unit of degree zero sees only the context
    for units in hidden:
        own = hidden_degrees(units, first, max(first, size - 1))
        h = MaskedDense(units, own[None, :] >= degrees[:, None], activation=activation)(h)
        degrees = own
    last = np.repeat(np.arange(1, size + 1), num_outputs)
    outputs = MaskedDense(math.prod((size, num_outputs)), last[None, :] > degrees[:, None])(h)
    return keras.Model([z, *context] if context else z, keras.layers.Reshape((size, num_outputs))(outputs), name=name)


def hidden_degrees(units, first, last):
    """Returns the dimension up to which each hidden unit sees z, [units], from `first` to `last`: evenly if there are too few for all."""
    each = np.arange(first, last + 1)
    return each[np.arange(units) % len(each)] if units >= len(each) else np.linspace(first, last, units).round().astype(int)
