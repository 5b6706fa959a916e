"""The toy with a known likelihood, and quadrature against importance sampling."""

import numpy as np
import pytest

import keras_vaemix as vm
from keras_vaemix.evaluation import quadrature
from keras_vaemix.evaluation.likelihood import bound_parts
from tests import catalogue
from training.data import load
from training.findings import mog_toy
from training.toys import curve, true_log_joint, true_log_likelihood

GRID = np.linspace(-10, 10, 4001)


@pytest.fixture(scope="module")
def data():
    return load("mog_toy")


@pytest.fixture(scope="module", params=mog_toy.PRESETS)
def model(request, data):
    """A model after five hundred steps."""
    return mog_toy.fit(request.param, data, 0, 500)


def test_true_process():
    """E log p(y) = 0.6650 nats, E y = 1/12; and p(y, z) of a standard normal z has the same marginal."""
    y = np.linspace(-1, 1.5, 2501)
    log_p = true_log_likelihood(y)
    assert np.trapezoid(np.exp(log_p), y) == pytest.approx(1, abs=1e-6)
    assert np.trapezoid(np.exp(log_p) * log_p, y) == pytest.approx(0.6650, abs=2e-4)
    assert np.trapezoid(np.exp(log_p) * y, y) == pytest.approx(1 / 12, abs=1e-4)
    some, fine = y[::100], np.linspace(-10, 10, 40_001)
    np.testing.assert_allclose(np.log(np.trapezoid(np.exp(true_log_joint(some, fine)), fine)), true_log_likelihood(some), atol=1e-3)
    assert true_log_likelihood(np.array([1.0]))[0] < -30
    assert curve(np.array([0.25, 0.75])).max() == 0


def test_data(data):
    assert [len(split.x) for split in data[1:4]] == [5000, 1000, 5000]
    assert true_log_likelihood(data.test.x[:, 0].astype("float64")).mean() == pytest.approx(0.6650, abs=0.04)


def test_quadrature_is_what_importance_sampling_estimates(model, data):
    y = data.test.x[:200]
    exact = quadrature.exact_log_likelihood(model, y)
    estimate = model.estimate_log_likelihood(y, 2000)
    error = np.sqrt(np.sum(estimate.standard_error**2)) / len(y)
    assert abs(np.mean(estimate.log_likelihood - exact)) < 4 * error + 1e-4
    np.testing.assert_allclose(np.trapezoid(quadrature.exact_posterior(model, y[:20]), GRID), 1, rtol=1e-6)
    np.testing.assert_allclose(np.trapezoid(quadrature.learned_posterior(model, y[:20]), GRID), 1, rtol=1e-4)


def test_elbo_is_what_quadrature_says(model, data):
    y = data.test.x[:500]
    elbo = bound_parts(model, np.repeat(y, 100, 0), 10_000)["elbo"].reshape(500, 100)
    exact = quadrature.exact_log_likelihood(model, y) - quadrature.posterior_kl(model, y)
    error = np.sqrt(np.sum(elbo.var(1) / 100)) / 500
    assert abs(np.mean(elbo.mean(1) - exact)) < 4 * error + 1e-4


def test_every_bound_is_one(model, data):
    y = data.test.x[:200]
    vm.verify.check_bound(model, y, quadrature.exact_log_likelihood(model, y), repetitions=5)


def test_figure_and_row(data, tmp_path):
    model = mog_toy.fit("mfg_toy", data, 0, 500)
    mog_toy.draw("mfg_toy", model, data, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    row = mog_toy.row_of("mfg_toy", model, data, 0, 500, 1.0)
    assert row["elbo"] == pytest.approx(row["log_likelihood"] - row["posterior_kl"], abs=0.01)
    assert row["log_likelihood"] < row["true_log_likelihood"] + 0.01


def test_quadrature_is_for_one_dimension(binary):
    with pytest.raises(ValueError, match=r"latent_dim=1.* Received: latent_dim=3"):
        quadrature.exact_log_likelihood(catalogue.make(), binary)
