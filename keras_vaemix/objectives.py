"""Bounds on log p(x), computed only from weighted draws of the latents."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import Part, check_positive, register, require
from keras_vaemix.divergences import ClosedForm, Divergence
from keras_vaemix.regularizers.discrepancies import MMD, Discrepancy, Kernel


class Draws(NamedTuple):
    """Weighted draws of the latents of a batch; all [S, B] and in nats unless it is said otherwise.

    `exp(log_weight)` sums to one over S for each example, and carries a gradient where it depends on x. `log_pz` and `log_qz` are
    densities of the same variables, those that `log_px` conditions on: mixing densities of (z, c) and of z does not give a bound.
    """

    log_weight: Any
    log_px: Any
    log_pz: Any
    log_qz: Any
    kl: Any = None  # [B], exact or an upper bound
    path: Any = None  # a list in which a pathwise objective leaves the weights of the gradient through z
    distillation: Any = 0.0  # [B], added to the training loss, never to a bound
    classification: Any = None  # [B], minus log q(c|x) of a label c, zero without one: for the training loss, never for a bound
    discrepancy: Any = None  # a scalar over the global batch, if the objective has one
    params: Any = None  # the likelihood's parameters at the draws, [S, B, *], where values can be missing
    z: Any = None  # the draws themselves, [S, B, D], or of two levels a pair of them

    def reconstruction(self) -> Tensor:
        r"""Returns :math:`\sum_s \omega_s \log p(x|z_s)`, [B]."""
        return tf.reduce_sum(tf.exp(self.log_weight) * self.log_px, axis=0)

    def divergence(self) -> Tensor:
        r"""Returns `kl` where it is given, else :math:`\sum_s \omega_s (\log q(z_s|x) - \log p(z_s))`, [B]."""
        return self.kl if self.kl is not None else tf.reduce_sum(tf.exp(self.log_weight) * (self.log_qz - self.log_pz), axis=0)


class Objective(Part):
    """Abstract: what training maximises, a bound on log p(x) unless it says otherwise, which also says how a model draws for it.

    Attributes:
        num_samples: Draws for each example (and stratum).
        beta: Weight of the KL divergence at the start; training reads the model's weight `beta`, which a warm-up may change.
        kl: How the KL divergence is computed.
        pathwise: Whether the gradient reaches the encoder only through z, with the parameters of log q held constant.
        discrepancy: A `Discrepancy` between codes and draws of the prior, which is a part of the objective, or None.
        is_bound: Whether its expectation is at most log p(x) at beta = 1.
    """

    num_samples = 1
    beta = 1.0
    kl: Divergence | None = None
    pathwise = False
    discrepancy: Discrepancy | None = None
    is_bound = True

    @property
    def needs_own_draws(self) -> bool:
        """Returns whether it takes draws from q(z|x) itself, of one level of latents and one stratum."""
        return self.pathwise or self.discrepancy is not None


@register
class ELBO(Objective):
    r"""Evidence lower bound, :math:`\sum_s \omega_s \log p(x|z_s) - \beta\,KL(q(z|x)\,\|\,p(z))`.

    Without a closed form the divergence is :math:`\sum_s \omega_s (\log q(z_s|x) - \log p(z_s))`. It is a lower bound on log p(x) if
    beta is at least one; for smaller beta it is an objective but not a bound.

    Args:
        num_samples: Draws for each example.
        beta: Weight of the divergence, as in the beta-VAE.
        kl: A divergence from `keras_vaemix.divergences`; `ClosedForm()` by default.

    Reference: D. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, 2014, Eq. 3;
    I. Higgins et al., *beta-VAE*, 2017.
    """

    def __init__(self, num_samples: int = 1, beta: float = 1.0, kl: Divergence | None = None) -> None:
        check_positive(num_samples=num_samples)
        require(beta >= 0, "beta >= 0", beta=beta)
        self.num_samples, self.beta = num_samples, beta
        self.kl = ClosedForm() if kl is None else kl
        require(self.kl.is_upper_bound, "a divergence that is exact, an estimate or an upper bound", kl=self.kl)

    def __call__(self, d: Draws, beta: float | Tensor = 1.0) -> Tensor:
        """Returns the bound for each example, [B]."""
        return d.reconstruction() - beta * d.divergence()


@register
class InfoObjective(Objective):
    r"""InfoVAE's objective, :math:`E\,\log p(x|z) - (1 - \alpha) KL(q(z|x)\,\|\,p(z)) - (\alpha + \lambda - 1) MMD(q(z)\,\|\,p(z))`.

    q(z) is the aggregate posterior, of which the first draw for each example of the global batch is a sample. With :math:`\alpha = 0` and
    :math:`\lambda = 1` it is the ELBO; with :math:`\alpha = 1` nothing but q(z) is matched to the prior, as in a WAE. Except for the first
    case it is **not** a bound on log p(x): models report it as the loss, and the ELBO beside it.

    The weights of a mixture prior get no gradient from the MMD, since its draws are differentiable only within a component.

    Args:
        alpha: :math:`\alpha`, at most one.
        scale: :math:`\lambda`.
        kernel: The `Kernel` of the `MMD`; `InverseMultiquadratic()` by default.
        num_samples: Draws for each example.
        kl: A divergence from `keras_vaemix.divergences`; `ClosedForm()` by default.

    Raises:
        ValueError: A weight, :math:`1 - \alpha` or :math:`\alpha + \lambda - 1`, is negative.

    Reference: S. Zhao, J. Song, S. Ermon, *InfoVAE: Balancing Learning and Inference in Variational Autoencoders*, 2019.
    """

    is_bound = False

    def __init__(
        self, alpha: float = 0.0, scale: float = 10.0, kernel: Kernel | None = None, num_samples: int = 1, kl: Divergence | None = None
    ) -> None:
        check_positive(num_samples=num_samples)
        expected = "alpha <= 1 <= alpha + scale, so that neither divergence is rewarded"
        require(alpha <= 1 <= alpha + scale, expected, alpha=alpha, scale=scale)
        self.alpha, self.scale, self.kernel, self.num_samples = alpha, scale, kernel, num_samples
        self.kl = ClosedForm() if kl is None else kl
        self.discrepancy = MMD(kernel, alpha + scale - 1)

    def __call__(self, d: Draws, beta: float | Tensor = 1.0) -> Tensor:
        """Returns the objective for each example, [B]; beta weighs the divergence further, in a warm-up."""
        return d.reconstruction() - beta * (1 - self.alpha) * d.divergence() - d.discrepancy


@register
class ImportanceWeighted(Objective):
    r"""Importance-weighted bound, :math:`\log \sum_s \omega_s\, p(x|z_s) p(z_s) / q(z_s|x)`, which rises to log p(x) with S.

    Args:
        num_samples: Draws for each example (and stratum).

    Reference: Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, 2016, Eq. 8.
    """

    def __init__(self, num_samples: int = 5) -> None:
        check_positive(num_samples=num_samples)
        self.num_samples = num_samples

    def __call__(self, d: Draws, beta: float | Tensor = 1.0) -> Tensor:
        """Returns the bound for each example, [B]."""
        return tf.reduce_logsumexp(log_importance(d, beta), axis=0)


@register
class DoublyReparameterized(ImportanceWeighted):
    r"""Importance-weighted bound with the doubly reparameterised gradient (DReG).

    The value is that of `ImportanceWeighted`. The encoder's gradient is
    :math:`\sum_s \tilde w_s (1 - \beta + \beta \tilde w_s)\, \partial \log w_s / \partial z_s \cdot \partial z_s / \partial \phi`,
    with normalised weights :math:`\tilde w`, and :math:`\tilde w_s^2` at beta = 1, the paper's case; it is unbiased, and its
    signal-to-noise ratio does not fall with S. Everything else, including a prior that shares the encoder's weights, has the ordinary
    gradient.

    Reference: G. Tucker et al., *Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives*, 2019, Eq. 8.
    """

    pathwise = True

    def __call__(self, d, beta=1.0):
        log_w = log_importance(d, beta)
        if d.path is not None:
            d.path.append(tf.stop_gradient(1.0 - beta + beta * tf.nn.softmax(log_w, axis=0)))  # times that of the sum's own gradient
        return tf.reduce_logsumexp(log_w, axis=0)


def log_importance(d, beta=1.0):
    r"""Returns :math:`\log \omega_s + \log p(x|z_s) + \beta (\log p(z_s) - \log q(z_s|x))`, [S, B]."""
    return d.log_weight + d.log_px + beta * (d.log_pz - d.log_qz)


def weighted_path(z):
    """Returns z and an empty list; weights [S, B] that are put in the list scale the gradient through z.

    The weights are known only after z has been used; the list is read when the gradient is taken.
    """
    weights = []

    @tf.custom_gradient
    def identity(z):
        return tf.identity(z), lambda dz: dz * weights[0][..., None] if weights else dz

    return identity(z), weights
