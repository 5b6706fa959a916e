"""All pairwise KL divergences between diagonal normals, by matrix products."""

import tensorflow as tf

from keras_vaemix.mixtures.density import center, standardized_squares


def pairwise_kl(q, p):
    r"""Returns :math:`KL(q_m \| p_j)` for all pairs of diagonal normals, [..., M, J] in nats.

    :math:`\frac12 \sum_d [\ln t_{jd}^2 - \ln s_{md}^2 + (s_{md}^2 + (\mu_{md} - \nu_{jd})^2) / t_{jd}^2 - 1]`, the quadratic part as a
    matrix product; see `standardized_squares` for its precision.

    Args:
        q: `NormalComponents` [..., M, D].
        p: `NormalComponents` [J, D].
    """
    middle = center(p.loc)
    loc, to = q.loc - middle, p.loc - middle
    squares = standardized_squares(tf.square(loc) + tf.square(q.scale), loc, to, p.scale)  # [..., M, J]
    log_scales = tf.reduce_sum(tf.math.log(p.scale), axis=-1) - tf.reduce_sum(tf.math.log(q.scale), axis=-1)[..., None]
    return log_scales + 0.5 * (squares - q.loc.shape[-1])


def kl_among(q):
    r"""Returns :math:`KL(q_m \| q_l)` among the components of each mixture, [..., M, M] in nats.

    Args:
        q: `NormalComponents` [..., M, D].
    """
    loc, scale = q.loc[..., :, None, :], q.scale[..., :, None, :]
    to, to_scale = q.loc[..., None, :, :], q.scale[..., None, :, :]
    squares = (tf.square(scale) + tf.square(loc - to)) / tf.square(to_scale)
    return tf.reduce_sum(tf.math.log(to_scale / scale) + 0.5 * (squares - 1), axis=-1)
