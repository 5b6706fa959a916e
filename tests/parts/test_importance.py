"""The likelihood estimator where numbers are large: figures that hold, or NaN with their count."""

import warnings

import numpy as np
import pytest

import keras_vaemix as vm
from keras_vaemix import importance
from keras_vaemix.evaluation import likelihood_report
from keras_vaemix.verify import check_bound, check_standard_error


def model_of(num_values, scale, decoder_scale=0.0):
    """Returns a VAE with q = p(z), and a linear decoder."""
    model = vm.VAE(vm.networks.mlp((num_values,), 4, ()), vm.networks.mlp((2,), (num_values,), ()), vm.StandardNormal(2), vm.Normal(scale))
    for network, factor in ((model.encoder, 0.0), (model.decoder, decoder_scale)):
        network.set_weights([factor * np.ones_like(weight) for weight in network.get_weights()])
    return model


@pytest.mark.parametrize("chunk_size", [None, 8])
def test_equal_weights_of_millions_of_nats(chunk_size):
    x = np.random.default_rng(0).random((1, 196_608)).astype("float32")
    estimate = model_of(196_608, 0.05).estimate_log_likelihood(x, 200, chunk_size=chunk_size)
    assert estimate.log_likelihood[0] < -1e7
    np.testing.assert_allclose(estimate.effective_sample_size, 200, rtol=1e-9)
    np.testing.assert_allclose(estimate.standard_error, 0, atol=1e-6)


def test_unequal_weights_are_summed_as_numpy_does():
    """Relative to a running maximum that rises from chunk to chunk, and over strata."""
    log_w = np.random.default_rng(0).normal(-1e6, 3, (5, 20, 3, 4)) + np.arange(5)[:, None, None, None] * 10  # [chunks, T, M, B]
    figures = importance.summarize(*importance.stream(lambda chunk: log_w[int(chunk[1])], 5, 4, [0, 0]), 5, 20)
    estimate = importance.LikelihoodEstimate(*figures, 300)
    rows = np.exp(log_w - log_w.max(axis=(0, 1, 2))).sum(axis=2).reshape(100, 4)
    inverse_size = np.sum(rows**2, axis=0) / np.sum(rows, axis=0) ** 2
    np.testing.assert_allclose(estimate.log_likelihood, log_w.max(axis=(0, 1, 2)) + np.log(rows.sum(axis=0) / 5), rtol=1e-12)
    np.testing.assert_allclose(estimate.effective_sample_size, 1 / inverse_size, rtol=1e-9)
    np.testing.assert_allclose(estimate.standard_error, np.sqrt(inverse_size - 1 / 100), rtol=1e-9)


def test_an_estimate_says_how_many_samples_were_drawn():
    x = np.zeros((2, 4), "float32")
    assert model_of(4, 1.0).estimate_log_likelihood(x, 25, chunk_size=10).num_samples == 30
    estimate = model_of(4, 1.0).estimate_log_likelihood(x, 1000)
    assert likelihood_report(model_of(4, 1.0), x, 25, estimate=estimate)["num_samples"] == estimate.num_samples


def test_a_gpu_makes_as_many_draws_in_fewer_chunks():
    estimator = importance.LikelihoodEstimator(model_of(4, 1.0))
    assert estimator.sizes((200, 4), 5000, 100, is_for_gpu=False) == (100, 10, 500)
    assert estimator.sizes((200, 4), 5000, 100, is_for_gpu=True) == (100, 100, 50)
    assert estimator.sizes((200, 4), 5000, 100) == (100, 10, 500)  # on this CPU


@pytest.fixture
def large():
    """Examples of which one is too large for float32's log p(x), and another for its standard error."""
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    x[2], x[4] = 1e20, 1e19
    return model_of(4, 1.0, 0.5), x


def test_what_cannot_be_had_is_nan(large):
    model, x = large
    estimate = model.estimate_log_likelihood(x, 200)
    assert np.flatnonzero(np.isnan(estimate.log_likelihood)).tolist() == [2]
    for figure in (estimate.standard_error, estimate.effective_sample_size):
        assert np.flatnonzero(np.isnan(figure)).tolist() == [2, 4]
    assert np.isnan(model.estimate_log_likelihood(x[:1], 1).standard_error)


def test_means_say_how_many_examples_they_leave_out(large):
    model, x = large
    keep = [0, 1, 3, 5]
    with pytest.warns(UserWarning, match=r"Expected finite figures for every example. Received: means without {.*'log_likelihood': 1"):
        report = vm.evaluation.likelihood_report(model, x, 2000)
    assert report["num_left_out"] == {
        "elbo": 1,
        "reconstruction": 1,
        "log_likelihood": 1,
        "log_likelihood_sampling_error": 2,
        "effective_sample_size": 2,
    }
    assert all(np.isfinite(value) for value in report.values() if isinstance(value, float))
    assert report["log_likelihood_sampling_error"] < 0.1
    assert report["kl"] == pytest.approx(0, abs=1e-6)  # q is the prior: not a difference of elbo and reconstruction
    finite = vm.evaluation.likelihood_report(model, x[keep], 2000)
    assert finite["num_left_out"] == {}
    assert report["effective_sample_size"] == pytest.approx(finite["effective_sample_size"], rel=0.2)


@pytest.mark.parametrize(("loc", "is_known"), [(0.0, True), (30.0, False)])
def test_few_effective_samples_give_no_error_of_a_mean(loc, is_known):
    """By the delta method it would be at most one, however far off the estimate is."""
    x = loc + np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = vm.evaluation.likelihood_report(model_of(4, 1.0, 0.5), x, 500)
    assert (report["effective_sample_size"] >= 5) == is_known
    assert np.isfinite(report["log_likelihood_sampling_error"]) == is_known


def test_checks_say_how_many_examples_they_leave_out(large):
    model, x = large
    report = check_bound(model, x, num_samples=2000)
    assert all(bound.num_left_out == 2 for bound in report.bounds)
    assert "2 examples left out" in str(report)
    with pytest.raises(ValueError, match="finite for at least one example"):
        check_bound(model, x[2:3])
    with pytest.raises(ValueError, match=r"leave out the others. Received: num_not_finite=2"):
        check_standard_error(model, x, 2, 100)
