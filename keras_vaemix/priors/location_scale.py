"""A mixture of location-scale components as plain tensors: the one sampler, of models and of exported graphs."""

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

# How the standard member of a location-scale family is drawn; `export.sample` has the same names in NumPy.
STANDARD = {
    "Normal": lambda df: tfd.Normal(0.0, 1.0),
    "Laplace": lambda df: tfd.Laplace(0.0, 1.0),
    "Logistic": lambda df: tfd.Logistic(0.0, 1.0),
    "Cauchy": lambda df: tfd.Cauchy(0.0, 1.0),
    "StudentT": lambda df: tfd.StudentT(df, 0.0, 1.0),
}


class LocationScaleMixture(NamedTuple):
    r"""Mixture of K components :math:`z = \mu_k + s_k \odot \epsilon`, with :math:`\epsilon` from one standard distribution.

    Attributes:
        logits: Log-weights of the components, up to a constant, [K].
        loc: Locations [K, D].
        scale: Scales [K, D].
        family: Name of the standard distribution, a key of `STANDARD`.
        df: Degrees of freedom of a StudentT, else None.
    """

    logits: Any
    loc: Any
    scale: Any
    family: str = "Normal"
    df: float | None = None

    @classmethod
    def of(cls, logits, components):
        """Reads the mixture from TFP components of batch [K] and event [D]."""
        factor = getattr(components, "distribution", components)
        family = "Normal" if isinstance(factor, tfd.MultivariateNormalDiag) else type(factor).__name__
        if family not in STANDARD:
            raise ValueError(
                f"Expected components of a location-scale family, one of {', '.join(STANDARD)} inside tfd.Independent, "
                f"or MultivariateNormalDiag. Received: {type(components).__name__} of {family}"
            )
        loc, scale = (factor.mean(), factor.stddev()) if isinstance(factor, tfd.MultivariateNormalDiag) else (factor.loc, factor.scale)
        shape = tf.concat([components.batch_shape_tensor(), components.event_shape_tensor()], axis=0)
        df = float(factor.df) if family == "StudentT" else None
        return cls(tf.convert_to_tensor(logits), tf.broadcast_to(loc, shape), tf.broadcast_to(scale, shape), family, df)

    def constants(self):
        """Returns the same mixture as NumPy arrays, which a graph holds as constants."""
        return self._replace(logits=self.logits.numpy(), loc=self.loc.numpy(), scale=self.scale.numpy())

    def transport(self, u, noise, component):
        """Turns noise into draws, by operations that export to ONNX.

        Args:
            u: Uniform on [0, 1), [N]: chooses the component where `component` is -1.
            noise: Draws of the standard distribution, [N, D].
            component: Component of each draw, integer [N], or -1 for one drawn by its weight.

        Returns:
            z [N, D] and the component of each [N].
        """
        cumulative = tf.cumsum(tf.nn.softmax(self.logits))[:-1]  # [K - 1]
        drawn = tf.reduce_sum(tf.cast(u[:, None] >= cumulative[None, :], component.dtype), axis=1)
        component = tf.where(component < 0, drawn, component)
        return tf.gather(self.loc, component) + tf.gather(self.scale, component) * noise, component

    def sample(self, n, component, seed):
        """Returns n draws z [n, D] and their components [n]; `component` -1 draws it. `seed` is stateless, [2]."""
        u_seed, noise_seed = tf.unstack(tf.random.split(seed, 2))
        u = tf.random.stateless_uniform([n], u_seed)
        noise = STANDARD[self.family](self.df).sample([n, self.loc.shape[1]], seed=noise_seed)
        return self.transport(u, noise, tf.fill([n], tf.cast(component, tf.int32)))
