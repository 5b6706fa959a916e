"""Mixtures of diagonal normals whose density is two matrix products."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


class DiagonalNormalMixture(tfd.MixtureSameFamily):
    r"""`tfd.MixtureSameFamily` of `Independent(Normal)` components [K], with `log_prob` as matrix products.

    :math:`\sum_d (z_d - \mu_{kd})^2 / s_{kd}^2 = z^2 \cdot s_k^{-2} - 2 z \cdot (\mu_k s_k^{-2}) + \sum_d \mu_{kd}^2 s_{kd}^{-2}`,
    which never holds an array of [..., K, D]. All locations are first moved by their mean, which lessens the cancellation that
    the expanded square brings; what is left is about 1e-6 of the largest term, where scales are small.
    """

    def _log_prob(self, z):
        normal = self.components_distribution.distribution
        center = tf.stop_gradient(tf.reduce_mean(normal.loc, axis=0))  # [D]
        z, loc = z - center, normal.loc - center
        precision = tf.broadcast_to(1 / tf.square(normal.scale), tf.shape(loc))  # [K, D]
        quadratic = (
            tf.matmul(tf.square(z), precision, transpose_b=True)
            - 2 * tf.matmul(z, loc * precision, transpose_b=True)
            + tf.reduce_sum(tf.square(loc) * precision, axis=1)
        )  # [..., K]
        log_normalizer = 0.5 * tf.reduce_sum(tf.math.log(2 * math.pi / precision), axis=1)  # [K]
        log_weights = tf.nn.log_softmax(self.mixture_distribution.logits_parameter())
        return tf.reduce_logsumexp(log_weights - log_normalizer - 0.5 * quadratic, axis=-1)
