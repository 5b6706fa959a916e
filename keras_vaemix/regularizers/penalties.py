"""Penalties of a deterministic autoencoder, which replace the noise of a VAE."""

import abc

import tensorflow as tf

from keras_vaemix.core.part import Part, register, require
from keras_vaemix.core.shapes import flat_sum


class Penalty(Part, abc.ABC):
    """Abstract: a weighted penalty on codes or decoder.

    Args:
        weight: Factor of the penalty.

    Raises:
        ValueError: The weight is negative.
    """

    def __init__(self, weight):
        require(weight >= 0, "weight >= 0: it is the factor lambda of the penalty", weight=weight)
        self.weight = weight

    @abc.abstractmethod
    def __call__(self, model, z, seed):
        """Returns the weighted penalty, a mean over the codes z [B, D] of an `Autoencoder`; noise is a function of the seed [2]."""


@register
class CodeNorm(Penalty):
    r"""Norm of the codes, :math:`\frac{\beta}{2} E \|z\|^2` (eq. 6 of the paper).

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020.
    """

    def __init__(self, weight=1e-4):
        super().__init__(weight)

    def __call__(self, model, z, seed):
        return 0.5 * self.weight * tf.reduce_mean(tf.reduce_sum(z**2, axis=-1))


@register
class DecoderNorm(Penalty):
    r"""Weight decay of the decoder, :math:`\lambda \|\theta_D\|_2^2`: RAE-L2.

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, Section 3.1.
    """

    def __init__(self, weight=1e-7):
        super().__init__(weight)

    def __call__(self, model, z, seed):
        return self.weight * sum(tf.reduce_sum(tf.square(weight)) for weight in model.decoder.trainable_variables)


@register
class DecoderGradient(Penalty):
    r"""Gradient penalty of the decoder, :math:`\lambda\,E \|\nabla_z D(z)\|_F^2`: RAE-GP.

    The Frobenius norm of the Jacobian J is estimated without bias by :math:`\|J^\top v\|^2` with a standard normal v for each
    example, in one backward pass instead of one for each pixel.

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, Section 3.1.
    """

    def __init__(self, weight=1e-6):
        super().__init__(weight)

    def __call__(self, model, z, seed):
        z = tf.identity(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            x = model.cost.mean(model.decoder_params(z, training=True))
            v = tf.random.stateless_normal(tf.shape(x), seed)
            projected = tf.reduce_sum(x * v)
        return self.weight * tf.reduce_mean(flat_sum(tf.square(tape.gradient(projected, z))))
