"""The effect of each latent on an image, to find those worth a picture."""

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch, number_of
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.evaluation.latent import posterior_means


def latent_effects(model: keras.Model, x: Array, reach: float = 1.0, num_examples: int = 8, batch_size: int | None = None) -> np.ndarray:
    r"""Returns how much each latent changes the decoded images, [D]:

    .. math:: e_j = \frac1n \sum_i \frac1m \|\hat x(z_i + a s_j e_j) - \hat x(z_i - a s_j e_j)\|_1

    with the posterior means :math:`z_i` of n examples, the standard deviation :math:`s_j` of the means over all of x, and a = reach. A
    latent that the model does not use has an effect near zero.

    Args:
        model: A model with `latent_means(x)` -> [B, D] and `decode(z)` -> [B, *].
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`; latents are decoded with their example's condition.
        reach: Number of standard deviations to either side.
        num_examples: Number of examples n, the first of x, whose latents are varied.
        batch_size: Number of latents that are decoded at a time; if None, 500, or fewer if examples are large.

    Raises:
        ValueError: There are fewer than two examples.
    """
    given = Batch.of(x)
    require(number_of(given) >= 2, "at least two examples, so that latents vary", examples=len(given.x))
    require(reach > 0, "reach > 0", reach=reach)
    batch_size = batch_size_for(batch_size, np.shape(given.x)[1:], 500)
    check_positive(num_examples=num_examples, batch_size=batch_size)
    codes = posterior_means(model, x)
    steps = reach * np.diag(codes.std(axis=0))  # [D, D], one latent each
    ends = [(codes[:num_examples, None] + sign * steps).reshape(-1, len(steps)) for sign in (1, -1)]  # [n D, D]
    beside = [] if given.condition is None else [np.repeat(given.condition[:num_examples], len(steps), axis=0)]
    changes = []
    for i in range(0, len(ends[0]), batch_size):
        up, down = (decoded(model, *(one[i : i + batch_size] for one in (end, *beside))) for end in ends)
        changes.append(np.abs(up - down).mean(axis=1))
    return np.concatenate(changes).reshape(-1, len(steps)).mean(axis=0)


def decoded(model, z, *condition):
    """Returns the decoded examples, flattened to a row for each of z [B, D], given their condition [B, A] if there is one."""
    return np.reshape(model.decode(*(tf.constant(one, tf.float32) for one in (z, *condition))), (len(z), -1))
