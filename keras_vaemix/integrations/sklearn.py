"""A VAE with a mixture prior as a scikit-learn estimator of tables: clusters, latents, and a density."""

import contextlib
import math
import random

import keras
import numpy as np
import tensorflow as tf
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from keras_vaemix.callbacks import KLWarmUp
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.integrations.rows import batches, in_blocks
from keras_vaemix.likelihoods import LearnedScaleNormal
from keras_vaemix.models import VAE
from keras_vaemix.networks import mlp
from keras_vaemix.posteriors import DiagonalNormal
from keras_vaemix.pretraining import initialize_from_gaussian_mixture
from keras_vaemix.priors import NormalMixture


class MixtureVAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    r"""Mixture of K normals that a network bends to fit a table, :math:`p(x) = \int N(x; \mu(z), s^2) \sum_k \pi_k N(z; m_k, t_k^2)\,dz`.

    It is used as `sklearn.mixture.GaussianMixture` is, and its latents are features. Columns are standardised before they are fitted;
    what is returned is in the units of the table.

    The first half of the iterations trains a VAE whose components are all alike, under a warm-up of the KL divergence. A Gaussian mixture
    that scikit-learn fits to its latents then gives the components their start.

    What is computed of a row depends on that row alone: importance sampling uses the same noise for each.

    Args:
        n_components: Number of components K.
        latent_dim: Number of latents D.
        hidden: Units of each hidden layer of encoder and decoder. Without any the model is a mixture of factor analysers.
        max_iter: Number of passes over the rows.
        batch_size: Most rows in a training step; all steps of a pass have equally many.
        learning_rate: Learning rate of Adam.
        n_init: Number of starts of the Gaussian mixture; the one with the highest likelihood is used.
        n_draws: Number of draws of z for each row in `predict_proba` and `score_samples`.
        jit_compile: Whether XLA compiles the training steps, which pays for long runs on large tables alone.
        random_state: Integer, generator or None; with an integer every result is a function of it.
        verbose: As in Keras's `fit`.

    Attributes:
        model_: The `keras_vaemix.VAE` of the standardised columns, a Keras model.
        scaler_: The `StandardScaler` of the columns.
        labels_: Component of each row of the fitted table, [N].
        n_iter_: Number of passes that were made.

    Raises:
        ValueError: In `fit`, an argument is out of range, or there are fewer rows than components; elsewhere, a row is so far from those of
            the table that what is computed of it is not finite.

    Reference: Z. Jiang et al., *Variational Deep Embedding*, 2017, with one learned scale as in B. Dai, D. Wipf, 2019.
    """

    def __init__(
        self,
        n_components=10,
        *,
        latent_dim=4,
        hidden=(64, 64),
        max_iter=200,
        batch_size=128,
        learning_rate=3e-3,
        n_init=10,
        n_draws=100,
        jit_compile=False,
        random_state=None,
        verbose=0,
    ):
        self.n_components, self.latent_dim, self.hidden = n_components, latent_dim, hidden
        self.max_iter, self.batch_size, self.learning_rate = max_iter, batch_size, learning_rate
        self.n_init, self.n_draws, self.jit_compile = n_init, n_draws, jit_compile
        self.random_state, self.verbose = random_state, verbose

    def fit(self, X, y=None):
        """Fits the table X [N, C] and returns the estimator; y is ignored."""
        X = validate_data(self, X, dtype="float64", ensure_min_samples=2)
        check_positive(max_iter=self.max_iter, batch_size=self.batch_size, n_init=self.n_init, n_draws=self.n_draws)
        require(len(X) >= self.n_components, f"at least n_components={self.n_components} rows", n_samples=len(X))
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.scaler_ = StandardScaler().fit(X)
        with initializers_seeded(seed):
            self.model_ = self._build(X.shape[1], seed)
        self._train(self._scaled(X), seed)
        self.n_iter_ = self.max_iter
        self.labels_ = np.argmax(finite(in_blocks(self._responsibilities, self._scaled(X))), axis=1)
        return self

    def _build(self, num_columns, seed):
        posterior, likelihood = DiagonalNormal(), LearnedScaleNormal()
        encoder = mlp((num_columns,), posterior.params_size(self.latent_dim), self.hidden)
        decoder = mlp((self.latent_dim,), likelihood.params_size(num_columns), self.hidden)
        prior = NormalMixture(self.latent_dim, self.n_components, learn_weights=True, initial_stddev=1e-3)
        return VAE(encoder, decoder, prior, likelihood, posterior, seed=seed)

    def _train(self, u, seed):
        half, steps = self.max_iter // 2, math.ceil(len(u) / self.batch_size)
        self.model_.compile(keras.optimizers.Adam(self.learning_rate), jit_compile=self.jit_compile, steps_per_execution=steps)
        self.model_.fit(
            batches(u, math.ceil(len(u) / steps), seed),
            epochs=self.max_iter,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=self.verbose,
            callbacks=[KLWarmUp(half), MixtureStart(half, u, self.n_init, seed)],
        )

    def transform(self, X):
        """Returns the mean of q(z|x) for each row, [N, D]."""
        return self._of_rows(lambda u: self.model_.latent_means(u), X)

    def inverse_transform(self, X):
        """Returns the rows [N, C] that latents X [N, D] are decoded to, the means of p(x|z)."""
        check_is_fitted(self)
        z = check_array(X, dtype="float32")
        return self.scaler_.inverse_transform(in_blocks(self.model_.decode, z))

    def predict_proba(self, X):
        """Returns the probability of each component for each row, the mean of p(k|z) over q(z|x), [N, K]."""
        return self._of_rows(self._responsibilities, X)

    def predict(self, X):
        """Returns the most probable component of each row, [N]."""
        return np.argmax(self.predict_proba(X), axis=1)

    def score_samples(self, X):
        r"""Returns log p(x) of each row in nats and in the units of the table, [N]: estimates that in expectation are lower bounds.

        With the standardised row u it is :math:`\log p(u) - \sum_c \log s_c`, where :math:`s_c` is the scale of column c, so that it
        compares with that of any other density of the table.
        """
        return self._of_rows(self._log_density, X) - np.sum(np.log(self.scaler_.scale_))

    def score(self, X, y=None):
        """Returns the mean of `score_samples` over the rows, in nats; y is ignored."""
        return float(np.mean(self.score_samples(X)))

    def sample(self, n_samples=1):
        """Returns rows drawn from p(x), [n_samples, C], and the component of each; an integer `random_state` gives the same ones again."""
        check_is_fitted(self)
        seed = stateless_seed(check_random_state(self.random_state).randint(2**31 - 1))
        (z,), component = self.model_.draw(self.model_.sampler(), n_samples, -1, fold_in(seed, 0))
        p = self.model_.likelihood.distribution(self.model_.decode_params(z[None])[0])
        return self.scaler_.inverse_transform(np.float64(p.sample(seed=fold_in(seed, 1)))), component.numpy()

    # Figures of standardised rows u [B, C].

    def _draws(self, u):
        """Returns q(z|x) and draws of it, [S, B, D]: with the same noise for every row."""
        q = self.model_.encode(u)
        noise = tf.random.stateless_normal([self.n_draws, 1, self.model_.prior.latent_dim], [0, 0])
        return q, q.mean() + q.stddev() * noise

    def _responsibilities(self, u):
        return tf.reduce_mean(self.model_.prior.responsibilities(self._draws(u)[1]), axis=0)  # [B, K]

    def _log_density(self, u):
        q, z = self._draws(u)
        log_px = self.model_.likelihood.log_prob(self.model_.decode_params(z), u)
        log_weight = log_px + self.model_.prior.distribution().log_prob(z) - q.log_prob(z)  # [S, B]
        return tf.reduce_logsumexp(log_weight, axis=0) - math.log(self.n_draws)

    def _of_rows(self, function, X):
        check_is_fitted(self)
        return finite(in_blocks(function, self._scaled(validate_data(self, X, dtype="float64", reset=False))))

    @property
    def _n_features_out(self):
        return self.model_.prior.latent_dim

    def _scaled(self, X):
        return self.scaler_.transform(X).astype("float32")


def finite(figures):
    """Returns figures of rows, [N] or [N, *]; raises `ValueError` if those of a row are not finite."""
    is_finite = np.isfinite(figures).reshape(len(figures), -1).all(axis=1)
    expected = "rows near enough to those of fit for figures that are finite"
    require(is_finite.all(), expected, first_row_without=None if is_finite.all() else int(np.argmin(is_finite)))
    return figures


class MixtureStart(keras.callbacks.Callback):
    """Starts the components from a Gaussian mixture of the latents of u [N, C] when `epoch` passes have been made."""

    def __init__(self, epoch, u, n_init, seed):
        super().__init__()
        self.epoch, self.u, self.n_init, self.seed = epoch, u, n_init, seed

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            initialize_from_gaussian_mixture(self.model, self.u, self.n_init, seed=self.seed)


@contextlib.contextmanager
def initializers_seeded(seed):
    """Makes weights a function of `seed`: Keras takes the seeds of initialisers from Python's generator, which is left as it was."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
