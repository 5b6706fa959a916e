"""The source of q(c|x) in a CP-VAE: the encoder, or a frozen copy of it."""

import abc
from typing import Any

import keras
import tensorflow as tf

from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import Part, PartLayer, register, require, require_networks


class CategoryPosterior(abc.ABC):
    """Abstract: turns the encoder's own logits of the categories into q(c|x)."""

    @abc.abstractmethod
    def log_probs(self, x: Array, logits: Tensor) -> Tensor:
        """Returns log q(c|x), [B, K], for the encoder's inputs x and its own logits [B, K]."""

    @abc.abstractmethod
    def distillation(self, log_q: Tensor, logits: Tensor) -> Tensor:
        """Returns the distillation loss of each example in training, [B] in nats, given `log_probs` and the encoder's own logits."""

    @abc.abstractmethod
    def check(self, encoder: Network) -> None:
        """Raises `ValueError` unless this part fits the encoder."""

    @abc.abstractmethod
    def keep(self, encoder):
        """Adopts the categories of an encoder that has just been pretrained."""


@register
class EncodedCategories(Part, CategoryPosterior):
    """The encoder's own q(c|x)."""

    def log_probs(self, x, logits):
        return tf.nn.log_softmax(logits)

    def distillation(self, log_q, logits):
        return 0.0

    def check(self, encoder):
        pass

    def keep(self, encoder):
        pass


@register
class HeldCategories(PartLayer, CategoryPosterior):
    r"""The q(c|x) of a frozen copy of the encoder while it is held, then the encoder's own.

    Pretrained categories drift away in training, since nothing in the bound asks for them. While :math:`q(c|x)` is held, everything else
    is trained around it. The bound holds for any :math:`q(c|x)`, and so for this one.

    While the categories are held, the encoder's own are trained to match them: the loss has the additional term
    :math:`KL(q_{held}(c|x) \| q(c|x))`. Without it, the layers below would be trained for z alone, and the encoder's categories would be
    useless when they are released. The term is not part of any reported bound, and is zero after the release.

    Attributes:
        held: Weight that is 1 while the categories are held, as initially, else 0; `callbacks.HoldCategories` releases them.

    Args:
        network: Frozen network with the encoder's inputs and outputs; `HeldCategories.of(encoder)` makes it.
    """

    def __init__(self, network: Network, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_networks(network=network)
        self.network = network
        self.network.trainable = False
        self.held = self.add_weight((), "ones", name="held", trainable=False, dtype="float32")
        self.built = True

    @classmethod
    def of(cls, encoder):
        """Returns held categories with a copy of the encoder in its present state; `keep` updates the copy."""
        copy = cls(keras.models.clone_model(encoder))
        copy.keep(encoder)
        return copy

    def check(self, encoder):
        is_copy = self.network is not encoder and self.network.output_shape == encoder.output_shape
        expected = f"held categories of a copy of the encoder, with output shape {encoder.output_shape}: use HeldCategories.of(encoder)"
        require(is_copy, expected, is_encoder=self.network is encoder, shape=self.network.output_shape)

    def keep(self, encoder):
        self.network.set_weights(encoder.get_weights())

    def log_probs(self, x, logits):
        taught = tf.cast(self.network(x, training=False), tf.float32)[:, : logits.shape[-1]]
        return tf.nn.log_softmax(tf.where(self.held > 0.5, tf.stop_gradient(taught), logits))

    def distillation(self, log_q, logits):
        log_q = tf.stop_gradient(log_q)
        return self.held * tf.reduce_sum(tf.exp(log_q) * (log_q - tf.nn.log_softmax(logits)), axis=-1)
