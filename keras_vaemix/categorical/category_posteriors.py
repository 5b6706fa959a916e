"""Where q(c|x) of a CP-VAE comes from: the encoder, or a frozen copy of it."""

import abc

import keras
import tensorflow as tf

from keras_vaemix.core.part import Part, PartLayer, register, require


class CategoryPosterior(abc.ABC):
    """Abstract: turns the encoder's own logits of the categories into q(c|x)."""

    @abc.abstractmethod
    def log_probs(self, x, logits):
        """Returns log q(c|x), [B, K], for examples x [B, *] and the encoder's own logits [B, K]."""

    @abc.abstractmethod
    def distillation(self, log_q, logits):
        """Returns what training adds to the loss of each example, [B] in nats, given `log_probs` and the encoder's own logits."""

    @abc.abstractmethod
    def check(self, encoder):
        """Raises `ValueError` unless it fits the encoder."""

    @abc.abstractmethod
    def keep(self, encoder):
        """Takes note of an encoder whose categories have just been taught."""


@register
class EncodedCategories(Part, CategoryPosterior):
    """q(c|x) is the encoder's own."""

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
    r"""q(c|x) is that of a frozen copy of the encoder while it is held, then the encoder's own.

    Categories that were taught at the start drift away from it in training, since nothing in the bound asks for them. With
    :math:`q(c|x)` held the rest is trained around them. The bound holds for any :math:`q(c|x)`, and so for this one.

    While the categories are held, the encoder's own are trained towards them: the loss has the further term
    :math:`KL(q_{held}(c|x) \| q(c|x))`. Without it the layers below, which serve z alone, would leave the encoder's categories behind,
    and those would be worthless when they are released. The term is no part of any reported bound, and zero after the release.

    Attributes:
        held: Weight that is 1 while the categories are held, as at the start, else 0; `callbacks.HoldCategories` releases them.

    Args:
        network: Network of the encoder's inputs and outputs, never trained; `HeldCategories.of(encoder)` makes it.
    """

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.network.trainable = False
        self.held = self.add_weight((), "ones", name="held", trainable=False, dtype="float32")
        self.built = True

    @classmethod
    def of(cls, encoder):
        """Returns held categories with a copy of an encoder as it is now; `keep` makes it that of a later one."""
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
