"""Mixtures of diagonal normals, read from TFP distributions."""

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import require

tfd = tfp.distributions


class NormalComponents(NamedTuple):
    """A distribution as J weighted diagonal normals, in K groups of M: J = K * M.

    Attributes:
        log_weights: Normalised log-weights [..., J].
        loc: Locations [..., J, D].
        scale: Scales [..., J, D].
        group_size: Number of normals M in a group; more than one if the K components of a mixture are mixtures themselves.
    """

    log_weights: Any
    loc: Any
    scale: Any
    group_size: int = 1

    @classmethod
    def of(cls, distribution):
        """Reads a diagonal normal, a mixture of them, or a mixture of such mixtures; raises `ValueError` for anything else."""
        if isinstance(distribution, tfd.MixtureSameFamily):
            within = cls.of(distribution.components_distribution)  # [..., K, M]
            log_weights = tf.nn.log_softmax(distribution.mixture_distribution.logits_parameter())[..., None] + within.log_weights
            return cls(*map(merge, (log_weights, within.loc, within.scale), (-2, -3, -3)), within.loc.shape[-2])
        require(is_normal(distribution), "a diagonal normal or a mixture of diagonal normals", distribution=distribution.name)
        normal = distribution.distribution
        shape = tf.concat([distribution.batch_shape_tensor(), [1], distribution.event_shape_tensor()], axis=0)
        loc, scale = (tf.reshape(tf.broadcast_to(value, normal.batch_shape_tensor()), shape) for value in (normal.loc, normal.scale))
        static = [*distribution.batch_shape, 1, *distribution.event_shape]
        loc, scale = tf.ensure_shape(loc, static), tf.ensure_shape(scale, static)
        return cls(tf.zeros(tf.shape(loc)[:-1], loc.dtype), loc, scale)

    def cast(self, dtype):
        """Returns the same components in another floating type."""
        return self._replace(log_weights=tf.cast(self.log_weights, dtype), loc=tf.cast(self.loc, dtype), scale=tf.cast(self.scale, dtype))


def merge(value, axis):
    """Merges the axes `axis` and `axis + 1` of a tensor; both are negative and known."""
    static = value.shape
    size = static[axis] * static[axis + 1]
    before, after = tf.shape(value)[:axis], static[len(static) + axis + 2 :]
    merged = tf.reshape(value, tf.concat([before, [size], after], axis=0))
    return tf.ensure_shape(merged, [*static[:axis], size, *after])


def is_normal(distribution):
    """Returns whether a distribution is `tfd.Independent(tfd.Normal)`."""
    return isinstance(distribution, tfd.Independent) and isinstance(distribution.distribution, tfd.Normal)


def is_normal_mixture(distribution):
    """Returns whether a distribution is a diagonal normal, or a mixture of them, nested to any depth."""
    while isinstance(distribution, tfd.MixtureSameFamily):
        distribution = distribution.components_distribution
    return is_normal(distribution)
