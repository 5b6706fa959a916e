"""What sampling is: a deterministic function of named noise, the same for models, pictures and exported graphs."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

# How noise of each family is drawn; `export.manifest` has the same names in NumPy.
STANDARD = {
    "Uniform": lambda df: tfd.Uniform(),
    "Normal": lambda df: tfd.Normal(0.0, 1.0),
    "Laplace": lambda df: tfd.Laplace(0.0, 1.0),
    "Logistic": lambda df: tfd.Logistic(0.0, 1.0),
    "Cauchy": lambda df: tfd.Cauchy(0.0, 1.0),
    "StudentT": lambda df: tfd.StudentT(df, 0.0, 1.0),
}


class Noise(NamedTuple):
    """Noise of one draw: `size` independent values of a standard distribution, a key of `STANDARD`; None is one scalar.

    Attributes:
        df: Degrees of freedom of a StudentT, else None.
    """

    family: str
    size: int | None
    df: float | None = None

    def shape(self, n):
        """Returns the shape of the noise for n draws."""
        return [n] if self.size is None else [n, self.size]

    def draw(self, n, seed):
        """Returns the noise for n draws, from a stateless seed [2]."""
        return STANDARD[self.family](self.df).sample(self.shape(n), seed=seed)


class Sampler(Protocol):
    """Maps named noise to draws z of K components, by operations that export to ONNX.

    `LocationScaleMixture` is one; `Pushed`, a flow's, pushes another's draws through a bijector.
    """

    @property
    def num_components(self):
        """Number of components K, each of which can be drawn by itself."""

    def noise(self):
        """Returns the `Noise` that one draw needs, by name and in order."""

    def generate(self, noise, component):
        """Returns draws z [N, D] and the component of each [N].

        Args:
            noise: Noise for N draws by name, of the shapes that `noise()` gives.
            component: Component of each draw, integer [N], or -1 for one drawn by its weight.
        """

    def weights(self):
        """Returns the weights of the components, [K]."""

    def constants(self):
        """Returns the same sampler with everything that depends on an encoder as NumPy arrays, which a graph holds as constants."""


class Pushed(NamedTuple):
    """The sampler of a flow, which pushes the draws of another sampler through a function.

    Attributes:
        base: A `Sampler`, whose components are also those of the flow.
        forward: Function from draws of the base, [N, D], to z [N, D], by operations that export to ONNX.
    """

    base: Sampler
    forward: Callable

    @property
    def num_components(self):
        return self.base.num_components

    def noise(self):
        return self.base.noise()

    def generate(self, noise, component):
        u, component = self.base.generate(noise, component)
        return self.forward(u), component

    def weights(self):
        return self.base.weights()

    def constants(self):
        return self._replace(base=self.base.constants())


def draw_noise(specs, n, seed):
    """Returns noise for n draws by name, from `Noise` specifications by name and a stateless seed [2]."""
    seeds = tf.unstack(tf.random.split(seed, len(specs)))
    return {name: spec.draw(n, own) for (name, spec), own in zip(specs.items(), seeds, strict=True)}


def draw(sampler, n, component, seed):
    """Returns n draws z [n, D] of a sampler and their components [n]; `component` -1 draws it. `seed` is stateless, [2]."""
    return sampler.generate(draw_noise(sampler.noise(), n, seed), tf.fill([n], tf.cast(component, tf.int32)))
