"""The density of a mixture of normals with full covariances as one matrix product."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.mixtures.density import center

tfd = tfp.distributions


def projections(z, loc, matrices):
    r"""Returns :math:`A_k (z - \mu_k)` as one matrix product, [..., K, D].

    Args:
        z: Points [..., D].
        loc: Locations :math:`\mu_k`, [K, D].
        matrices: Matrices :math:`A_k`, [K, D, D].
    """
    middle = center(loc)
    return tf.tensordot(z - middle, matrices, [[-1], [2]]) - tf.linalg.matvec(matrices, loc - middle)


class FullNormalMixture(tfd.MixtureSameFamily):
    r"""`tfd.MixtureSameFamily` of `MultivariateNormalTriL` components [K], with `log_prob` as a matrix product.

    The squares of :math:`L_k^{-1} (z - \mu_k)` take one product with all inverse factors; TFP solves a system for each z and component.

    Args:
        mixture_distribution: `tfd.Categorical` over K components.
        components_distribution: `tfd.MultivariateNormalTriL` of batch [K] and event [D].
        product_dtype: Type in which products are computed.
    """

    def __init__(self, mixture_distribution, components_distribution, product_dtype=tf.float64):
        self.product_dtype = product_dtype
        super().__init__(mixture_distribution, components_distribution)

    def _log_prob(self, z):
        components = self.components_distribution
        loc, scale = tf.cast(components.loc, self.product_dtype), tf.cast(components.scale.to_dense(), self.product_dtype)
        inverse = tf.linalg.triangular_solve(scale, tf.eye(loc.shape[-1], batch_shape=loc.shape[:1], dtype=self.product_dtype))  # [K, D, D]
        squares = tf.reduce_sum(tf.square(projections(tf.cast(z, self.product_dtype), loc, inverse)), axis=-1)  # [..., K]
        log_normalizer = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale)) + 0.5 * math.log(2 * math.pi), axis=-1)  # [K]
        log_weights = tf.nn.log_softmax(self.mixture_distribution.logits_parameter())
        return tf.reduce_logsumexp(log_weights - tf.cast(log_normalizer + 0.5 * squares, log_weights.dtype), axis=-1)
