"""Priors with an estimated normaliser: their densities by quadrature, their samplers against them, and the error of log Z."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import chisquare

import keras_vaemix as vm
from keras_vaemix.priors.resampled import log1mexp


def spread(prior, size=1.0, seed=0):
    """Gives the weights of a prior random values, and sets its normaliser."""
    rng = np.random.default_rng(seed)
    for weight in prior.trainable_weights:
        weight.assign(weight + size * rng.standard_normal(weight.shape))
    prior.log_z.assign(exact_log_z(prior))
    return prior


def grid_of(latent_dim, n=None, end=8.0):
    """Returns a grid of the latents [G, D], and the log-volume of its cells."""
    axis = np.linspace(-end, end, n or {1: 4001, 2: 401}[latent_dim])
    cells = np.stack(np.meshgrid(*[axis] * latent_dim, indexing="ij"), -1).reshape(-1, latent_dim)
    return tf.constant(cells, tf.float32), latent_dim * np.log(axis[1] - axis[0])


def integral(log_density, log_volume):
    return np.sum(np.exp(np.asarray(log_density, "float64") + log_volume))


def exact_log_z(prior):
    """Returns log Z by quadrature."""
    z, log_volume = grid_of(prior.latent_dim)
    return np.log(integral(prior.base.distribution().log_prob(z) + prior.log_weight(z), log_volume))


def implicit(latent_dim, num_candidates=5, size=0.5):
    return spread(vm.ImplicitPrior(latent_dim, (8,), num_candidates=num_candidates, num_samples=256), size)


def resampled(latent_dim, num_tries, base=None):
    return spread(vm.ResampledPrior(latent_dim, num_tries, (8,), base, num_samples=256))


@pytest.mark.parametrize("num_tries", [1, 3, 100])
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_resampled_density_integrates_to_one(latent_dim, num_tries):
    prior = resampled(latent_dim, num_tries)
    z, log_volume = grid_of(latent_dim)
    assert integral(prior.distribution().log_prob(z), log_volume) == pytest.approx(1, abs=1e-4)
    if num_tries == 1:
        np.testing.assert_allclose(prior.distribution().log_prob(z), prior.base.distribution().log_prob(z), atol=1e-6)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_implicit_density_integrates_to_one(latent_dim):
    prior = implicit(latent_dim)
    z, log_volume = grid_of(latent_dim)
    assert integral(prior.distribution().log_prob(z), log_volume) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: resampled(1, 1),
        lambda: resampled(1, 3),
        lambda: resampled(1, 40, vm.NormalMixture(1, 3)),
        lambda: implicit(1, num_candidates=500),
    ],
)
def test_draws_have_the_density(make):
    prior = make()
    n, edges = 20_000, np.concatenate([[-8], np.linspace(-2.5, 2.5, 26), [8]])
    z, log_volume = grid_of(1)
    density = np.exp(np.asarray(prior.distribution().log_prob(z), "float64") + log_volume)
    expected, _ = np.histogram(z[:, 0], edges, weights=density)
    observed, _ = np.histogram(prior.sample(n, seed=1)[:, 0], edges)
    keep = n * expected > 5
    assert chisquare(observed[keep], expected[keep] / expected[keep].sum() * observed[keep].sum()).pvalue > 0.01
    assert observed[~keep].sum() < 20


def test_the_error_of_a_normaliser_is_the_spread_of_repeats():
    prior = resampled(1, 100)
    exact = exact_log_z(prior)
    values, errors = np.transpose([prior.log_normalizer(400, seed=i) for i in range(100)])
    assert np.std(values - exact) == pytest.approx(np.mean(errors), rel=0.2)
    assert abs(np.mean(values) - exact) < 4 * np.mean(errors) / np.sqrt(100)
    prior.log_z.assign(0.0)
    prior.finish()
    report = prior.report()
    assert float(prior.log_z.numpy()) == pytest.approx(exact, abs=0.01)
    assert abs(report["log_normalizer"] - exact) < 4 * report["log_normalizer_se"] < 0.02
    assert report["log_normalizer_off"] == pytest.approx(float(prior.log_z.numpy()) - report["log_normalizer"], abs=1e-6)


def test_training_follows_the_normaliser_and_its_gradient():
    """The gradient of log Z with respect to the base's weights is that of quadrature."""
    prior = spread(vm.ResampledPrior(1, 100, (8,), vm.LearnedNormal(1), num_samples=4096, decay=0.9))
    exact, z = exact_log_z(prior), grid_of(1)[0]
    for _ in range(30):
        prior.distribution(training=True)
    assert float(prior.log_z.numpy()) == pytest.approx(exact, abs=0.02)
    variables, log_volume = prior.trainable_weights, grid_of(1)[1]
    with tf.GradientTape(persistent=True) as tape:
        by_draws = tf.add_n([prior.smoothed_log_z() for _ in range(30)]) / 30
        by_grid = tf.reduce_logsumexp(prior.base.distribution().log_prob(z) + prior.log_weight(z)) + log_volume
    received, expected = (np.concatenate([np.ravel(g) for g in tape.gradient(y, variables)]) for y in (by_draws, by_grid))
    np.testing.assert_allclose(received, expected, atol=0.02)
    assert np.abs(expected).max() > 0.1


def test_gradients_are_finite_where_nothing_or_everything_is_accepted():
    for num_tries, bias in ((1, 0.0), (100, -60.0), (100, 60.0)):
        prior = resampled(2, num_tries)
        prior.acceptance.layers[-1].bias.assign([bias])
        prior.finish()
        z = tf.Variable([[0.0, 0.0], [50.0, -50.0]])
        with tf.GradientTape() as tape:
            log_p = prior.distribution(training=True).log_prob(z)
        assert np.all(np.isfinite(log_p))
        assert all(np.all(np.isfinite(g)) for g in tape.gradient(log_p, [z, *prior.trainable_weights]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_tries": 0}, "num_tries to be an integer of at least 1"),
        ({"decay": 1.0}, r"decay in \(0, 1\)"),
        ({"base": vm.StandardNormal(3)}, "a base over latent_dim=2 latents"),
        ({"base": vm.VampPrior(2, 3, (4,))}, "neither made of posteriors nor fitted"),
        ({"base": vm.ResampledPrior(2, 2)}, "a base whose normaliser is known"),
    ],
)
def test_resampled_prior_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        vm.ResampledPrior(2, **arguments)


@pytest.mark.parametrize("log_z", [-1.0, -12.0, -18.0, -40.0])
def test_density_where_almost_every_try_is_rejected(log_z):
    """With a(z) = 1 it is T times the base's, as long as T Z is small."""
    prior = vm.ResampledPrior(2, 100)
    prior.acceptance.layers[-1].set_weights([np.zeros((100, 1)), np.full(1, 40.0)])
    z = tf.zeros((1, 2))
    above = float(prior.log_ratio(z, tf.constant(log_z))[0])
    rejected = np.exp(99 * np.log1p(-np.exp(log_z)))
    tried = -np.expm1(99 * np.log1p(-np.exp(log_z))) / np.exp(log_z)
    assert above == pytest.approx(np.log(tried + rejected), rel=1e-5)
    x = tf.Variable([log_z, -1e-6])
    with tf.GradientTape() as tape:
        y = log1mexp(x)
    np.testing.assert_allclose(y, np.log1p(-np.exp(x.numpy().astype("float64"))), rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), 1 / -np.expm1(-x.numpy().astype("float64")), rtol=1e-5)
