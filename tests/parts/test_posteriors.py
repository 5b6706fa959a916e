"""Posteriors: densities, draws and their weights, gradients against quadrature, and the priors that are made of them."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.stats import chisquare

import keras_vaemix as vm
from keras_vaemix.core.sampler import draw
from keras_vaemix.evaluation.likelihood import bound_parts
from tests import catalogue

tfd = tfp.distributions
MIXTURES = [vm.NormalMixturePosterior, vm.SampledMixturePosterior]


def params_for(posterior, latent_dim, batch=2, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal((batch, posterior.params_size(latent_dim))), tf.float32)


WITH_DENSITY = [name for name, make in catalogue.POSTERIORS.items() if make().has_density]


@pytest.mark.parametrize("posterior", WITH_DENSITY)
def test_density_integrates_to_one(posterior):
    posterior = catalogue.POSTERIORS[posterior]()
    grid = np.linspace(-20, 20, 8001, dtype="float32")[:, None, None]  # [G, B, D]
    density = np.exp(posterior.distribution(params_for(posterior, 1)).log_prob(grid))
    np.testing.assert_allclose(np.trapezoid(density, grid[:, 0, 0], axis=0), 1, rtol=1e-4)


@pytest.mark.parametrize("posterior", WITH_DENSITY)
def test_weighted_draws_have_the_moments_of_the_distribution(posterior):
    posterior = catalogue.POSTERIORS[posterior]()
    params = params_for(posterior, 3)
    q = posterior.distribution(params)
    z, log_weight, log_qz = posterior.draw(params, 20_000, [0, 1])
    assert z.shape == (20_000 * posterior.num_strata, 2, 3)
    np.testing.assert_allclose(log_qz, q.log_prob(z), rtol=1e-5)
    weight = np.exp(log_weight.numpy().astype("float64"))
    np.testing.assert_allclose(weight.sum(0), 1, rtol=1e-5)
    z = z.numpy()
    mean = (weight[..., None] * z).sum(0)
    np.testing.assert_allclose(mean, q.mean(), atol=0.05)
    np.testing.assert_allclose((weight[..., None] * (z - mean) ** 2).sum(0), q.variance(), rtol=0.06)
    np.testing.assert_allclose(posterior.mean(params), q.mean(), rtol=1e-5)


@pytest.mark.parametrize("make", MIXTURES)
def test_gradient_of_an_expectation_against_quadrature(make):
    """To every parameter, the weights too: both estimators are unbiased."""
    posterior = make(3, learn_weights=True)
    params = params_for(posterior, 1, batch=1)
    f = lambda z: tf.reduce_sum(tf.sin(1.5 * z) + 0.3 * z**2, axis=-1)  # noqa: E731
    grid = tf.cast(tf.linspace(-15.0, 15.0, 20_001), tf.float32)[:, None, None]
    with tf.GradientTape() as tape:
        tape.watch(params)
        density = tf.exp(posterior.distribution(params).log_prob(grid))  # [G, 1]
        expectation = tf.reduce_sum(density[:, 0] * f(grid)[:, 0]) * (30.0 / 20_000)
    exact = tape.gradient(expectation, params).numpy()[0]

    @tf.function
    def estimate(seed):
        with tf.GradientTape() as tape:
            tape.watch(params)
            z, log_weight, _ = posterior.draw(params, 50, seed)
            value = tf.reduce_sum(tf.exp(log_weight) * f(z))
        return tape.gradient(value, params)[0]

    estimates = np.stack([estimate(tf.constant([3, i])) for i in range(800)])
    error = estimates.std(0) / np.sqrt(len(estimates))
    assert np.all(np.abs(estimates.mean(0) - exact) < 4.5 * error + 1e-4)
    assert np.all(np.abs(exact) > 1e-3)


def test_gradient_to_weights_of_components_far_apart():
    """For N(+-10, 1) with equal weights, d E z / d logit is -5; draws of one component at a time miss what crosses between them."""
    params = tf.constant([[-10.0, 10.0, 0.0, 0.0, 0.0, 0.0]])  # locations, log-variances, logits

    def gradient(posterior, num_samples):
        with tf.GradientTape() as tape:
            tape.watch(params)
            z, log_weight, _ = posterior.draw(params, num_samples, [0, 0])
            mean = tf.reduce_sum(tf.exp(log_weight)[..., None] * z)
        return tape.gradient(mean, params).numpy()[0, 4]

    assert gradient(vm.NormalMixturePosterior(2, learn_weights=True), 20_000) == pytest.approx(-5, abs=0.05)
    assert gradient(vm.SampledMixturePosterior(2, learn_weights=True), 20_000) > -3  # as its docstring warns


@pytest.mark.slow
@pytest.mark.parametrize("make", MIXTURES)
def test_bounds_of_a_mixture_posterior_rise_to_the_likelihood(make):
    model = two_modes(make(2))
    x = np.random.default_rng(0).standard_normal((100, 1)).astype("float32") ** 2
    grid = np.linspace(-8, 8, 4001, dtype="float32")[:, None, None] * np.ones((1, len(x), 1), "float32")
    joint = model.likelihood.log_prob(model.decode_params(tf.constant(grid)), x) + model.prior.distribution().log_prob(grid)
    exact = np.log(np.trapezoid(np.exp(joint.numpy().astype("float64")), grid[:, 0, 0], axis=0))
    estimate = model.estimate_log_likelihood(x, 2000)
    difference = estimate.log_likelihood - exact
    assert abs(difference.mean()) < 4 * np.sqrt(np.sum(estimate.standard_error**2)) / len(x) + 1e-4
    elbo = np.mean([bound_parts(model, x, seed=seed)["elbo"] for seed in range(20)])
    bounds = [np.mean(vm.ImportanceWeighted(k)(model.draws(np.repeat(x, 50, 0), vm.ImportanceWeighted(k), [0, k]))) for k in (1, 3, 10)]
    assert elbo < bounds[0] + 0.02 < bounds[1] + 0.03 < bounds[2] + 0.04
    assert bounds[2] < exact.mean() + 0.02


def two_modes(posterior):
    """Returns a VAE with x = z^2 + noise, whose exact posterior has two modes, and a posterior with one component at each."""
    import keras

    z = keras.Input((1,))
    decoder = keras.Model(z, keras.layers.Lambda(lambda z: z**2)(z))
    x = keras.Input((1,))
    encoder = keras.Model(x, keras.layers.Dense(4)(x))
    encoder.set_weights([np.array([[0.4, -0.4, 0.0, 0.0]]), np.array([0.6, -0.6, -2.0, -2.0])])
    return vm.VAE(encoder, decoder, vm.StandardNormal(1), vm.Normal(0.3), posterior)


def test_one_component_is_a_normal(binary):
    """The same weights give the same bound, in a VampPrior too."""
    normal, mixture = (
        vm.VAE(
            vm.networks.gated_mlp(binary.shape[1:], 4, (8,)),
            vm.networks.gated_mlp((2,), binary.shape[1:], (8,)),
            vm.VampPrior(2, 3, binary.shape[1:]),
            vm.Bernoulli(),
            posterior,
        )
        for posterior in (vm.DiagonalNormal(), vm.NormalMixturePosterior(1))
    )
    mixture.set_weights(normal.get_weights())
    draws = [model.draws(binary, vm.ELBO(500, kl=vm.divergences.MonteCarlo()), [0, 0], training=True) for model in (normal, mixture)]
    for one, other in zip(draws[0][:4], draws[1][:4], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_reconstruction_is_from_the_heaviest_component():
    posterior = vm.NormalMixturePosterior(3, learn_weights=True)
    params = params_for(posterior, 2)
    loc, _, logits = posterior.split(params)
    np.testing.assert_allclose(posterior.center(params), loc.numpy()[np.arange(2), np.argmax(logits, axis=1)])
    fixed = vm.NormalMixturePosterior(2)
    np.testing.assert_allclose(fixed.center(params_for(fixed, 2)), fixed.split(params_for(fixed, 2))[0][:, 0])


def test_prior_of_mixture_posteriors_draws_components_and_their_components():
    model = catalogue.make("VampPrior", posterior="NormalMixturePosterior")
    encode, prior, n = model.encode, model.prior, 20_000
    mixture = prior.sampler(encode)
    assert (mixture.num_components, mixture.group_size, mixture.loc.shape) == (5, 3, (15, 3))
    z, component = draw(mixture, n, -1, [0, 1])
    weights = np.exp(prior.log_weights().numpy().astype("float64"))
    assert chisquare(np.bincount(component, minlength=5), n * weights / weights.sum()).pvalue > 1e-4
    p = prior.distribution(encode)
    assert np.all(np.abs(z.numpy().mean(0) - p.mean()) < 5 * np.sqrt(p.variance() / n))
    within = prior.components(encode)
    for k in (0, 4):
        z = prior.sample(n, k, seed=k, encode=encode).numpy()
        assert np.all(np.abs(z.mean(0) - within.mean()[k]) < 5 * np.sqrt(within.variance()[k] / n))
        np.testing.assert_allclose(z.var(0), within.variance()[k], rtol=0.06)
    for training in (True, False):
        exact = tfd.MixtureSameFamily(p.mixture_distribution, within).log_prob(z[:50])
        np.testing.assert_allclose(prior.distribution(encode, training).log_prob(z[:50]), exact, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(prior.responsibilities(z[:50], encode).numpy().sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("make", MIXTURES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"num_components": 0},
        {"num_components": 2, "fixed_weights": (0.5, 0.6)},
        {"num_components": 2, "fixed_weights": (1.5, -0.5)},
        {"num_components": 2, "fixed_weights": (1.0,)},
        {"num_components": 2, "fixed_weights": (0.5, 0.5), "learn_weights": True},
        {"log_variance_limits": (1, 0)},
    ],
)
def test_bad_arguments(make, arguments):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make(**arguments)


def test_strata_have_no_doubly_reparameterised_gradient():
    with pytest.raises(ValueError, match=r"choose SampledMixturePosterior. Received: num_strata=3"):
        catalogue.make(posterior="NormalMixturePosterior", objective="DoublyReparameterized")
    catalogue.make(posterior="SampledMixturePosterior", objective="DoublyReparameterized")


def test_number_of_samples_counts_all_strata(binary):
    model = catalogue.make(posterior="NormalMixturePosterior")
    assert np.all(model.estimate_log_likelihood(binary, 300).effective_sample_size <= 301)
