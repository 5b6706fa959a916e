"""Log-densities of the parameters of mixtures, in nats: of their weights, concentrations and precisions."""

import math

import tensorflow as tf
from scipy.special import multigammaln


def dirichlet(log_weights, concentration):
    r"""Returns :math:`\log \mathrm{Dir}(\pi; \tfrac\alpha K, \ldots, \tfrac\alpha K)`, a scalar.

    For large K this is a Dirichlet process with concentration :math:`\alpha` (H. Ishwaran, M. Zarepour, *Exact and Approximate Sum
    Representations for the Dirichlet Process*, 2002).

    Args:
        log_weights: Normalised log-weights :math:`\log \pi_k`, [K].
        concentration: :math:`\alpha`, a scalar.
    """
    k = log_weights.shape[0]
    each = concentration / k
    return tf.math.lgamma(concentration) - k * tf.math.lgamma(each) + (each - 1.0) * tf.reduce_sum(log_weights)


def wishart(scale_tril, scale):
    r"""Returns :math:`\log W(\Lambda; \nu, s I)` with :math:`\nu = D + 2` degrees of freedom, [K].

    Args:
        scale_tril: Lower triangular factors L of precisions :math:`\Lambda = L L^T`, [K, D, D].
        scale: s; the mean of :math:`\Lambda` is :math:`\nu s I`.
    """
    d = scale_tril.shape[-1]
    df = d + 2
    constant = 0.5 * df * d * math.log(2 * scale) + float(multigammaln(df / 2, d))
    log_det = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(scale_tril)), axis=-1)
    return 0.5 * (df - d - 1) * log_det - 0.5 * tf.reduce_sum(tf.square(scale_tril), axis=[-2, -1]) / scale - constant
