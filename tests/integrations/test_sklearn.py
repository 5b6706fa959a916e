"""The scikit-learn estimator: exact densities and moments in the units of the table, and scikit-learn's own checks."""

import random
import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.pipeline import FeatureUnion
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_vaemix.integrations.rows import batches
from keras_vaemix.integrations.sklearn import MixtureVAE

TINY = {"latent_dim": 2, "hidden": (), "batch_size": 256, "n_init": 1}


@pytest.fixture(scope="module")
def table():
    """Two clusters in three columns of unlike units, [60, 3]."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((60, 2)) + np.where(np.arange(60) < 30, 3, -3)[:, None]
    return (z @ [[1, 0.5, 0.2], [0, 1, -1]] + 0.5 * rng.standard_normal((60, 3))) * [0.1, 3, 100] + [5, 0, 1000]


@pytest.fixture(scope="module")
def fitted(table):
    return MixtureVAE(2, **TINY, max_iter=60, learning_rate=0.05, n_draws=2000, random_state=0).fit(table)


@pytest.fixture
def eagerly():
    """Takes few steps in less time than TensorFlow needs to trace one."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def exact_components(estimator):
    """Returns weights, means and covariances of p(x) in the units of the table: without hidden layers it is a mixture of normals."""
    model, scaler = estimator.model_, estimator.scaler_
    kernel, bias = model.decoder.layers[-1].get_weights()  # [D, C], [C]
    components = model.prior.components(None)
    noise = np.exp(2 * model.likelihood.log_scale.numpy()) * np.eye(len(bias))
    means = (components.mean().numpy() @ kernel + bias) * scaler.scale_ + scaler.mean_
    covariances = [np.outer(scaler.scale_, scaler.scale_) * (kernel.T * variance @ kernel + noise) for variance in components.variance()]
    return np.exp(model.prior.log_weights()), means, np.stack(covariances)


def test_density_is_exact_in_the_units_of_the_table(fitted, table):
    weights, means, covariances = exact_components(fitted)
    log_p = [multivariate_normal(mean, covariance).logpdf(table) for mean, covariance in zip(means, covariances, strict=True)]  # [K, N]
    exact = logsumexp(log_p, axis=0, b=weights[:, None])
    print(
        np.abs(fitted.score_samples(table) - exact).max(),
        np.abs(
            fitted.predict_proba(table)
            - fitted.model_.responsibilities(fitted.scaler_.transform(table).astype("float32"), num_samples=2000)
        ).max(),
    )
    np.testing.assert_allclose(fitted.score_samples(table), exact, atol=0.05)
    assert fitted.score(table) == pytest.approx(exact.mean(), abs=0.01)


def test_draws_have_the_moments_of_the_density(fitted):
    weights, means, covariances = exact_components(fitted)
    x, component = fitted.sample(20_000)
    mean, scale = weights @ means, fitted.scaler_.scale_
    between = np.einsum("k,ki,kj->ij", weights, means - mean, means - mean)
    np.testing.assert_allclose((x.mean(0) - mean) / scale, 0, atol=0.04)
    covariance = (np.cov(x.T) - between - np.einsum("k,kij->ij", weights, covariances)) / np.outer(scale, scale)
    np.testing.assert_allclose(covariance, 0, atol=0.05)
    np.testing.assert_allclose(np.bincount(component) / len(x), weights, atol=0.015)
    np.testing.assert_array_equal(fitted.sample(20_000)[0], x)


def test_components_and_latents_are_those_of_the_model(fitted, table):
    u = fitted.scaler_.transform(table).astype("float32")
    probability = fitted.predict_proba(table)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(probability, fitted.model_.responsibilities(u, num_samples=2000), atol=0.03)
    assert abs(np.corrcoef(fitted.labels_, np.arange(60) < 30)[0, 1]) > 0.95
    reconstruction = fitted.scaler_.inverse_transform(fitted.model_.predict(u, verbose=0))
    np.testing.assert_allclose(fitted.inverse_transform(fitted.transform(table)), reconstruction, rtol=1e-5)


def test_a_row_has_the_same_bits_among_any_others(fitted, table):
    for method in (fitted.transform, fitted.predict_proba, fitted.score_samples):
        np.testing.assert_array_equal(method(table[[7]]), method(np.tile(table, (3, 1)))[[127]])


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_a_fit_is_a_function_of_its_seed_and_leaves_others_alone(table, eagerly):
    weights = []
    for state in (0, 1):
        random.seed(state)
        tf.random.set_seed(state)
        expected = random.Random(state).random()
        weights.append(MixtureVAE(2, **TINY, max_iter=2, random_state=3).fit(table).model_.get_weights())
        assert random.random() == expected
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_steps_of_a_pass_have_equally_many_rows_and_together_those_of_the_table(table, eagerly, monkeypatch):
    sizes = []
    monkeypatch.setattr("keras_vaemix.integrations.sklearn.batches", lambda u, size, seed: sizes.append(size) or batches(u, size, seed))
    fitted = MixtureVAE(2, **{**TINY, "batch_size": 59}, max_iter=1, random_state=0).fit(table)
    assert (sizes, int(fitted.model_.optimizer.iterations)) == ([30], 2)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_latents_are_named_and_columns_keep_their_names(table, eagerly):
    estimator = MixtureVAE(2, **TINY, max_iter=2, n_draws=5, random_state=0).set_output(transform="pandas")
    frame = pd.DataFrame(table, columns=list("abc"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*feature names")
        latents = estimator.fit_transform(frame)
        np.testing.assert_array_equal(estimator.labels_, estimator.predict(frame))
    assert list(latents.columns) == list(estimator.get_feature_names_out()) == ["mixturevae0", "mixturevae1"]
    assert list(FeatureUnion([("one", estimator)]).get_feature_names_out()) == ["one__mixturevae0", "one__mixturevae1"]


def test_a_row_that_cannot_be_computed_is_named(fitted, table):
    far = table.copy()
    far[[3, 5]] = 1e36
    for method in (fitted.predict, fitted.predict_proba, fitted.score_samples):
        with pytest.raises(ValueError, match=r"finite. Received: first_row_without=3"):
            method(far)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 61}, r"at least n_components=61 rows\. Received: n_samples=60"),
        ({"max_iter": 0}, "max_iter to be an integer of at least 1"),
        ({"hidden": (0,)}, r"hidden\[0\] to be an integer of at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(table, arguments, message):
    with pytest.raises(ValueError, match=message):
        MixtureVAE(**arguments).fit(table)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@parametrize_with_checks([MixtureVAE(3, **TINY, max_iter=1, n_draws=5)])
def test_scikit_learn_accepts_it(estimator, check, eagerly):
    """No check is left out. With hidden layers one may fail, `check_clustering`: it asks for rows in every component."""
    check(estimator)
