"""What a likelihood p(x|z) is."""

import abc

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import as_array
from keras_vaemix.core.hints import Array, Distribution, Shape, Tensor
from keras_vaemix.core.part import PartLayer
from keras_vaemix.likelihoods.factors import Factor

tfd = tfp.distributions


class Likelihood(PartLayer, abc.ABC):
    """Abstract: a family of distributions over data, parameterised by the decoder's output in float32.

    Attributes:
        support: The values of x for which it is defined.
        is_density: False for a pseudo-likelihood, which does not integrate to one; the names of its figures say so.
        filler: A value in the support, which takes the place of what is missing and is not counted; see `fillers`.
        num_levels: 256 for a distribution over 8-bit values, for which bits per dimension are defined; else None.
        has_raw_scale: Whether its parameters are real values in the units of x, so that x should be about one in size.
        has_unbounded_params: Whether its parameters are any real values, such as logits, which a decoder's sigmoid would bound; not those
            that are means of x.
        schema: JSON text that says what the columns of a table stand for, which exports pass on; None for other data.
    """

    support = supports.REAL
    is_density = True
    filler = 0.0
    num_levels: int | None = None
    has_raw_scale = False
    has_unbounded_params = True
    schema: str | None = None

    def params_size(self, num_channels: int) -> int:
        """Returns the size of the decoder's last axis for data whose last axis has `num_channels`; the other axes are those of the data."""
        return num_channels

    @abc.abstractmethod
    def distribution(self, params: Tensor) -> Distribution:
        """Returns p(x|z) for params [..., *shape]: a TFP distribution with one scalar factor for each value of x.

        A likelihood of blocks along the last axis (categories, rows of a table) has one factor for each block.
        """

    @abc.abstractmethod
    def mean(self, params: Tensor) -> Tensor:
        """Returns the mean of p(x|z) by plain operations that export."""

    def noise(self) -> Distribution:
        """Returns the standard distribution whose draws `draw` turns into x."""
        return tfd.Uniform()

    def draw(self, params: Tensor, noise: Tensor) -> Tensor:
        """Returns draws from p(x|z) made from `noise`, which has the shape of x; by plain operations if it is to export."""
        return self.distribution(params).quantile(noise)

    def imputed(self, params: Tensor, noise: Tensor, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Returns means and draws [S, B, *] of what is missing of x [B, *], where `mask` is false, given the latents and what is observed.

        Values are independent given the latents, unless a likelihood says otherwise.
        """
        return self.mean(params), self.draw(params, noise)

    def factors(self, params: Tensor) -> list[Factor] | None:
        """Returns what `export.sample` draws x of, one `Factor` for each block of the last axis; None if only means can be exported.

        Their tensors are made of params [N, *] by plain operations that export.
        """
        return None

    def log_probs(self, params, x):
        """Returns the log-probability of each value of x [B, *] in nats, [S, B, *], for params [S, B, *] in float32.

        Where values are not independent, as those of a one-hot vector, they are terms whose sum is the log-probability.
        """
        return self.distribution(params).log_prob(x)

    def log_prob(self, params: Tensor, x: Array, training: bool = False, mask: Array | None = None, weight: Tensor | None = None) -> Tensor:
        r"""Returns :math:`\log p(x_o|z) = \sum_{i \in o} \log p(x_i|z)` in nats: params [S, B, *], x [B, *] to [S, B].

        The sum is over the values o that are observed, those where the boolean mask [B, *] is true; over all without a mask. In training,
        what a likelihood estimates from the batch counts each draw by its weight [S, B] in the loss; all alike without weights.
        """
        params = tf.cast(params, tf.float32)
        if mask is None:
            return sum_event(self.log_probs(params, x), x)
        # Values that are missing are replaced by one inside the support before the logarithm, or their gradients might be NaN.
        filled = tf.where(mask, x, self.fillers(x.shape[-1]))
        return sum_event(tf.where(mask, self.log_probs(params, filled), 0.0), x)

    def check(self, x: Array, shape: Shape | None = None, name: str = "x", mask: Array | None = None) -> None:
        """Raises `ValueError` unless `x` is a non-empty array of finite values in the support.

        With a mask [N, *shape], or True, NaN in x and values whose mask is zero are missing.
        """
        supports.require_dense(x, name)
        x = as_array(x)
        filler = 0.0 if mask is None else self.fillers(x.shape[-1])
        supports.check_array(x, self.support, shape, name, mask, filler)

    def is_observable(self, mask: Array) -> Array:
        """Returns whether values can be observed where a mask [..., W] is true, and missing elsewhere, [..., 1]: always by default."""
        return mask[..., :1] | True

    def fillers(self, width: int) -> np.ndarray:
        """Returns what takes the place of missing values along the last axis of x, [width], in the support."""
        return np.full(width, self.filler, "float32")

    def check_columns(self, x: Array, mask: Array, name: str = "x") -> None:
        """Raises `ValueError` if a value of the examples x [N, *] is missing in all of them; `mask` as in `check`."""
        supports.check_columns(x, mask, name)


def sum_event(log_prob, x):
    """Sums over the axes of `x` [B, *] after the batch axis.

    In float64, since XLA adds up one by one: for an image of 256x256 that is tens of nats off in float32.
    """
    total = tf.reduce_sum(tf.cast(log_prob, tf.float64), axis=list(range(1 - len(x.shape), 0)))
    return tf.cast(total, log_prob.dtype)
