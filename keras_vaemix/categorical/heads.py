"""The posterior of a latent given a category, q(z|x, c), for all categories at once."""

import abc
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import PartLayer, check_positive, register
from keras_vaemix.posteriors.base import check_limits

tfd = tfp.distributions


class Heads(PartLayer, abc.ABC):
    r"""Abstract: :math:`q(z|x, c_k) = N(g_k \odot \mu(x) + v_k,\ \mathrm{diag}\,(r_k \odot \sigma(x))^2)`.

    Subclasses implement `coefficients`. Because a category changes the encoder's output by an affine map, all K divergences of eq. 8
    are a few matrix products, for any K.

    Args:
        latent_dim: Number of latent dimensions D.
        num_categories: Number of categories K.
        log_variance_limits: The encoder's log-variance is clipped to these limits.
    """

    def __init__(self, latent_dim: int, num_categories: int, log_variance_limits: tuple[float, float] = (-6.0, 2.0), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(latent_dim=latent_dim, num_categories=num_categories)
        self.latent_dim, self.num_categories = latent_dim, num_categories
        self.log_variance_limits = check_limits(log_variance_limits)

    @abc.abstractmethod
    def coefficients(self):
        """Returns the gates g, shifts v and scale factors r, each [K, D]."""

    def split(self, params):
        """Returns the mean and the scale, [B, D] each, before any category changes them, from the encoder's output [B, 2 D]."""
        loc, log_variance = tf.split(tf.cast(params, tf.float32), 2, axis=-1)
        return loc, tf.exp(0.5 * tf.clip_by_value(log_variance, *self.log_variance_limits))

    def select(self, loc, scale, c):
        """Returns q(z|x, c), a normal of batch [..., B] and event [D], for one-hot c [..., B, K]."""
        gate, shift, factor = (tf.tensordot(c, value, 1) for value in self.coefficients())
        return tfd.Independent(tfd.Normal(gate * loc + shift, factor * scale), 1)

    def kl(self, loc, scale, prior_loc, prior_scale, dtype=tf.float32):
        r"""Returns :math:`KL(q(z|x, c_k) \| p(z|c_k))` for every category, [B, K] in nats; prior parameters [K, D].

        :math:`\frac12 \sum_d [\ln t_{kd}^2 - \ln(r_{kd} \sigma_d)^2 + ((r_{kd} \sigma_d)^2 + (g_{kd} \mu_d + v_{kd} - m_{kd})^2) /
        t_{kd}^2 - 1]`, with the squares expanded: three matrix products.

        Args:
            dtype: Type of the products, as `product_dtype` gives it.
        """
        values = (*self.coefficients(), loc, scale, prior_loc, prior_scale)
        gate, shift, factor, mean, sigma, m, t = (tf.cast(value, dtype) for value in values)
        precision, shift = 1 / tf.square(t), shift - m
        moments = tf.concat([tf.square(sigma), tf.square(mean), mean], axis=-1)  # [B, 3 D]
        weights = tf.concat([tf.square(factor) * precision, tf.square(gate) * precision, 2 * gate * shift * precision], axis=-1)
        squares = tf.matmul(moments, weights, transpose_b=True) + tf.reduce_sum(tf.square(shift) * precision, axis=-1)
        log_scales = tf.reduce_sum(tf.math.log(t / factor), axis=-1) - tf.reduce_sum(tf.math.log(sigma), axis=-1)[:, None]
        return tf.cast(log_scales + 0.5 * (squares - self.latent_dim), tf.float32)


@register
class GatedHeads(Heads):
    r"""Heads in which each category gates, shifts and scales the encoder's output: the paper's "gated layer", one per category.

    :math:`g_k = 2\sigma(w_k)`, so that initially every category has the same posterior. The paper does not say which layer is gated. Here
    it is the output and not the layer before it: :math:`q(c|x)` sees x as well as the heads do, so that little is lost, and K heads cost
    as much as one.

    Reference: the CP-VAE paper, Section 3.2 and Figure 2.
    """

    def __init__(self, latent_dim: int, num_categories: int, log_variance_limits: tuple[float, float] = (-6.0, 2.0), **kwargs: Any) -> None:
        super().__init__(latent_dim, num_categories, log_variance_limits, **kwargs)
        shape = (num_categories, latent_dim)
        self.raw_gate = self.add_weight(shape, "zeros", name="gate", dtype="float32")
        self.shift = self.add_weight(shape, "zeros", name="shift", dtype="float32")
        self.log_factor = self.add_weight(shape, "zeros", name="log_factor", dtype="float32")

    def coefficients(self):
        return 2 * tf.sigmoid(self.raw_gate), tf.convert_to_tensor(self.shift), tf.exp(self.log_factor)


@register
class SharedHeads(Heads):
    r"""The same posterior for every category, :math:`q(z|x, c) = q(z|x)`: the amortised variant of the paper.

    Reference: the CP-VAE paper, Section 3.2; the mean field of Z. Jiang et al., *Variational Deep Embedding*, 2017.
    """

    def coefficients(self):
        ones = tf.ones([self.num_categories, self.latent_dim])
        return ones, tf.zeros_like(ones), ones


class CategoricalNormal:
    r"""A category and a diagonal normal given it, for `objective.kl(q, p)`.

    Args:
        log_probs: Log-probabilities of the categories, [B, K] or [K].
        kl_of_normals: Function that returns the divergence from q's normal to p's in each category, [B, K]; only q has it.
    """

    def __init__(self, log_probs, kl_of_normals=None):
        self.log_probs, self.kl_of_normals = log_probs, kl_of_normals

    def kl_divergence(self, p):
        r"""Returns :math:`B_1 + B_2 = KL(q(c|x) \| p(c)) + \sum_k q(c_k|x)\,KL(q(z|x,c_k) \| p(z|c_k))` (eq. 8), [B]."""
        terms = self.log_probs - p.log_probs + self.kl_of_normals()
        return tf.reduce_sum(tf.exp(self.log_probs) * terms, axis=-1)
