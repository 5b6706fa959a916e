"""What a posterior that is a mixture of diagonal normals is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import check_positive, require
from keras_vaemix.posteriors.base import Posterior, check_limits, diagonal_normal

tfd = tfp.distributions


class MixturePosterior(Posterior):
    r"""Abstract: a mixture of M diagonal normals, :math:`q(z|x) = \sum_m \pi_m N(\mu_m(x), \mathrm{diag}\,\sigma_m^2(x))`.

    A draw comes from one component and is never an average of draws: :math:`\sum_m \pi_m z_m` has the variance
    :math:`\sum_m \pi_m^2 \sigma_m^2`, and the divergence of q would then understate that of the distribution actually used.

    Args:
        num_components: Number of components M.
        fixed_weights: Fixed weights :math:`\pi_m`; uniform if None.
        learn_weights: Whether the weights come from the encoder, :math:`\pi_m(x)`.
        log_variance_limits: As in `DiagonalNormal`.
    """

    reparameterize = False

    def __init__(
        self,
        num_components: int = 2,
        fixed_weights: Sequence[float] | None = None,
        learn_weights: bool = False,
        log_variance_limits: tuple[float, float] = (-6.0, 2.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_positive(num_components=num_components)
        is_one = fixed_weights is None or not learn_weights
        require(is_one, "fixed_weights=None where learn_weights=True", fixed_weights=fixed_weights)
        self.num_components, self.learn_weights = num_components, learn_weights
        self.fixed_weights = None if fixed_weights is None else check_weights(fixed_weights, num_components)
        self.log_variance_limits = check_limits(log_variance_limits)

    def params_size(self, latent_dim):
        return self.num_components * (2 * latent_dim + self.learn_weights)

    def split(self, params):
        """Returns locations and log-variances [B, M, D] and logits [B, M] from the encoder's output."""
        params = tf.cast(params, tf.float32)
        m = self.num_components
        size = (params.shape[-1] - m * self.learn_weights) // 2
        loc, log_variance = (tf.reshape(part, [-1, m, size // m]) for part in (params[..., :size], params[..., size : 2 * size]))
        if self.learn_weights:
            return loc, log_variance, params[..., 2 * size :]
        fixed = np.log(self.fixed_weights or [1 / m] * m).astype("float32")
        return loc, log_variance, tf.broadcast_to(fixed, tf.shape(loc)[:-1])

    def distribution(self, params):
        loc, log_variance, logits = self.split(params)
        components = diagonal_normal(loc, log_variance, self.log_variance_limits)  # batch [B, M], event [D]
        return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components, reparameterize=self.reparameterize)

    def mean(self, params):
        loc, _, logits = self.split(params)
        return tf.reduce_sum(tf.nn.softmax(logits)[..., None] * loc, axis=1)

    def center(self, params):
        """Returns the mean of the component with the largest weight, [B, D]; the first if several are equal."""
        loc, _, logits = self.split(params)
        return tf.reduce_sum(tf.one_hot(tf.argmax(logits, axis=-1), self.num_components)[..., None] * loc, axis=1)


def check_weights(weights, num_components):
    weights = [float(weight) for weight in weights]
    is_distribution = len(weights) == num_components and min(weights) > 0 and abs(sum(weights) - 1) < 1e-6
    require(is_distribution, f"{num_components} positive weights that sum to one, or None for uniform ones", weights=weights)
    return weights
