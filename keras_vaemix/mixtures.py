"""Mixtures of diagonal normals whose density is one matrix product."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


class DiagonalNormalMixture(tfd.MixtureSameFamily):
    r"""`tfd.MixtureSameFamily` of `Independent(Normal)` components [K], with `log_prob` as a matrix product.

    :math:`\sum_d (z_d - \mu_{kd})^2 / s_{kd}^2 = [z^2, z] \cdot [s_k^{-2}, -2 \mu_k s_k^{-2}] + \sum_d \mu_{kd}^2 s_{kd}^{-2}`,
    which never holds an array of [..., K, D]. The expanded square cancels where scales are small. All locations are first moved by
    their mean, which lessens it; what is left in float32 is about 1e-6 of the largest term. In float64, nothing of it is left
    in the float32 result.

    Args:
        mixture_distribution: `tfd.Categorical` over K components.
        components_distribution: `tfd.Independent(tfd.Normal)` of batch [K] and event [D].
        product_dtype: Type in which the product is computed: float32 in training, float64 for evaluation.
    """

    def __init__(self, mixture_distribution, components_distribution, product_dtype=tf.float32):
        self._product_dtype = product_dtype
        super().__init__(mixture_distribution, components_distribution)

    def _log_prob(self, z):
        normal = self.components_distribution.distribution
        z, loc, scale = (tf.cast(value, self._product_dtype) for value in (z, normal.loc, normal.scale))
        center = tf.stop_gradient(tf.reduce_mean(loc, axis=0))  # [D]
        z, loc = z - center, loc - center
        precision = tf.broadcast_to(1 / tf.square(scale), tf.shape(loc))  # [K, D]
        squares = tf.concat([tf.square(z), z], axis=-1)  # [..., 2 D]
        coefficients = tf.concat([precision, -2 * loc * precision], axis=-1)  # [K, 2 D]
        quadratic = tf.tensordot(squares, coefficients, [[-1], [-1]]) + tf.reduce_sum(tf.square(loc) * precision, axis=1)  # [..., K]
        log_normalizer = 0.5 * tf.reduce_sum(tf.math.log(2 * math.pi / precision), axis=1)  # [K]
        log_weights = tf.nn.log_softmax(self.mixture_distribution.logits_parameter())
        return tf.reduce_logsumexp(log_weights - tf.cast(log_normalizer + 0.5 * quadratic, log_weights.dtype), axis=-1)
