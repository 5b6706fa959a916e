"""What a loss takes and returns: a batch of examples with labels and weights, and a total with named figures."""

from typing import Any, NamedTuple

import tensorflow as tf


class Batch(NamedTuple):
    """Examples with their labels and weights, as `fit` passes them to losses and draws.

    Attributes:
        x: Examples [B, *], in float32.
        labels: Their labels [B, ...] as `fit` was given them, or None.
        weight: Their weights [B], at least zero, or None if all count the same.
    """

    x: Any
    labels: Any = None
    weight: Any = None

    @classmethod
    def of(cls, x):
        """Returns a batch as it is, and examples [B, *] as a batch without labels and weights."""
        return x if isinstance(x, cls) else cls(x)

    def mean(self, values):
        r"""Returns :math:`\frac1B \sum_i w_i v_i` over the examples of this replica, for values [B]: Keras's mean of weighted losses."""
        return tf.reduce_mean(values if self.weight is None else self.weight * values)


class Terms(NamedTuple):
    """A loss: its total, a scalar mean over a replica's batch, and its named figures, each [B] or a mean over that batch."""

    total: Any
    figures: dict
