"""The normal posterior with diagonal covariance."""

from typing import Any

import tensorflow as tf

from keras_vaemix.core.part import register
from keras_vaemix.posteriors.base import Posterior, check_limits, diagonal_normal, plain_draws


@register
class DiagonalNormal(Posterior):
    r"""Normal with diagonal covariance, :math:`q(z|x) = N(\mu(x), \mathrm{diag}\,\sigma^2(x))`.

    Args:
        log_variance_limits: The encoder's log-variance is clipped to these limits; `(-6, 2)` is the VampPrior protocol's hardtanh.

    Reference: D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, 2014.
    """

    def __init__(self, log_variance_limits: tuple[float, float] = (-6.0, 2.0), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_variance_limits = check_limits(log_variance_limits)

    def params_size(self, latent_dim):
        return 2 * latent_dim

    def distribution(self, params):
        loc, log_variance = tf.split(tf.cast(params, tf.float32), 2, axis=-1)
        return diagonal_normal(loc, log_variance, self.log_variance_limits)

    def center(self, params):
        return tf.split(tf.cast(params, tf.float32), 2, axis=-1)[0]

    def draw(self, params, num_samples, seed):
        return plain_draws(self.distribution(params), num_samples, seed)
