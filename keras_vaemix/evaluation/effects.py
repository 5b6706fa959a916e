"""What each latent does to an image, so that those worth a picture are found."""

import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.evaluation.latent import posterior_means


def latent_effects(model, x, reach=1.0, num_examples=8, batch_size=None):
    r"""Returns how much each latent changes what is decoded, [D]:

    .. math:: e_j = \frac1n \sum_i \frac1m \|\hat x(z_i + a s_j e_j) - \hat x(z_i - a s_j e_j)\|_1

    with the posterior means :math:`z_i` of n examples, the standard deviation :math:`s_j` of those of all of x, and a = reach. A latent
    that the model does not use has an effect near zero.

    Args:
        model: Has `latent_means(x)` -> [B, D] and `decode(z)` -> [B, *].
        x: Examples [N, *].
        reach: Standard deviations to either side.
        num_examples: At most so many of x, the first, are varied.
        batch_size: Number of latents that are decoded at a time; 500, or fewer of large examples, if None.

    Raises:
        ValueError: There are fewer than two examples, whose means vary.
    """
    require(len(x) >= 2, "at least two examples, whose latents vary", examples=len(x))
    require(reach > 0, "reach > 0", reach=reach)
    batch_size = batch_size_for(batch_size, np.shape(x)[1:], 500)
    check_positive(num_examples=num_examples, batch_size=batch_size)
    codes = posterior_means(model, x)
    steps = reach * np.diag(codes.std(axis=0))  # [D, D], one latent each
    ends = [(codes[:num_examples, None] + sign * steps).reshape(-1, len(steps)) for sign in (1, -1)]  # [n D, D]
    changes = [
        np.abs(decoded(model, ends[0][i : i + batch_size]) - decoded(model, ends[1][i : i + batch_size])).mean(axis=1)
        for i in range(0, len(ends[0]), batch_size)
    ]
    return np.concatenate(changes).reshape(-1, len(steps)).mean(axis=0)


def decoded(model, z):
    """Returns what is decoded, a row for each of z [B, D]."""
    return np.reshape(model.decode(tf.constant(z, tf.float32)), (len(z), -1))
