"""Missing values by importance sampling: their means, their standard deviations, and draws of them."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import MOST_VALUES
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.importance import padded
from keras_vaemix.objectives import ImportanceWeighted, log_importance


class Imputation(NamedTuple):
    r"""Examples whose missing values are those of :math:`p(x_m|x_o)`, given the observed ones; what was observed is unchanged.

    Attributes:
        mean: Examples with the means of the missing values, [N, *]: the single imputation.
        standard_deviation: Standard deviation of each missing value, [N, *]; 0 where it was observed.
        draws: Multiple imputations, [M, N, *]: draws of all missing values of an example together.
        effective_sample_size: That of the importance weights, [N], at most the number of samples; near one, a single sample decides.
    """

    mean: Any
    standard_deviation: Any
    draws: Any
    effective_sample_size: Any


class Imputer:
    r"""Imputes by self-normalised importance sampling.

    With draws :math:`z_s \sim q(z|x_o)` and weights :math:`w_s \propto p(x_o, z_s) / q(z_s|x_o)` that sum to one,
    :math:`E[x_m|x_o] \approx \sum_s w_s E[x_m|z_s]`, the single imputation of MIWAE. Multiple imputations are draws of :math:`x_m|z_s` that
    are resampled by the weights.

    Args:
        model: A model with `draws(x, objective, seed)` that give the likelihood's parameters.

    Reference: P.-A. Mattei, J. Frellsen, *MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets*, 2019.
    """

    def __init__(self, model):
        self.model = model
        self.impute = tf.function(self.impute)

    def __call__(self, given, num_samples, num_draws, batch_size, seed, verbose):
        """Returns the `Imputation` of a `Batch` of arrays [N, *]; see `LatentModel.impute`."""
        check_positive(num_samples=num_samples)
        require(num_draws >= 0, "num_draws >= 0", num_draws=num_draws)
        n, rows = len(given.x), -(-num_samples // self.model.num_strata)
        size = max(1, MOST_VALUES // (rows * self.model.num_strata * int(np.prod(given.x.shape[1:])))) if batch_size is None else batch_size
        check_positive(batch_size=size)
        size, results = min(n, size), []
        for i, start in enumerate(progress(range(0, n, size), verbose, f"imputation of {n} examples")):
            batch = given.map(lambda one, start=start: padded(one[start : start + size], size)).inputs()
            results.append([one.numpy() for one in self.impute(batch, fold_in(stateless_seed(seed), i), rows, num_draws)])
        missing, mean, variance, effective, draws = (np.concatenate(one)[:n] for one in zip(*results, strict=True))
        draws = np.moveaxis(draws, 1, 0)
        fill = lambda values: np.where(missing, values, given.x)  # noqa: E731
        return Imputation(fill(mean), np.sqrt(np.where(missing, variance, 0.0)), fill(draws), effective)

    def impute(self, x, seed, num_samples, num_draws):
        """Returns what is missing [B, *], its means and variances, the effective sample sizes [B], and draws [B, M, *]."""
        batch, likelihood = self.model.as_batch(x), self.model.likelihood
        d = self.model.draws(batch, ImportanceWeighted(num_samples), fold_in(seed, 0))
        log_w = tf.nn.log_softmax(log_importance(d), axis=0)  # [S, B]
        shape = [num_samples * self.model.num_strata, *batch.x.shape]
        w = tf.reshape(tf.exp(log_w), [*shape[:2], *[1] * (len(shape) - 2)])
        params = tf.cast(d.params, tf.float32)
        noise = likelihood.noise().sample(shape, seed=fold_in(seed, 1))
        means, drawn = likelihood.imputed(params, noise, batch.x, batch.mask)  # [S, B, *]
        mean = tf.reduce_sum(w * means, axis=0)
        variance = tf.reduce_sum(w * (tf.square(means - mean) + tf.square(drawn - means)), axis=0)  # between and within
        uniform = tf.random.stateless_uniform([shape[1], num_draws], fold_in(seed, 2))
        chosen = tf.searchsorted(tf.cumsum(tf.transpose(tf.exp(log_w)), axis=1), uniform, side="right")  # by the weights, [B, M]
        draws = tf.gather(tf.transpose(drawn, [1, 0, *range(2, len(shape))]), tf.minimum(chosen, shape[0] - 1), batch_dims=1)  # [B, M, *]
        return ~batch.mask, mean, variance, 1 / tf.reduce_sum(tf.exp(2 * log_w), axis=0), draws
