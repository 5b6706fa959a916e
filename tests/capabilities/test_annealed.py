"""Annealed importance sampling against exact likelihoods, also where plain importance sampling fails."""

import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.evaluation import annealed_log_likelihood, exact_log_likelihood
from keras_vaemix.importance import FewEffectiveSamples
from tests import catalogue
from tests.capabilities.test_verify import RATIO, examples, optimal
from training.findings.annealed import table

EXACT = -np.log(1 + RATIO)  # log-variance of the exact posterior of the linear-Gaussian model


def test_where_the_posterior_is_exact_every_chain_has_the_likelihood():
    x, exact = examples(5)
    estimate = annealed_log_likelihood(optimal(vm.NormalMixturePosterior(1), EXACT), x, 4, 5, 2, step_size=0.5)  # by XLA
    np.testing.assert_allclose(estimate.log_likelihood, exact, rtol=1e-5)
    np.testing.assert_allclose(estimate.effective_sample_size, 4, rtol=1e-6)


@pytest.fixture(scope="module")
def narrow():
    """A posterior of a twentieth of the right variance in each of eight dimensions, and what annealing makes of it."""
    model, (x, exact) = optimal(vm.NormalMixturePosterior(1), EXACT - 3), examples(40)
    return model, x, exact, annealed_log_likelihood(model, x, 16, 100, 5, jit_compile=False)


@pytest.mark.filterwarnings("ignore::keras_vaemix.importance.FewEffectiveSamples")
def test_where_importance_sampling_fails_annealing_does_not(narrow):
    model, x, exact, annealed = narrow
    plain = model.estimate_log_likelihood(x, 1000)
    assert np.mean(plain.log_likelihood - exact) < -0.8
    errors = annealed.log_likelihood - exact
    assert abs(np.mean(errors)) < 0.15
    assert np.mean(errors / annealed.standard_error) == pytest.approx(0, abs=1)
    assert np.median(annealed.effective_sample_size) > 5


def test_weights_are_unbiased():
    """The mean of w / p(x) is one, whatever the number of temperatures, and its logarithm is low."""
    model, (x, exact) = optimal(vm.NormalMixturePosterior(1), EXACT - 0.5), examples(2)
    x, exact = np.repeat(x, 500, axis=0), np.repeat(exact, 500)
    excess = annealed_log_likelihood(model, x, 4, 6, 3, 0.8, batch_size=len(x), jit_compile=False).log_likelihood - exact
    ratios = np.exp(excess)
    error = np.std(ratios) / np.sqrt(len(ratios))
    assert error < 0.03
    assert np.mean(ratios) == pytest.approx(1, abs=4 * error)
    assert np.mean(excess) < -2 * np.std(excess) / np.sqrt(len(excess))


def test_estimates_are_functions_of_their_seed_and_of_no_batch_that_is_filled(narrow):
    model, x, _, annealed = narrow
    settings = {"batch_size": 2, "jit_compile": False}
    one, same, other = (annealed_log_likelihood(model, x[:3], 2, 3, 2, 0.5, seed=seed, **settings) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.log_likelihood, same.log_likelihood)
    assert not np.any(one.log_likelihood == other.log_likelihood)
    assert one.log_likelihood.shape == (3,)
    assert np.isfinite(annealed.standard_error).all()


def test_categories_are_summed_over():
    """By quadrature, for a category that q(c|x) hardly knows of."""
    keep = np.array([[1.0], [1.0]], "float32")
    encoder = catalogue.linear(2, np.zeros((2, 4), "float32"), np.array([4.0, 0.0, 0.0, 0.0], "float32"))
    model = vm.CPVAE(encoder, catalogue.linear(1, keep.T), vm.NormalMixture(1, 2), vm.Normal(1.0), heads=vm.SharedHeads(1, 2))
    model.prior.loc.assign([[-2.0], [2.0]])
    x = np.array([[-1.0, -1.0], [0.2, 0.1], [1.5, 2.0]], "float32")
    estimate = annealed_log_likelihood(model, x, 64, 30, 4, jit_compile=False)
    np.testing.assert_allclose(estimate.log_likelihood, exact_log_likelihood(model, x), atol=4 * np.max(estimate.standard_error))
    assert np.max(estimate.standard_error) < 0.1


@pytest.mark.parametrize("name", ["posterior-NormalMixturePosterior", "model-HierarchicalVAE"])
@pytest.mark.filterwarnings("ignore::keras_vaemix.importance.FewEffectiveSamples")
def test_models_of_the_catalogue(name):
    model = catalogue.EVERY_MODEL[name]()
    x = catalogue.examples(model, 4)
    plain, annealed = model.estimate_log_likelihood(x, 20_000), annealed_log_likelihood(model, x, 100, 40, 3, 0.4, jit_compile=False)
    error = np.hypot(plain.standard_error, annealed.standard_error)
    assert np.max(np.abs(annealed.log_likelihood - plain.log_likelihood) / error) < 4
    assert np.max(annealed.standard_error) < 0.25  # so that to agree says something


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_chains": 0}, "num_chains to be an integer of at least 1. Received: num_chains=0"),
        ({"num_temperatures": 1.5}, "num_temperatures to be an integer of at least 1. Received: num_temperatures=1.5"),
        ({"step_size": 0.0}, r"step_size > 0, or None. Received: step_size=0.0"),
    ],
)
def test_bad_numbers(settings, message):
    model = catalogue.make()
    with pytest.raises(ValueError, match=message):
        annealed_log_likelihood(model, catalogue.examples(model, 2), **settings)


def test_a_posterior_of_some_of_the_latents_is_refused():
    model = catalogue.EVERY_MODEL["model-TwoStageVAE"]()
    with pytest.raises(ValueError, match=r"encode covers all latents of its log_joint, \['u', 'z'\]. Received: encode=\['z'\]"):
        annealed_log_likelihood(model, catalogue.examples(model, 2))


def test_the_finding_shows_the_difference(narrow):
    model, x, _, annealed = narrow
    with pytest.warns(FewEffectiveSamples):
        plain = model.estimate_log_likelihood(x, 100)
    text = table(["plain", "annealed"], [plain, annealed], [1.0, 2.0])
    mean = np.mean(annealed.log_likelihood - plain.log_likelihood)
    assert mean > 1
    assert f"Difference {mean:.3f} +- " in text
    assert tf.strings.length(text.splitlines()[3]) == tf.strings.length(text.splitlines()[4])
