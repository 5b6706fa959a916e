"""The checker of bounds: silent about bounds, loud about what only looks like one."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.importance import FewEffectiveSamples, warn_of_few_samples
from keras_vaemix.verify import BoundExceeded, StandardErrorWrong, check_bound, check_standard_error
from tests import catalogue
from training import evaluate
from training.data.sets import from_arrays
from training.findings.averaged_samples import LATENTS, RATIO, averaged, examples, model_of


def optimal(posterior, log_variance):
    """Returns the linear-Gaussian model of the finding with the exact posterior means, and a given log-variance."""
    return with_log_variance(model_of(posterior), log_variance)


def with_log_variance(model, log_variance):
    """Returns the model of `optimal` with another log-variance, and with what it has compiled."""
    m = model.posterior.num_components
    to_mean = np.tile(np.sqrt(RATIO) / (1 + RATIO) * np.eye(LATENTS), m)
    bias = np.repeat([0.0, log_variance], m * LATENTS)
    model.encoder.set_weights([np.concatenate([to_mean, np.zeros_like(to_mean)], 1), bias])
    return model


@pytest.mark.parametrize("log_variance", [-np.log(1 + RATIO), -2.0])
def test_every_bound_is_one(log_variance):
    x, exact = examples(300)
    report = check_bound(optimal(vm.NormalMixturePosterior(3), log_variance), x, exact)
    assert {bound.name for bound in report.bounds} >= {"objective", "elbo", "elbo, variational", "importance_weighted, 50"}
    assert report.log_likelihood == pytest.approx(exact.mean())
    assert "NOT A BOUND" not in str(report)


def test_exact_likelihood_and_estimate_agree():
    x, exact = examples(100)
    model = optimal(vm.NormalMixturePosterior(2), -3.5)
    report = check_bound(model, x, num_samples=5000, repetitions=5)
    assert report.log_likelihood == pytest.approx(exact.mean(), abs=0.03)


@pytest.mark.parametrize("m", [3])
def test_averaged_samples_are_caught(m):
    """Negative control: by as much as is predicted."""
    x, exact = examples(300)
    model = optimal(averaged(m), -np.log(1 + RATIO / m))
    with pytest.raises(BoundExceeded, match="NOT A BOUND") as caught:
        check_bound(model, x, exact)
    line = next(line for line in str(caught.value).splitlines() if line.startswith("objective"))
    predicted = LATENTS / 2 * np.log((1 + RATIO) / (1 + RATIO / m))
    assert float(line.split()[2]) == pytest.approx(predicted, abs=0.15)


@pytest.mark.parametrize("name", ["kl-MeanBound", "posterior-SampledMixturePosterior"])
def test_models_of_the_catalogue_pass(name, binary, capsys):
    model = catalogue.make(**catalogue.COMBINATIONS[name])
    check_bound(model, binary, num_samples=1000, repetitions=3, verbose=1)
    assert "\nbounds, 3 times each\n" in capsys.readouterr().out


def test_a_users_model_with_draws_only(binary):
    model = catalogue.make()

    class Wrapped:
        objective, check, estimate_log_likelihood = model.objective, model.check, model.estimate_log_likelihood

        def draws(self, x, objective, seed):
            d = model.draws(x, objective, seed)
            return d._replace(log_qz=d.log_qz - 2.0, kl=None)

    with pytest.raises(BoundExceeded):
        check_bound(Wrapped(), binary, num_samples=500)


EXACT = -np.log(1 + RATIO)  # log-variance of the exact posterior
UNEQUAL = {"fixed_weights": (0.98, 0.01, 0.01)}


@pytest.fixture(scope="module")
def unequal():
    """A model whose strata have unequal weights."""
    return optimal(vm.NormalMixturePosterior(3, **UNEQUAL), EXACT)


def test_exact_posterior_has_no_standard_error(unequal):
    """Strata of unequal weights differ, and that is not noise."""
    x, exact = examples(20)
    estimate = with_log_variance(unequal, EXACT).estimate_log_likelihood(x, 1200)
    np.testing.assert_allclose(estimate.log_likelihood, exact, rtol=1e-5)
    np.testing.assert_allclose(estimate.effective_sample_size, 400, rtol=1e-3)
    assert np.all(estimate.standard_error < 1e-3)


def test_standard_error_is_the_spread_of_repeats(unequal):
    x, _ = examples(25)
    report = check_standard_error(with_log_variance(unequal, EXACT + 0.12), x, 40, 1200)
    assert report.standard_error == pytest.approx(report.spread, rel=0.1)
    assert report.coverage == pytest.approx(0.95, abs=0.02)
    assert str(report).startswith("standard error 0.0")


def test_standard_error_of_categories(binary):
    prior = vm.NormalMixture(2, 10, initial_stddev=0.3)
    model = vm.CPVAE(vm.networks.mlp((4, 4, 1), 14, (8,)), vm.networks.mlp((2,), (4, 4, 1), (8,)), prior, vm.Bernoulli())
    bias = model.encoder.weights[-1]
    bias.assign(tf.concat([[4.0], bias[1:]], 0))
    assert model.num_strata == 10
    check_standard_error(model, binary[:10], 20, 4000)


def test_wrong_standard_errors_are_caught(unequal):
    """Negative control."""
    model, (x, _) = with_log_variance(unequal, EXACT + 0.12), examples(20)

    class Pessimist:
        def estimate_log_likelihood(self, *arguments):
            estimate = model.estimate_log_likelihood(*arguments)
            return estimate._replace(standard_error=np.hypot(estimate.standard_error, 0.04))

    with pytest.raises(StandardErrorWrong, match=r"spread of 20 repeats. Received: standard error 0\.04"):
        check_standard_error(Pessimist(), x, num_samples=1200)


@pytest.mark.parametrize("name", ["posterior-NormalMixturePosterior", "prior-VampPrior"])
def test_rows_of_draws_hold_every_stratum(name, binary):
    model = catalogue.make(**catalogue.COMBINATIONS[name])
    log_weight = model.draws(binary, vm.ImportanceWeighted(4), [0, 0]).log_weight
    rows = tf.reshape(log_weight, [4, model.num_strata, len(binary)])
    np.testing.assert_allclose(rows, np.broadcast_to(rows[:1], rows.shape), rtol=1e-6)


def test_few_effective_samples_are_said():
    model, (x, _) = optimal(vm.NormalMixturePosterior(2), EXACT), examples(20)
    for log_variance, num_samples, is_warned in ((-2.0, 1000, True), (EXACT, 1000, False), (EXACT, 2, False)):
        with_log_variance(model, log_variance)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimate = model.estimate_log_likelihood(x, num_samples)
        few = np.sum(estimate.effective_sample_size < 200)
        assert [w.category for w in caught] == [FewEffectiveSamples] * is_warned
        assert all(f"Received: {few} of 20 examples with less" in str(w.message) and w.filename == __file__ for w in caught)


@pytest.mark.parametrize(
    ("sizes", "num_rows", "is_warned"),
    [
        ([500] * 99 + [150], 1000, True),  # one in a hundred
        ([500] * 199 + [150], 1000, False),
        ([500] * 199 + [9], 1000, True),
        ([40] * 199 + [12], 50, False),
        ([40] * 199 + [1.1], 50, True),
        ([500] * 199 + [np.nan], 1000, False),
    ],
)
def test_a_few_examples_with_few_effective_samples_are_passed_over(sizes, num_rows, is_warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_few_samples(np.array(sizes), num_rows)
    assert [w.category for w in caught] == [FewEffectiveSamples] * is_warned


def test_a_warning_says_how_many_samples_are_of_each_component():
    with pytest.warns(FewEffectiveSamples, match=r"the smallest 8\.7 of 40 possible \(800 samples, 40 for each of 20 components\)"):
        warn_of_few_samples(np.array([8.7]), 40, 20)


def test_bad_arguments(binary):
    with pytest.raises(ValueError, match=r"repeats of at least 2.* Received: repeats=1"):
        check_standard_error(catalogue.make(), binary, 1)
    with pytest.raises(ValueError, match=r"repetitions of at least 2.* Received: repetitions=1"):
        check_bound(catalogue.make(), binary, repetitions=1)
    for exact in (np.zeros(3), np.full(len(binary), np.nan)):
        with pytest.raises(ValueError, match="exact log p"):
            check_bound(catalogue.make(), binary, exact)


def test_the_command_checks_no_autoencoder(binary, monkeypatch, capsys):
    data = from_arrays("binary", {"x": binary})
    monkeypatch.setattr("training.jobs.evaluate.open_run", lambda *_: (catalogue.AUTOENCODERS["mmd"](), data))
    assert evaluate.main(["run", "--check"]) == 1
    expected = "a model with a bound for --check: evaluate an autoencoder, which has no likelihood, without it"
    assert capsys.readouterr().err == f"error: Expected {expected}. Received: model='Autoencoder'\n"


def test_ladder_of_a_model(binary):
    model = catalogue.make("VampPrior", posterior="NormalMixturePosterior")
    ladder = vm.evaluation.kl_ladder(model, binary, num_samples=2000)
    means = {name: value.mean() for name, value in ladder.items()}
    assert means["lower_bound"] < means["monte_carlo"] + 0.02 < means["variational"] + 0.04
    assert means["variational"] <= means["matched"] <= means["softmin"] <= means["mean"]
    assert set(vm.evaluation.kl_ladder(catalogue.make(posterior="NormalMixturePosterior"), binary)) == {
        "monte_carlo",
        "lower_bound",
        "variational",
        "component_softmin",
    }
    assert all(value.shape == (len(binary),) and tf.reduce_all(tf.math.is_finite(value)) for value in ladder.values())
