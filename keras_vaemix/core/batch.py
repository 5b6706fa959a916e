"""What a loss takes and gives: a batch of examples with what accompanies them, and a total with its figures."""

from typing import Any, NamedTuple

import tensorflow as tf


class Batch(NamedTuple):
    """Examples and what accompanies them, from `fit` to losses and draws.

    Attributes:
        x: Examples [B, *], in float32.
        labels: Their labels [B, ...] as `fit` was given them, or None.
        weight: Their weights [B], at least zero, or None where all count alike.
    """

    x: Any
    labels: Any = None
    weight: Any = None

    @classmethod
    def of(cls, x):
        """Returns a batch as it is, and examples [B, *] as a batch of nothing else."""
        return x if isinstance(x, cls) else cls(x)

    def mean(self, values):
        r"""Returns :math:`\frac1B \sum_i w_i v_i` over the examples of this replica, for values [B]: Keras's mean of weighted losses."""
        return tf.reduce_mean(values if self.weight is None else self.weight * values)


class Terms(NamedTuple):
    """A loss: a scalar, the mean over a replica's batch, and its named figures: each [B], or a mean over that batch."""

    total: Any
    figures: dict
