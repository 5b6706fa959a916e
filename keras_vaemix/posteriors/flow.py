"""What flow posteriors share: a normal whose draws are pushed through invertible steps."""

import abc
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.posteriors.base import Posterior
from keras_vaemix.posteriors.diagonal_normal import DiagonalNormal


class FlowPosterior(Posterior):
    r"""Abstract: a flow of T invertible steps, :math:`z_0 \sim N(\mu(x), \mathrm{diag}\,\sigma^2(x))` and :math:`z_t = f_t(z_{t-1}, h(x))`.

    Its density is known only at its own draws (D. Rezende, S. Mohamed, 2015; D. Kingma et al., 2016, eq. 4 and 5):

    .. math:: \log q(z_T|x) = \log N(z_0; \mu(x), \mathrm{diag}\,\sigma^2(x))
        - \sum_t \log \left|\det \frac{\partial z_t}{\partial z_{t-1}}\right|.

    A subclass implements `steps`.

    Args:
        latent_dim: Number of latent dimensions D.
        num_flows: Number of steps T.
        context_size: Number C of outputs h(x) of the encoder, which the steps see.
        log_variance_limits: As in `DiagonalNormal`, of :math:`z_0`.
    """

    has_density = False

    def __init__(self, latent_dim: int, num_flows: int, context_size: int, log_variance_limits: tuple[float, float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(latent_dim=latent_dim, num_flows=num_flows)
        require(context_size >= 0, "context_size >= 0", context_size=context_size)
        self.latent_dim, self.num_flows, self.context_size = latent_dim, num_flows, context_size
        self.start = DiagonalNormal(log_variance_limits)
        self.log_variance_limits = self.start.log_variance_limits

    @abc.abstractmethod
    def steps(self, context: Tensor) -> list[Callable[[Tensor], tuple[Tensor, Tensor]]]:
        r"""Returns the T steps for a context [N, C].

        Each is a function of :math:`z_{t-1}` [N, D] that returns :math:`z_t` [N, D] and the logarithm of the absolute determinant of its
        Jacobian, [N] or a scalar.
        """

    def params_size(self, latent_dim):
        expected = f"{self.latent_dim} latents, as this posterior has"
        require(latent_dim == self.latent_dim, expected, latent_dim=latent_dim)
        return self.start.params_size(latent_dim) + self.context_size

    def split(self, params):
        """Returns the parameters of the distribution of z_0 [B, 2 D], and the context [B, C]."""
        return tf.split(tf.cast(params, tf.float32), [2 * self.latent_dim, self.context_size], axis=-1)

    def flow(self, z, context):
        """Returns z_T [N, D] and the log-determinant of its Jacobian [N], for z_0 [N, D] and the context [N, C]."""
        log_det = tf.zeros_like(z[:, 0])
        for step in self.steps(context):
            z, own = step(z)
            log_det += own
        return z, log_det

    def draw(self, params, num_samples, seed):
        start, context = self.split(params)
        z, log_weight, log_q = self.start.draw(start, num_samples, seed)  # [S, B, D], [S, B], [S, B]
        z, log_det = self.flow(fold(z), tf.tile(context, [num_samples, 1]))
        return unfold(z, num_samples), log_weight, log_q - unfold(log_det, num_samples)

    def center(self, params):
        """Returns the point to which the flow maps the mean of z_0, [B, D]."""
        start, context = self.split(params)
        return self.flow(self.start.center(start), context)[0]
