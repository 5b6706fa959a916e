"""Matchings between the components of two mixtures of the same size."""

import abc
import itertools

import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import Part, register

LARGEST_ENUMERATION = 5


class ComponentMatching(Part, abc.ABC):
    """Abstract: a one-to-one assignment of components for given costs. It carries no gradient."""

    @abc.abstractmethod
    def __call__(self, cost, weights):
        """Returns the assignment as ones and zeros, [B, K, M, M].

        Args:
            cost: Cost of matching component m with component n, [B, K, M, M].
            weights: Weights of the components m, [B, M].
        """

    def needs_host(self, num_components: int) -> bool:
        return False


@register
class Greedy(ComponentMatching):
    """Greedy matching: in order of weight, largest first, each component takes the cheapest that is left; ties go to the lower index.

    It is often not optimal: for random mixtures of 2, 3 and 4 components it is worse in 20, 42 and 57 of 100 cases.

    Reference: the GMMpVAE paper, Section III.B, Eq. 13. Its order is arbitrary if weights are equal, as in all its experiments.
    """

    def __call__(self, cost, weights):
        m = cost.shape[-1]
        order = tf.argsort(weights, axis=-1, direction="DESCENDING", stable=True)  # [B, M]
        assignment = tf.zeros_like(cost)
        for turn in range(m):
            component = tf.one_hot(order[:, turn], m, dtype=cost.dtype)[:, None, :, None]  # [B, 1, M, 1]
            left = tf.reduce_sum(component * cost, axis=-2)  # [B, K, M]
            taken = tf.reduce_sum(assignment, axis=-2) > 0
            cheapest = tf.argmin(tf.where(taken, tf.constant(np.inf, cost.dtype), left), axis=-1)
            assignment += component * tf.one_hot(cheapest, m, dtype=cost.dtype)[..., None, :]
        return tf.stop_gradient(assignment)


@register
class Optimal(ComponentMatching):
    """The matching with the least total cost: by enumeration for up to five components, by SciPy for more.

    Costs are additive, so this is a linear assignment problem, which takes :math:`M^2` divergences and :math:`O(M^3)` operations, not the
    :math:`M!` divergences of the GMMpVAE paper. For more than five components it runs outside the graph, without XLA.

    Reference: D. Crouse, *On implementing 2D rectangular assignment algorithms*, 2016 (`scipy.optimize.linear_sum_assignment`).
    """

    def __call__(self, cost, weights):
        m = cost.shape[-1]
        if self.needs_host(m):
            assignment = tf.numpy_function(assign, [cost], cost.dtype, stateful=False)
            assignment.set_shape(cost.shape)
            return tf.stop_gradient(assignment)
        table = np.eye(m)[list(itertools.permutations(range(m)))]  # [M!, M, M]
        total = tf.tensordot(cost, tf.constant(table, cost.dtype), [[-2, -1], [-2, -1]])  # [B, K, M!]
        return tf.stop_gradient(tf.gather(tf.constant(table, cost.dtype), tf.argmin(total, axis=-1)))

    def needs_host(self, num_components):
        return num_components > LARGEST_ENUMERATION


def assign(cost):
    """Returns the optimal assignments of an array of costs [..., M, M], as ones and zeros."""
    from scipy.optimize import linear_sum_assignment

    flat = cost.reshape(-1, *cost.shape[-2:])
    assignment = np.zeros_like(flat)
    for one, here in zip(assignment, flat, strict=True):
        one[linear_sum_assignment(here)] = 1
    return assignment.reshape(cost.shape)
