"""Bounds on KL(q || p) between mixtures of diagonal normals, in closed form."""

import abc
import math
from typing import Any, NamedTuple

import tensorflow as tf

from keras_vaemix.core.hints import Distribution, Tensor
from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.divergences.estimates import Divergence
from keras_vaemix.divergences.matching import ComponentMatching, Optimal
from keras_vaemix.divergences.pairwise import kl_among, pairwise_kl
from keras_vaemix.mixtures.normal_components import NormalComponents, is_normal_mixture


class Pairs(NamedTuple):
    r"""The ingredients of every bound, for mixtures :math:`q = \sum_m \pi_m q_m` and :math:`p = \sum_k w_k \sum_n \pi'_{kn} p_{kn}`.

    Attributes:
        log_pi: :math:`\log \pi_m`, [B, M].
        log_w: :math:`\log w_j`, the weight of the prior's component j = (k, n), over all components, [J].
        kl: :math:`KL(q_m \| p_j)`, [B, M, J].
        group_size: Number N of components n in each group k.
    """

    log_pi: Any
    log_w: Any
    kl: Any
    group_size: int

    def upper(self, log_b):
        r"""Returns :math:`V(b) = \sum_m \pi_m [\log \pi_m - \log \sum_j w_j b_{mj} e^{-KL_{mj}}]`, [B].

        It is an upper bound on KL(q || p) for any :math:`b \ge 0` with :math:`\sum_m b_{mj} = 1`, which splits each prior component
        between the components of q; this follows from the log-sum inequality and Jensen's.
        """
        inner = tf.reduce_logsumexp(self.log_w + log_b - self.kl, axis=-1)  # [B, M]
        return tf.reduce_sum(tf.exp(self.log_pi) * (self.log_pi - inner), axis=-1)

    def groups(self):
        r"""Returns :math:`\log w_k`, [K], and the cost :math:`\pi_m [\log(\pi_m / \pi'_{kn}) + KL(q_m \| p_{kn})]`, [B, K, M, N]."""
        log_w = tf.reshape(self.log_w, [-1, self.group_size])
        log_group = tf.reduce_logsumexp(log_w, axis=1)
        kl = tf.reshape(self.kl, [-1, self.kl.shape[1], log_w.shape[0], self.group_size])  # [B, M, K, N]
        log_pi = self.log_pi[:, :, None, None]
        cost = tf.exp(log_pi) * (log_pi - (log_w - log_group[:, None]) + kl)
        return log_group, tf.transpose(cost, [0, 2, 1, 3])


class Bound(Divergence):
    """Abstract: a bound in closed form for diagonal normals and mixtures of them; raises `ValueError` for anything else."""

    is_unbiased = False

    def __call__(self, q, p):
        expected = f"a diagonal normal or a mixture of diagonal normals as posterior and as prior for {type(self).__name__}"
        require(is_normal_mixture(q) and is_normal_mixture(p), expected, q=q.name, p=p.name)
        dtype = getattr(p, "product_dtype", tf.float32)
        q, p = NormalComponents.of(q).cast(dtype), NormalComponents.of(p).cast(dtype)
        require(len(p.loc.shape) == 2, f"a prior without a batch for {type(self).__name__}", batch=p.loc.shape[:-2])
        return tf.cast(self.bound(q, p), tf.float32)

    @abc.abstractmethod
    def bound(self, q: Distribution, p: Distribution) -> Tensor:
        """Returns the bound [B] for `NormalComponents` q [B, M, D] and p [J, D]."""


def pairs(q, p):
    """Returns the `Pairs` for `NormalComponents` q [B, M, D] and p [J, D]."""
    return Pairs(q.log_weights, p.log_weights, pairwise_kl(q, p), p.group_size)


class MatchedBound(Bound):
    """Abstract: a bound that matches the components of q one to one with those of each group of p.

    Args:
        matching: `Optimal()` by default, or `Greedy()`, the paper's.
    """

    def __init__(self, matching: ComponentMatching | None = None) -> None:
        self.matching = Optimal() if matching is None else matching

    def bound(self, q, p):
        m, n = q.loc.shape[-2], p.group_size
        expected = f"as many components in the posterior as in each component of the prior for {type(self).__name__}'s matching"
        remedy = "choose Variational, ComponentSoftmin or MonteCarlo"
        require(m == n, f"{expected}: {remedy}", posterior=m, prior=n)
        found = pairs(q, p)
        log_group, cost = found.groups()
        return self.matched(found, log_group, cost, self.matching(cost, tf.exp(found.log_pi)))

    @abc.abstractmethod
    def matched(self, pairs, log_group, cost, assignment):
        """Returns the bound [B] for the assignment [B, K, M, N]."""

    def needs_host(self, num_components):
        return self.matching.needs_host(num_components)


@register
class MeanBound(MatchedBound):
    r"""Upper bound: the mean over groups, :math:`\sum_k w_k U_k`; the loosest bound.

    :math:`U_k = \sum_m \pi_m [\log(\pi_m / \pi'_{k\beta(m)}) + KL(q_m \| p_{k\beta(m)})]` bounds the divergence to one group. At the
    optimum all groups are equal, and each fits the aggregate posterior by itself: K pseudo-inputs are worth no more than one.

    Args: as in `MatchedBound`.

    Reference: the GMMpVAE paper, Eq. 21 and 22 (whose Eq. 18 has an equality sign where it needs "at most").
    """

    def matched(self, pairs, log_group, cost, assignment):
        return tf.reduce_sum(tf.exp(log_group) * tf.reduce_sum(assignment * cost, axis=[-2, -1]), axis=-1)


@register
class SoftminBound(MatchedBound):
    r"""Upper bound: the soft minimum over groups, :math:`-\log \sum_k w_k e^{-U_k}`, with the :math:`U_k` of `MeanBound`.

    Args: as in `MatchedBound`.
    """

    def matched(self, pairs, log_group, cost, assignment):
        return -tf.reduce_logsumexp(log_group - tf.reduce_sum(assignment * cost, axis=[-2, -1]), axis=-1)


@register
class Matched(MatchedBound):
    r"""Upper bound: :math:`V(b)` of `Pairs.upper`, with each component of a group assigned to the component of q matched with it.

    Args: as in `MatchedBound`.
    """

    def matched(self, pairs, log_group, cost, assignment):
        b = tf.reshape(tf.transpose(assignment, [0, 2, 1, 3]), tf.shape(pairs.kl))  # [B, M, J]
        return pairs.upper(tf.where(b > 0, tf.zeros_like(b), tf.constant(-math.inf, b.dtype)))


@register
class ComponentSoftmin(Bound):
    r"""Upper bound: the soft minimum over the prior's components for each component of q.

    :math:`-\sum_m \pi_m \log \sum_j w_j e^{-KL_{mj}}`, which is :math:`V(b)` with :math:`b_{mj} = \pi_m`.
    """

    def bound(self, q, p):
        found = pairs(q, p)
        return -tf.reduce_sum(tf.exp(found.log_pi) * tf.reduce_logsumexp(found.log_w - found.kl, axis=-1), axis=-1)


@register
class Variational(Bound):
    r"""Upper bound: :math:`V(b)` at the best b that a few steps of coordinate descent find; the tightest bound here.

    :math:`a_{mj} \propto w_j b_{mj} e^{-KL_{mj}}` over j, then :math:`b_{mj} \propto \pi_m a_{mj}` over m, starting from
    :math:`b_{mj} = \pi_m`. If a matching exists, the result is the smaller of this and `Matched`. b carries no gradient: V is stationary
    in it at the optimum.

    Args:
        num_iterations: Number of coordinate descent steps.
        matching: The matching of `Matched`.

    Reference: J. Hershey, P. Olsen, *Approximating the Kullback Leibler Divergence Between Gaussian Mixture Models*, 2007, Section 8.
    """

    def __init__(self, num_iterations: int = 10, matching: ComponentMatching | None = None) -> None:
        check_positive(num_iterations=num_iterations)
        self.num_iterations = num_iterations
        self.matching = Optimal() if matching is None else matching

    def bound(self, q, p):
        found = pairs(q, p)
        log_b = tf.broadcast_to(found.log_pi[..., None], tf.shape(found.kl))
        for _ in range(self.num_iterations):
            log_a = tf.nn.log_softmax(found.log_w + log_b - found.kl, axis=-1)
            log_b = tf.nn.log_softmax(found.log_pi[..., None] + log_a, axis=-2)
        descended = found.upper(tf.stop_gradient(log_b))
        return tf.minimum(descended, Matched(self.matching).bound(q, p)) if q.loc.shape[-2] == p.group_size > 1 else descended

    def needs_host(self, num_components):
        return self.matching.needs_host(num_components)


@register
class LowerBound(Bound):
    r"""Lower bound on KL(q || p), for diagnosis: subtracting it does not give a bound on log p(x), so `ELBO` refuses it.

    :math:`\sum_m \pi_m [-H(q_m) + \log \sum_l \pi_l e^{-KL(q_m \| q_l)} - \log \sum_j w_j N(\mu_m; \nu_j, s_m^2 + t_j^2)]`, or zero
    if that is negative.

    Reference: J.-L. Durrieu, J.-P. Thiran, F. Kelly, *Lower and Upper Bounds for Approximation of the Kullback-Leibler Divergence
    Between Gaussian Mixture Models*, 2012.
    """

    is_upper_bound = False

    def bound(self, q, p):
        pi = tf.exp(q.log_weights)  # [B, M]
        negative_entropy = -tf.reduce_sum(tf.math.log(q.scale) + 0.5 * math.log(2 * math.pi * math.e), axis=-1)
        overlap = tf.reduce_logsumexp(q.log_weights[..., None, :] - kl_among(q), axis=-1)
        variance = tf.square(q.scale)[..., None, :] + tf.square(p.scale)  # [B, M, J, D]
        squares = tf.square(q.loc[..., None, :] - p.loc) / variance
        log_expected = -0.5 * tf.reduce_sum(squares + tf.math.log(2 * math.pi * variance), axis=-1)  # [B, M, J]
        cross = tf.reduce_logsumexp(p.log_weights + log_expected, axis=-1)
        return tf.nn.relu(tf.reduce_sum(pi * (negative_entropy + overlap - cross), axis=-1))
