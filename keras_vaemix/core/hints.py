"""The types that hints on public signatures name. Overrides of a method have those of the method itself."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

Tensor: TypeAlias = tf.Tensor
Array: TypeAlias = np.ndarray | tf.Tensor
Shape: TypeAlias = Sequence[int]
Network: TypeAlias = keras.Model
Distribution: TypeAlias = tfp.distributions.Distribution
Encode: TypeAlias = Callable[[Tensor], Distribution]  # from examples to q(z|x)
