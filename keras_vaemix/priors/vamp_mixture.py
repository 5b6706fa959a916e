"""The VampPrior mixture model: more clusters than needed, whose centres are posteriors of pseudo-inputs."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.mixtures.full_density import projections
from keras_vaemix.mixtures.normal_components import is_normal
from keras_vaemix.priors import log_densities
from keras_vaemix.priors.pseudo_inputs import PseudoInputPrior
from keras_vaemix.priors.scales import initial_scale, inverse_softplus_scale, softplus_scale

tfd = tfp.distributions


@register
class VampPriorMixture(PseudoInputPrior):
    r"""VampPrior mixture, whose clusters have centres :math:`\mu_j \sim q(\cdot|u_j) = N(m_j, S_j)` and precisions :math:`\Lambda_j`:

    .. math:: p(z) = \sum_j \pi_j\, N(z; m_j, \Lambda_j^{-1} + S_j), \quad \Lambda_j = L_j L_j^T.

    Its parameters have densities too, of which the `penalty` is -1/n times the logarithm:

    .. math::
        \pi \sim \mathrm{Dir}(\alpha/K, \ldots), \quad \alpha \sim \mathrm{Gamma}(1, 1), \quad \mu_j \sim N(0, I),

        \Lambda_j \sim W(D + 2, \tfrac{K^{2/D}}{D + 2} I), \quad E\,\Lambda_j = K^{2/D} I.

    The Dirichlet density takes the weight from clusters with less than about 1/n of the examples: K need only be large enough. In an
    `EmpiricalBayesVAE` the prior takes its own steps, as in the paper; in a `VAE` it is trained by the bound and the penalty.

    The authors' code has Dir(1 / (K alpha)) instead, and full covariances in the encoder; ours are those of a `DiagonalNormal`.

    Args:
        latent_dim: Number of latent dimensions D.
        num_components: Number of clusters K, more than needed.
        example_shape: Shape of one example.
        num_examples: Number of examples n that the densities of the parameters are weighed against. With that of the training set the
            parameters are those of the maximum a posteriori; with the batch size, as in the authors' code, fewer clusters stay.
        value_range, initial_mean, initial_stddev: As in `PseudoInputPrior`; the paper starts from data, by `initialize_from_examples`.

    Reference: A. Stirn, D. Knowles, *The VampPrior Mixture Model*, 2024, and their code.
    """

    def __init__(
        self,
        latent_dim: int,
        num_components: int = 100,
        example_shape: Sequence[int] = (28, 28, 1),
        num_examples: int = 256,
        value_range: tuple[float, float] = (0.0, 1.0),
        initial_mean: float = 0.05,
        initial_stddev: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, num_components, example_shape, True, value_range, initial_mean, initial_stddev, **kwargs)
        check_positive(num_examples=num_examples)
        self.num_examples = num_examples
        start = tfp.math.fill_triangular_inverse(inverse_softplus_scale(1.0) * tf.eye(latent_dim, dtype=tf.float64))
        identity = keras.initializers.Constant(start.numpy().astype("float32"))
        self.raw_tril = self.add_weight((num_components, *start.shape), identity, name="raw_tril", dtype="float32")
        self.raw_concentration = self.add_weight((), initial_scale(1.0), name="concentration", dtype="float32")

    def concentration(self):
        r"""Returns :math:`\alpha`, a scalar."""
        return softplus_scale(self.raw_concentration)

    def scale_tril(self) -> Tensor:
        """Returns the factors L of the precisions, lower triangular [K, D, D]."""
        raw = tfp.math.fill_triangular(tf.convert_to_tensor(self.raw_tril))
        return tf.linalg.set_diag(raw, softplus_scale(tf.linalg.diag_part(raw)))

    def centers(self, encode):
        """Returns the means m and variances S of the centres, [K, D] each."""
        q = self.encoded(encode)
        require(is_normal(q), "posterior to be a DiagonalNormal", posterior=q.name)
        return q.mean(), q.variance()

    def components(self, encode):
        mean, variance = self.centers(encode)
        inverse = tf.linalg.triangular_solve(self.scale_tril(), tf.eye(self.latent_dim, batch_shape=[self.num_components]))  # [K, D, D]
        covariance = tf.linalg.matmul(inverse, inverse, transpose_a=True) + tf.linalg.diag(variance)
        return tfd.MultivariateNormalTriL(mean, tf.linalg.cholesky(covariance))  # batch [K], event [D]

    def expected_log_joint(self, z, encode=None):
        r"""Returns :math:`\log \pi_j + E_{q(\mu_j)} \log N(z; \mu_j, \Lambda_j^{-1})`, [..., K], for z [..., D], of which the last is

        .. math:: \tfrac12 \log |\Lambda_j / 2\pi| - \tfrac12 (z - m_j)^T \Lambda_j (z - m_j) - \tfrac12 \mathrm{tr}(\Lambda_j S_j).
        """
        (mean, variance), tril = self.centers(encode), self.scale_tril()
        squares = tf.reduce_sum(tf.square(projections(z, mean, tf.linalg.matrix_transpose(tril))), axis=-1)  # [..., K]
        trace = tf.reduce_sum(tf.square(tril) * variance[..., None], axis=[-2, -1])
        log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(tril)) - 0.5 * math.log(2 * math.pi), axis=-1)
        return self.log_weights() + log_det - 0.5 * (squares + trace)

    def penalty(self, encode=None):
        r"""Returns -1/n times :math:`\log p(\pi|\alpha) + \log p(\alpha) + \sum_j [E_{q(\mu_j)} \log p(\mu_j) + \log p(\Lambda_j)]`."""
        (mean, variance), k, d = self.centers(encode), self.num_components, self.latent_dim
        log_density = log_densities.dirichlet(self.log_weights(), self.concentration()) - self.concentration()
        log_density -= 0.5 * tf.reduce_sum(tf.square(mean) + variance + math.log(2 * math.pi))
        log_density += tf.reduce_sum(log_densities.wishart(self.scale_tril(), k ** (2 / d) / (d + 2)))
        return -log_density / self.num_examples
