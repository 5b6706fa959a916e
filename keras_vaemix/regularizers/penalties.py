"""Penalties of a deterministic autoencoder, which replace the noise of a VAE."""

import abc

import keras
import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import Part, check_positive, register, require
from keras_vaemix.core.shapes import flat_sum
from keras_vaemix.core.stateless import without_state_updates

TINY = 1e-12  # keeps the logarithm finite where a decoder does not depend on its input


class Penalty(Part, abc.ABC):
    """Abstract: a weighted penalty on codes or decoder.

    Args:
        weight: Factor of the penalty.

    Raises:
        ValueError: The weight is negative.
    """

    def __init__(self, weight: float) -> None:
        require(weight >= 0, "weight >= 0: it is the factor lambda of the penalty", weight=weight)
        self.weight = weight

    @abc.abstractmethod
    def __call__(self, model: keras.Model, z: Tensor, seed: Tensor) -> Tensor:
        """Returns the weighted penalty, a mean over the codes z [B, D] of an `Autoencoder`; noise is a function of the seed [2]."""


@register
class CodeNorm(Penalty):
    r"""Norm of the codes, :math:`\frac{\beta}{2} E \|z\|^2` (eq. 6 of the paper).

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020.
    """

    def __init__(self, weight: float = 1e-4) -> None:
        super().__init__(weight)

    def __call__(self, model, z, seed):
        return 0.5 * self.weight * tf.reduce_mean(tf.reduce_sum(z**2, axis=-1))


@register
class DecoderNorm(Penalty):
    r"""Weight decay of the decoder, :math:`\lambda \|\theta_D\|_2^2`: RAE-L2.

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, Section 3.1.
    """

    def __init__(self, weight: float = 1e-7) -> None:
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

    def __init__(self, weight: float = 1e-6) -> None:
        super().__init__(weight)

    def __call__(self, model, z, seed):
        z = tf.identity(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            x = decoded(model, z)
            v = tf.random.stateless_normal(tf.shape(x), seed)
            projected = tf.reduce_sum(x * v)
        return self.weight * tf.reduce_mean(flat_sum(tf.square(tape.gradient(projected, z))))


@register
class LogVolume(Penalty):
    r"""Bound on the log-volume change of the decoder, :math:`\beta \frac{D}{2} E \log E_v \|J_D(z) v\|^2`, v uniform on the sphere.

    With `CodeNorm(beta)` it is the regulariser of the injective flow, whose density at D(z) is
    :math:`\log p(z) - \frac12 \log \det J^\top J`. By Jensen's inequality

    .. math:: \tfrac12 \log \det J^\top J \le \tfrac{D}{2} E_v \log \|J v\|^2 \le \tfrac{D}{2} \log E_v \|J v\|^2,

    with equality where the columns of J are orthogonal and of equal norms. The mean over `num_directions` draws of v in place of
    :math:`E_v` has an expectation between the last two, the first of them for one draw: a bound too, and a tighter one than the paper's.
    :math:`J v` costs two backward passes through the decoder, not one for each pixel.

    Args:
        weight: :math:`\beta`.
        num_directions: Number of draws of v for each code.

    Reference: A. Kumar, B. Poole, K. Murphy, *Regularized Autoencoders via Relaxed Injective Probability Flow*, 2020.
    """

    def __init__(self, weight: float = 1e-2, num_directions: int = 1) -> None:
        super().__init__(weight)
        check_positive(num_directions=num_directions)
        self.num_directions = num_directions

    def __call__(self, model, z, seed):
        z = tf.repeat(z, self.num_directions, axis=0)
        v = tf.math.l2_normalize(tf.random.stateless_normal(tf.shape(z), seed), axis=-1)
        product = jacobian_vector_product(lambda z: decoded(model, z), z, v)
        squared = tf.reshape(flat_sum(tf.square(product)), [-1, self.num_directions])
        return self.weight * 0.5 * z.shape[-1] * tf.reduce_mean(tf.math.log(tf.reduce_mean(squared, axis=-1) + TINY))


def decoded(model, z):
    """Returns what latents are decoded to in training mode; it is the decoder's call for the cost that updates running moments."""
    return model.cost.mean(without_state_updates(model.decoder, z))


def jacobian_vector_product(function, z, v):
    r"""Returns :math:`J v` for the Jacobian of a function at z [N, D] and v [N, D]: the derivative of :math:`u^\top J v` by u.

    XLA would compile `tf.autodiff.ForwardAccumulator` anew in every step, for v that is a function of the seed.
    """
    with tf.GradientTape() as by_u:
        with tf.GradientTape() as by_z:
            by_z.watch(z)
            x = function(z)
            u = tf.zeros_like(x)
            by_u.watch(u)
            projected = tf.reduce_sum(u * x)
        gradient = by_z.gradient(projected, z)  # J^T u
    return by_u.gradient(gradient, u, output_gradients=v)
