"""What a loss takes and returns: a batch of examples with what accompanies them, and a total with named figures."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import require
from keras_vaemix.core.supports import require_dense

ACCOMPANYING = ("mask", "condition")  # what models and networks may take beside x, by name


class Batch(NamedTuple):
    """Examples with what accompanies them, as `fit` passes them to losses and draws.

    Attributes:
        x: Examples [B, *], in float32.
        labels: Their labels [B, ...] as `fit` was given them, or None.
        mask: Which values of x are observed, [B, *], or None if all are. Where x has gaps, it is boolean, and x is zero in them.
        condition: What x is conditioned on, [B, C], or None.
        weight: Their weights [B], at least zero, or None if all count the same.
    """

    x: Any
    labels: Any = None
    mask: Any = None
    condition: Any = None
    weight: Any = None

    @classmethod
    def of(cls, x):
        """Returns a batch as it is; examples [B, *], or a dict such as `{"x": x, "mask": mask}`, as one without labels."""
        if isinstance(x, cls):
            return x
        return cls(**x) if isinstance(x, dict) else cls(x)

    def map(self, function):
        """Returns the batch with `function` applied to all that it has."""
        return Batch(*(None if one is None else function(one) for one in self))

    def inputs(self):
        """Returns the form in which users and Keras pass examples to a model: x alone, or a dict of x, mask and condition."""
        further = {name: one for name in ACCOMPANYING if (one := getattr(self, name)) is not None}
        return {"x": self.x, **further} if further else self.x

    def inputs_of(self, network):
        """Returns the inputs of a network: x, followed by the mask and the condition if its further inputs have these names.

        Without a mask all of x is observed.
        """
        mask = tf.ones_like(self.x) if self.mask is None else tf.cast(self.mask, self.x.dtype)
        further = [{"mask": mask, "condition": self.condition}[name] for name in further_inputs(network)]
        return [self.x, *further] if further else self.x

    def filled(self):
        """Returns the batch with a mask of what is observed, where x is not NaN and the mask is not zero; elsewhere x becomes zero."""
        x = tf.cast(self.x, tf.float32)
        observed = ~tf.math.is_nan(x)
        if self.mask is not None:
            observed &= tf.cast(self.mask, tf.bool)
        return self._replace(x=tf.where(observed, x, tf.zeros_like(x)), mask=observed)

    def mean(self, values: Tensor) -> Tensor:
        r"""Returns :math:`\frac1B \sum_i w_i v_i` over the examples of this replica, for values [B]: Keras's mean of weighted losses."""
        return tf.reduce_mean(values if self.weight is None else self.weight * values)


def number_of(x):
    """Returns the number of examples x [N, *], or in a dict of them with what accompanies them; raises `ValueError` for a data set."""
    examples = Batch.of(x).x
    require_dense(examples)
    return len(examples)


def rows_of(x, start, stop):
    """Returns some of the examples x [N, *] in float32, or a dict of them if x is one."""
    return Batch.of(x).map(lambda one: tf.cast(one[start:stop], tf.float32)).inputs()


def further_inputs(network):
    """Returns the names of the inputs of a network after the first."""
    return [one.name for one in network.inputs[1:]]


def inputs_of_decoder(network, latents, condition=None, num_samples=1):
    """Returns the inputs of a decoder: latents [S * B, ...], and the condition [B, A], once for each draw, if its last input is so named.

    Raises:
        ValueError: The decoder takes a condition, and there is none.
    """
    latents = [tf.cast(one, tf.float32) for one in latents]
    if "condition" not in further_inputs(network):
        return latents if len(latents) > 1 else latents[0]
    expected = "the condition of what is decoded: decode(z, condition), sample(n, y=...), or {'x': x, 'condition': condition} as x"
    require(condition is not None, expected, given=None)
    return [*latents, tf.tile(tf.cast(condition, tf.float32), [num_samples, 1])]


class Terms(NamedTuple):
    """A loss: its total, a scalar mean over a replica's batch, and its named figures, each [B] or a mean over that batch."""

    total: Any
    figures: dict
