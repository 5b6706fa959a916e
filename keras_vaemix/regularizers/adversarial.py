r"""Adversarial losses :math:`L_H` of a critic H, and :math:`L_G` of the network whose outputs it tells from real ones."""

import abc

import tensorflow as tf

from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import Part, register, require
from keras_vaemix.core.shapes import flat_sum


class AdversarialLoss(Part, abc.ABC):
    """Abstract: the losses of a critic, and of the networks that produce its inputs. The critic's output is high for real inputs."""

    @abc.abstractmethod
    def critic_loss(self, critic: Network, real: Array, fake: Array, seed: Tensor) -> Tensor:
        """Returns the critic's loss for real and fake [B, *], a mean over the batch; noise is a function of the stateless seed [2]."""

    @abc.abstractmethod
    def generator_loss(self, score: Tensor) -> Tensor:
        """Returns the loss of the network that makes the fake inputs, for the critic's scores [B, 1] of them."""

    @abc.abstractmethod
    def real_side_loss(self, score: Tensor) -> Tensor:
        """Returns the loss of the network that makes the real inputs, if that is trained too, so that their scores fall."""


@register
class NonSaturating(AdversarialLoss):
    r"""Classification, :math:`L_H = -E \log \sigma(H(real)) - E \log(1 - \sigma(H(fake)))`, and :math:`L_G = -E \log \sigma(H(fake))`.

    Reference: A. Makhzani et al., *Adversarial Autoencoders*, 2016; I. Tolstikhin et al., *Wasserstein Auto-Encoders*, 2018, Algorithm 1.
    """

    def critic_loss(self, critic, real, fake, seed):
        on_real, on_fake = critic(real, training=True), critic(fake, training=True)
        return tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_fake))

    def generator_loss(self, score):
        return tf.reduce_mean(tf.nn.softplus(-score))

    def real_side_loss(self, score):
        return tf.reduce_mean(tf.nn.softplus(score))


@register
class Wasserstein(AdversarialLoss):
    r"""Dual of the Wasserstein distance with a gradient penalty,
    :math:`L_H = E\,H(fake) - E\,H(real) + \gamma\,E(\|\nabla H(\hat z)\| - 1)^2` at random points between both, and
    :math:`L_G = -E\,H(fake)`.

    Args:
        gradient_penalty: :math:`\gamma`.

    Reference: I. Gulrajani et al., *Improved Training of Wasserstein GANs*, 2017, eq. 3.
    """

    def __init__(self, gradient_penalty: float = 10.0) -> None:
        require(gradient_penalty >= 0, "gradient_penalty >= 0", gradient_penalty=gradient_penalty)
        self.gradient_penalty = gradient_penalty

    def critic_loss(self, critic, real, fake, seed):
        difference = tf.reduce_mean(critic(fake, training=True)) - tf.reduce_mean(critic(real, training=True))
        return difference + self.gradient_penalty * self.penalty(critic, real, fake, seed)

    def penalty(self, critic: Network, real: Array, fake: Array, seed: Tensor) -> Tensor | None:
        r"""Returns :math:`E(\|\nabla H(\hat z)\| - 1)^2` at one random point between each real and fake."""
        shape = [tf.shape(real)[0], *(1 for _ in real.shape[1:])]
        between = real + tf.random.stateless_uniform(shape, seed) * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            score = tf.reduce_sum(critic(between, training=True))
        squared = flat_sum(tf.square(tape.gradient(score, between)))
        return tf.reduce_mean(tf.square(tf.sqrt(squared + 1e-12) - 1))  # the gradient of the root is infinite at zero

    def generator_loss(self, score):
        return -tf.reduce_mean(score)

    def real_side_loss(self, score):
        return tf.reduce_mean(score)


@register
class LeastSquares(AdversarialLoss):
    r"""Least squares, :math:`L_H = \frac12 E (H(real) - 1)^2 + \frac12 E\,H(fake)^2`, and :math:`L_G = \frac12 E (H(fake) - 1)^2`.

    Reference: X. Mao et al., *Least Squares Generative Adversarial Networks*, 2017, eq. 9.
    """

    def critic_loss(self, critic, real, fake, seed):
        on_real, on_fake = critic(real, training=True), critic(fake, training=True)
        return 0.5 * (tf.reduce_mean(tf.square(on_real - 1.0)) + tf.reduce_mean(tf.square(on_fake)))

    def generator_loss(self, score):
        return 0.5 * tf.reduce_mean(tf.square(score - 1.0))

    def real_side_loss(self, score):
        return 0.5 * tf.reduce_mean(tf.square(score))


@register
class Hinge(AdversarialLoss):
    r"""Hinge, :math:`L_H = E \max(0, 1 - H(real)) + E \max(0, 1 + H(fake))`, and :math:`L_G = -E\,H(fake)`.

    Reference: J. Lim, J. Ye, *Geometric GAN*, 2017.
    """

    def critic_loss(self, critic, real, fake, seed):
        on_real, on_fake = critic(real, training=True), critic(fake, training=True)
        return tf.reduce_mean(tf.nn.relu(1.0 - on_real)) + tf.reduce_mean(tf.nn.relu(1.0 + on_fake))

    def generator_loss(self, score):
        return -tf.reduce_mean(score)

    def real_side_loss(self, score):
        return tf.reduce_mean(score)
