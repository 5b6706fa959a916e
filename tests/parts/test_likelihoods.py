"""Likelihoods: normalised over their support, stable, and refusing data outside it."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_vaemix as vm
from tests import catalogue

LEVELS = np.arange(256, dtype="float32") / 255


def log_density(likelihood, params, values):
    """Log-densities of a one-dimensional x with the given values, [N]."""
    x = np.asarray(values, "float32")[:, None]
    return likelihood.log_prob(tf.constant(np.broadcast_to(params, (1, len(x), len(params))), tf.float32), x)[0].numpy().astype("float64")


@pytest.mark.parametrize("logit", [-30.0, -1.0, 0.0, 2.5, 30.0])
def test_bernoulli_sums_to_one(logit):
    assert np.exp(log_density(vm.Bernoulli(), [logit], [0, 1])).sum() == pytest.approx(1)


@settings(deadline=None, max_examples=60)
@given(loc=st.floats(-12, 12), log_scale=st.floats(-6, 1))
def test_discretized_logistic_sums_to_one(loc, log_scale):
    log_p = log_density(vm.DiscretizedLogistic(), [loc, log_scale], LEVELS)
    assert np.isfinite(log_p).all()
    assert np.exp(log_p).sum() == pytest.approx(1, abs=2e-5)


def test_discretized_logistic_is_a_difference_of_cumulative_densities():
    likelihood, params = vm.DiscretizedLogistic(), [0.3, -3.0]
    loc, scale = 1 / (1 + np.exp(-0.3)), np.exp(-3.0)
    edges = scipy.stats.logistic.cdf(np.arange(257) / 256, loc, scale)
    edges[[0, -1]] = 0, 1
    np.testing.assert_allclose(log_density(likelihood, params, LEVELS), np.log(np.diff(edges)), rtol=1e-4)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("loc", [-20.0, 0.0, 20.0])
def test_discretized_logistic_has_finite_gradients(level, loc):
    params = tf.Variable([[[loc, -4.5]]])
    with tf.GradientTape() as tape:
        log_p = vm.DiscretizedLogistic().log_prob(params, np.array([[LEVELS[level]]]))
    assert np.isfinite(log_p).all()
    assert np.isfinite(tape.gradient(log_p, params)).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("ContinuousBernoulli", 0, 1), ("Normal", -9, 9), ("LearnedScaleNormal", -9, 9), ("OptimalScaleNormal", -9, 9), ("Laplace", -19, 19)],
)
@pytest.mark.parametrize("param", [-1.5, 0.0, 0.7])
def test_continuous_densities_integrate_to_one_and_have_their_mean(name, low, high, param):
    likelihood, grid = catalogue.LIKELIHOODS[name](), np.linspace(low, high, 40_001)
    density = np.exp(log_density(likelihood, [param], grid))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(density * grid, grid) == pytest.approx(float(likelihood.mean(tf.constant(param))), abs=1e-3)


@pytest.mark.parametrize(("params", "mean"), [((-6.0, -2.0), 0.0943), ((-2.0, 0.0), 0.408), ((3.0, -1.0), 0.747)])
def test_discretized_logistic_mean_counts_what_the_ends_hold(params, mean):
    assert float(vm.DiscretizedLogistic().mean(tf.constant(params))[0]) == pytest.approx(mean, abs=5e-4)


@settings(deadline=None, max_examples=40)
@given(loc=st.floats(-12, 12), log_scale=st.floats(-9, 1))
def test_discretized_logistic_mean_is_the_sum_over_levels(loc, log_scale):
    likelihood = vm.DiscretizedLogistic((-8.0, 0.0))
    p = np.exp(log_density(likelihood, [loc, log_scale], LEVELS))
    assert float(likelihood.mean(tf.constant([loc, log_scale]))[0]) == pytest.approx(np.sum(p * LEVELS) / p.sum(), abs=1e-5)


@pytest.mark.parametrize("name", ["Bernoulli", "PseudoBernoulli"])
@pytest.mark.parametrize("logit", [-30.0, -1.0, 0.0, 2.5, 30.0])
def test_mean_of_binary_values_is_the_sum(name, logit):
    likelihood = catalogue.LIKELIHOODS[name]()
    assert float(likelihood.mean(tf.constant(logit))) == pytest.approx(np.exp(log_density(likelihood, [logit], [1]))[0], rel=1e-5)


@pytest.mark.parametrize("logit", [-8.0, -0.11, -0.09, 1e-4, 0.09, 0.11, 8.0])
def test_continuous_bernoulli_mean_is_that_of_tfp(logit):
    likelihood = vm.ContinuousBernoulli()
    assert float(likelihood.mean(tf.constant(logit))) == pytest.approx(float(likelihood.distribution(tf.constant(logit)).mean()), abs=2e-4)


@pytest.mark.parametrize("logit", [-200.0, -30.0, -3.0, -1.01, -0.99, -0.1, 0.0, 0.1, 0.99, 1.01, 3.0, 30.0, 200.0])
def test_continuous_bernoulli_mean_is_the_integral(logit):
    u = (np.arange(400_000) + 0.5) / 400_000
    density = np.exp(logit * u - max(logit, 0.0))
    logits = tf.constant(logit)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        mean = vm.ContinuousBernoulli().mean(logits)
    expected = np.sum(u * density) / np.sum(density)
    assert float(mean) == pytest.approx(expected, rel=1e-5, abs=2e-7)
    variance = np.sum((u - expected) ** 2 * density) / np.sum(density)
    assert float(tape.gradient(mean, logits)) == pytest.approx(variance, rel=1e-3, abs=1e-6)  # of an exponential family


@pytest.mark.parametrize("name", catalogue.LIKELIHOODS)
def test_log_prob_is_that_of_the_distribution_summed(name):
    likelihood, rng = catalogue.LIKELIHOODS[name](), np.random.default_rng(0)
    params = tf.constant(rng.standard_normal((3, 5, 2, 2, likelihood.params_size(1))), tf.float32)
    x = rng.integers(0, 2, (5, 2, 2, 1)).astype("float32")
    expected = tf.reduce_sum(likelihood.distribution(params).log_prob(x), axis=[2, 3, 4])
    np.testing.assert_allclose(likelihood.log_prob(params, x), expected, rtol=2e-5)
    assert likelihood.mean(params).shape == (3, 5, 2, 2, 1)


def test_optimal_scale_is_the_root_mean_squared_error():
    likelihood = vm.OptimalScaleNormal(momentum=0.0)
    params, x = tf.zeros((1, 4, 6)), np.random.default_rng(0).standard_normal((4, 6)).astype("float32")
    log_p = likelihood.log_prob(params, x, training=True).numpy().sum()
    assert float(likelihood.variance) == pytest.approx(np.mean(x**2), rel=1e-6)
    for factor in (0.9, 1.1):
        assert log_p > scipy.stats.norm.logpdf(x, 0, factor * np.sqrt(np.mean(x**2))).sum()
    np.testing.assert_allclose(likelihood.log_prob(params, x).numpy().sum(), log_p, rtol=1e-5)


def test_optimal_scale_counts_draws_by_their_weights():
    """Also through the likelihoods that pass it on, with a mask, and if nothing counts."""
    x, weight = tf.constant([[1.0, 3.0], [50.0, 90.0]]), tf.constant([[0.25, 0.0], [0.75, 0.0]])
    params = tf.stack([tf.zeros((2, 2)), tf.ones((2, 2))])  # squared errors of the first example 1 and 9, 0 and 4
    wrapped = (
        lambda own: own,
        lambda own: vm.Standardized(own),
        lambda own: vm.Columns([("a", own, 2)]),
    )
    for wrap in wrapped:
        own = vm.OptimalScaleNormal(momentum=0.0)
        likelihood = wrap(own)
        likelihood.log_prob(params, x, True, weight=weight)
        assert float(own.variance) == pytest.approx((0.25 * (1 + 9) + 0.75 * (0 + 4)) / 2)
        likelihood.log_prob(params, x, True, tf.constant([[True, False]] * 2), weight)
        assert float(own.variance) == pytest.approx(0.25)
        likelihood.log_prob(params, x, True, weight=0 * weight)
        assert float(own.variance) == pytest.approx(0.25)


def test_optimal_scale_that_is_frozen_is_its_running_average():
    own = vm.OptimalScaleNormal(momentum=0.0)
    for likelihood in (own, vm.Standardized(own), vm.Columns([("a", own, 2)])):
        likelihood.trainable = False
        log_p = likelihood.log_prob(tf.zeros((1, 4, 2)), tf.fill((4, 2), 3.0), training=True)
        assert float(own.variance) == 1
        np.testing.assert_allclose(log_p, 2 * scipy.stats.norm.logpdf(3), rtol=1e-6)
        likelihood.trainable = True


def test_examples_of_weight_zero_leave_the_optimal_scale_alone(noiseless):
    encoder, decoder = vm.networks.mlp((3,), 4, ()), vm.networks.mlp((2,), 3, ())
    likelihood = vm.OptimalScaleNormal(momentum=0.0)
    model = vm.VAE(encoder, decoder, vm.StandardNormal(2), likelihood, noiseless)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    x, found = np.random.default_rng(0).normal(size=(8, 3)).astype("float32"), []
    for examples, weight in ((x, np.ones(8)), (np.concatenate([x, x + 100]), np.repeat([1.0, 0.0], 8))):
        loss = model.fit(examples, sample_weight=weight, batch_size=16, shuffle=False, verbose=0).history["loss"][0]
        found.append((float(likelihood.variance), loss))
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_the_optimal_scale_counts_categories_by_their_probabilities():
    likelihood = vm.OptimalScaleNormal(momentum=0.0)
    encoder = vm.networks.mlp((3,), 2 + 4, ())
    decoder = vm.networks.joint_gated_mlp([(2,), (2,)], (3,), branch=(4,), hidden=(4,))
    model = vm.CPVAE(encoder, decoder, vm.NormalMixture(2, 2), likelihood)
    encoder.layers[-1].bias.assign([3.0, -3.0, 0.0, 0.0, 0.0, 0.0])
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    d = model.draws(x, model.objective, [0, 1], training=True)
    each = np.mean(np.square(d.params - x), axis=-1)  # [S, B]
    assert float(likelihood.variance) == pytest.approx(np.mean(np.sum(np.exp(d.log_weight) * each, axis=0)), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("Bernoulli", 1.0, 0.5),
        ("PseudoBernoulli", 0.5, 1.5),
        ("ContinuousBernoulli", 0.5, -0.1),
        ("DiscretizedLogistic", 17 / 255, 17.5 / 255),
        ("Normal", -7.0, np.inf),
        ("Laplace", -7.0, np.nan),
    ],
)
def test_data_outside_the_support_is_refused(name, good, bad):
    likelihood = catalogue.LIKELIHOODS[name]()
    likelihood.check(np.full((2, 3), good))
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        likelihood.check(np.full((2, 3), bad))


def test_values_are_checked_as_float32_has_them():
    """The greatest double below one is one in single precision, where shares have no density."""
    vm.Beta().check(np.full((2, 3), 1 - 1e-6))
    with pytest.raises(ValueError, match=r"x in \(0, 1\), .* value=1.0"):
        vm.Beta().check(np.full((2, 3), 1 - 1e-12))
    with pytest.raises(ValueError, match="finite values in x"):
        vm.Normal().check(np.full((2, 3), 1e300))


@pytest.mark.parametrize(
    "make", [lambda: vm.Normal(0.0), lambda: vm.Laplace(-1.0), lambda: vm.OptimalScaleNormal(1.0), lambda: vm.DiscretizedLogistic((1, 0))]
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make()


def test_figures_of_a_pseudo_likelihood_say_so():
    model = catalogue.make(likelihood="PseudoBernoulli")
    model.compile("adam", run_eagerly=True)
    names = set(model.evaluate(catalogue.examples(model), verbose=0, return_dict=True))
    assert names == {"loss", "pseudo_elbo", "pseudo_reconstruction", "pseudo_kl", "beta"}
    report = vm.evaluation.likelihood_report(model, catalogue.examples(model), num_samples=5)
    assert "pseudo_log_likelihood" in report
    assert "log_likelihood" not in report
