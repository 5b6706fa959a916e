"""A mixture of location-scale components as plain tensors, from which mixtures are sampled and exported."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.sampler import STANDARD, Noise

tfd = tfp.distributions

BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))


def choose(u, weights):
    r"""Returns the index that u chooses, :math:`\min\{j : u \sum_i w_i < \sum_{i \le j} w_i\}`: never one of weight zero.

    A u outside [0, 1) is replaced by the nearest number inside, NaN by zero: a float64 just below one, for example, rounds to one in
    float32.

    Args:
        u: Uniform on [0, 1), float32 [N].
        weights: Weights [J], or one row for each draw, [N, J].
    """
    cumulative = tf.cumsum(weights, axis=-1)
    below, total = cumulative[..., :-1], cumulative[..., -1:]
    is_passed = tf.minimum(u, BELOW_ONE)[:, None] * total >= below  # [N, J - 1]
    # The second condition is for u = NaN, which fails all comparisons; tf.where would not do, as in ONNX it is a product, which keeps NaN.
    return tf.reduce_sum(tf.cast(is_passed | (below <= 0), tf.int32), axis=-1)


class LocationScaleMixture(NamedTuple):
    r"""Mixture of J members :math:`z = \mu_j + s_j \odot \epsilon`, with :math:`\epsilon` from one standard distribution.

    Normal members may have correlated dimensions, :math:`z = \mu_j + L_j \epsilon` with lower triangular :math:`L_j`.

    The members form K groups of M, J = K * M, and a *component* is a group. If the components of a prior are mixtures themselves, M is
    more than one; otherwise each member is its own group.

    Attributes:
        logits: Log-weights of the members, up to a constant, [J].
        loc: Locations [J, D].
        scale: Scales [J, D], or lower triangular matrices [J, D, D].
        family: Name of the standard distribution, a key of `STANDARD`.
        df: Degrees of freedom of a StudentT, else None.
        group_size: Number of members M in a group.
    """

    logits: Any
    loc: Any
    scale: Any
    family: str = "Normal"
    df: float | None = None
    group_size: int = 1

    @classmethod
    def of(cls, logits, components):
        """Reads the mixture from TFP components of batch [K] and event [D], or from mixtures of M of them."""
        if isinstance(components, tfd.MixtureSameFamily):
            within = components.mixture_distribution.logits_parameter()  # [K, M]
            log_weights = tf.nn.log_softmax(logits)[:, None] + tf.nn.log_softmax(within)
            inner = cls.of(tf.reshape(log_weights, [-1]), components.components_distribution)
            flat = [tf.reshape(value, [-1, *value.shape[2:]]) for value in (inner.loc, inner.scale)]
            return inner._replace(loc=flat[0], scale=flat[1], group_size=within.shape[-1])
        shape = tf.concat([components.batch_shape_tensor(), components.event_shape_tensor()], axis=0)
        if isinstance(components, tfd.MultivariateNormalTriL):
            matrices = tf.broadcast_to(components.scale.to_dense(), tf.concat([shape, shape[-1:]], axis=0))  # [..., D, D]
            return cls(tf.convert_to_tensor(logits), tf.broadcast_to(components.loc, shape), matrices)
        is_diagonal = isinstance(components, tfd.MultivariateNormalDiag)
        factor = components if is_diagonal else getattr(components, "distribution", components)
        family = "Normal" if is_diagonal else type(factor).__name__
        families = [name for name in STANDARD if name != "Uniform"]
        if family not in families:
            raise ValueError(
                f"Expected components of a location-scale family, one of {', '.join(families)} inside tfd.Independent, "
                f"MultivariateNormalDiag or MultivariateNormalTriL. Received: {type(components).__name__} of {family}"
            )
        loc, scale = (factor.mean(), factor.stddev()) if is_diagonal else (factor.loc, factor.scale)
        df = float(factor.df) if family == "StudentT" else None
        return cls(tf.convert_to_tensor(logits), tf.broadcast_to(loc, shape), tf.broadcast_to(scale, shape), family, df)

    def constants(self):
        """Returns the same mixture as NumPy arrays, which a graph holds as constants."""
        return self._replace(logits=self.logits.numpy(), loc=self.loc.numpy(), scale=self.scale.numpy())

    @property
    def num_components(self):
        return self.loc.shape[0] // self.group_size

    def weights(self):
        """Returns the weights of the components, [K]."""
        return tf.reduce_sum(tf.reshape(tf.nn.softmax(self.logits), [-1, self.group_size]), axis=1)

    def transport(self, u, noise, component):
        """Turns noise into draws, by operations that export to ONNX.

        Args:
            u: Uniform on [0, 1), [N]: chooses the member within the given component, or among all where it is -1; see `choose`.
            noise: Draws of the standard distribution, [N, D].
            component: Component of each draw, integer [N], or -1 for one drawn by its weight.

        Returns:
            z [N, D] and the component of each [N].
        """
        drawn = tf.cast(choose(u, tf.nn.softmax(self.logits)), component.dtype)
        member = tf.where(component < 0, drawn, self.member(u, tf.maximum(component, 0)))
        return tf.gather(self.loc, member) + self.scaled(noise, member), member // self.group_size

    def scaled(self, noise, member):
        r"""Returns :math:`s_j \odot \epsilon` or :math:`L_j \epsilon`, [N, D], for noise [N, D] and members j [N]."""
        if len(self.scale.shape) == 2:
            return tf.gather(self.scale, member) * noise
        # Multiply by every matrix: for J < D the products [N, J, D] are smaller than the matrices of the chosen members, [N, D, D].
        return tf.gather(tf.tensordot(noise, self.scale, [[1], [2]]), member, batch_dims=1)

    def member(self, u, component):
        """Returns the member that u [N] chooses inside `component` [N]."""
        if self.group_size == 1:
            return component
        within = tf.nn.softmax(tf.reshape(self.logits, [-1, self.group_size]))  # [K, M]
        return component * self.group_size + tf.cast(choose(u, tf.gather(within, component)), component.dtype)

    def noise(self):
        return {"u": Noise("Uniform", None), "eps": Noise(self.family, self.loc.shape[1], self.df)}

    def generate(self, noise, component):
        return self.transport(noise["u"], noise["eps"], component)
