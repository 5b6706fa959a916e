"""Sampling by selection: several candidates are drawn, and one of them is kept."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from keras_vaemix.core.sampler import Sampler


class Selected(NamedTuple):
    """The sampler that keeps one of T draws of another sampler, by operations that export to ONNX.

    The draws have no components, whether those of the base have or not: selection changes their weights.

    Attributes:
        base: The `Sampler` of the candidates; each of its noises is needed T times, under a name of its own.
        num_candidates: Number of candidates T.
        own_noise: The `Noise` of the selection by name.
        select: Function of the candidates [N, T, D] and the noise by name that returns the index of the one to keep, integer [N].
    """

    base: Sampler
    num_candidates: int
    own_noise: dict
    select: Callable

    num_components = 1

    def noise(self):
        many = {many_of(name): one._replace(size=self.num_candidates * (one.size or 1)) for name, one in self.base.noise().items()}
        return {**many, **self.own_noise}

    def generate(self, noise, component):
        any_component = tf.fill([tf.shape(component)[0] * self.num_candidates], tf.constant(-1, component.dtype))
        sizes = {name: [-1] if one.size is None else [-1, one.size] for name, one in self.base.noise().items()}
        single = {name: tf.reshape(noise[many_of(name)], size) for name, size in sizes.items()}
        z, _ = self.base.generate(single, any_component)  # [N * T, D]
        z = tf.reshape(z, [-1, self.num_candidates, z.shape[-1]])
        return tf.gather(z, self.select(z, noise), batch_dims=1), tf.zeros_like(component)

    def weights(self):
        return tf.ones([1])

    def constants(self):
        return self._replace(base=self.base.constants())


def many_of(name):
    """Returns the name of the noise of all candidates."""
    return f"candidates_{name}"
