"""The mixture of normals as posterior, with a draw from every component."""

import math

import tensorflow as tf

from keras_vaemix.core.part import register
from keras_vaemix.posteriors.mixture import MixturePosterior


@register
class NormalMixturePosterior(MixturePosterior):
    r"""Mixture of M diagonal normals, drawn from every component: strata with the exact weights :math:`\pi_m`.

    The estimate :math:`\sum_m \pi_m f(z_m)` is unbiased, gives gradients to the weights, and costs M decodings.

    Args: as in `MixturePosterior`.

    Reference: W. Morningstar et al., *Automatic Differentiation Variational Inference with Mixtures*, 2020 (arXiv 2003.01687), Eq. 6;
    the GMMpVAE paper, Eq. 16 and 17; the MoG posterior of the MoG-VAE paper.
    """

    @property
    def num_strata(self):
        return self.num_components

    def draw(self, params, num_samples, seed):
        q = self.distribution(params)
        z = q.components_distribution.sample(num_samples, seed=seed)  # [T, B, M, D]
        log_weight = tf.nn.log_softmax(q.mixture_distribution.logits_parameter())  # [B, M]
        z = tf.transpose(z, [0, 2, 1, 3])  # [T, M, B, D]
        z = tf.reshape(z, [num_samples * self.num_components, -1, z.shape[-1]])  # [S, B, D]
        return z, tf.tile(tf.transpose(log_weight), [num_samples, 1]) - math.log(num_samples), q.log_prob(z)
