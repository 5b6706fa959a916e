"""What priors with a learned pseudo-input for each component share."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import as_array
from keras_vaemix.core.hints import Array, Distribution, Encode, Tensor
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.supports import UNIT, check_kind
from keras_vaemix.core.warned import warn_caller
from keras_vaemix.priors.mixture import MixturePrior


class PseudoInputPrior(MixturePrior):
    r"""Abstract: a mixture with a component for each of K learned pseudo-inputs :math:`u_k`. Subclasses implement `components`.

    A sigmoid keeps pseudo-inputs inside `value_range`, :math:`u = a + (b - a)\,\sigma(w)`, with a gradient that never vanishes; the
    VampPrior authors' hard clipping gives no gradient to a pixel outside the range. Pseudo-inputs are encoded once per step.

    Args:
        latent_dim: Number of latent dimensions D.
        num_components: Number of pseudo-inputs K.
        example_shape: Shape of one example.
        learn_weights: Whether the weights :math:`\pi_k` are learned; if not, they are uniform.
        value_range: Range (a, b) of the data. For a likelihood of real values it should be given: a model warns of the default.
        initial_mean, initial_stddev: The pseudo-inputs start as normal noise with these moments, as fractions of the range; see
            `initialize_from_examples` to start from data.
    """

    needs_encoder = True

    def __init__(
        self,
        latent_dim: int,
        num_components: int = 500,
        example_shape: Sequence[int] = (28, 28, 1),
        learn_weights: bool = False,
        value_range: tuple[float, float] = (0.0, 1.0),
        initial_mean: float = 0.05,
        initial_stddev: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, **kwargs)
        check_positive(num_components=num_components)
        require(value_range[0] < value_range[1], "value_range (a, b) with a < b", value_range=value_range)
        require(0 < initial_mean < 1, "initial_mean in (0, 1)", initial_mean=initial_mean)
        require(initial_stddev >= 0, "initial_stddev >= 0", initial_stddev=initial_stddev)
        self.num_components, self.example_shape, self.learn_weights = num_components, tuple(example_shape), learn_weights
        self.value_range = tuple(value_range)
        self.initial_mean, self.initial_stddev = initial_mean, initial_stddev
        slope = initial_mean * (1 - initial_mean)
        noise = keras.initializers.RandomNormal(math.log(initial_mean / (1 - initial_mean)), initial_stddev / slope)
        self.raw_pseudo_inputs = self.add_weight((num_components, *example_shape), noise, name="pseudo_inputs", dtype="float32")
        self.raw_logits = self.add_weight((num_components,), "zeros", name="logits", trainable=learn_weights, dtype="float32")

    def initialize_from_examples(self, x: Array, margin: float = 0.05, seed: int = 0) -> None:
        """Initialises the pseudo-inputs with K examples of `x`, kept away from the ends of the range by the fraction `margin`."""
        x = as_array(x)
        check_kind(x, self.example_shape)
        require(len(x) >= self.num_components, f"at least num_components={self.num_components} examples in x", examples=len(x))
        low, high = self.value_range
        chosen = np.random.default_rng(seed).choice(len(x), self.num_components, replace=False)
        require(0 < margin < 0.5, "margin in (0, 0.5): the ends of the range are the sigmoid's limits", margin=margin)
        examples = np.asarray(x)[chosen].astype("float64")
        incomplete = int(np.isnan(examples).any(axis=tuple(range(1, examples.ndim))).sum())
        require(not incomplete, "examples without missing values (NaN): leave out the others", incomplete=incomplete)
        least, most = float(examples.min()), float(examples.max())
        remedy = "pass value_range=(least, most) of the data, or scale them, for example x / 255"
        expected = f"examples inside value_range={self.value_range}: {remedy}"
        require(low <= least <= most <= high, expected, least=least, most=most)
        unit = margin + (1 - 2 * margin) * (examples - low) / (high - low)
        self.raw_pseudo_inputs.assign(np.log(unit / (1 - unit)))

    def check_example_shape(self, shape):
        expected = f"a {type(self).__name__} with example_shape={tuple(shape)}, as the encoder takes"
        require(self.example_shape == tuple(shape), expected, example_shape=self.example_shape)

    def check_support(self, support):
        is_chosen = "value_range" in self._keywords or self.value_range != UNIT
        if not is_chosen and not support.is_unit:
            expected = f"value_range=(least, most) of data beyond [0, 1] for a {type(self).__name__}, which bounds its pseudo-inputs"
            warn_caller(f"Expected {expected}. Received: value_range={self.value_range} by default")

    def pseudo_inputs(self) -> Tensor:
        """Returns the pseudo-inputs u, [K, *example_shape], inside the range."""
        low, high = self.value_range
        return low + (high - low) * tf.sigmoid(tf.convert_to_tensor(self.raw_pseudo_inputs))

    def logits(self):
        return tf.convert_to_tensor(self.raw_logits)

    def encoded(self, encode: Encode) -> Distribution:
        """Returns the posteriors of the pseudo-inputs, batch [K] and event [D]."""
        expected = f"encode, the function from examples to q(z|x): a {type(self).__name__} is made of posteriors"
        require(encode is not None, expected, encode=encode)
        return encode(self.pseudo_inputs())
