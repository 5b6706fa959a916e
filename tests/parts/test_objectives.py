"""Bounds against exact likelihoods, and gradients against each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.stats import multivariate_normal

import keras_vaemix as vm
from keras_vaemix.evaluation.likelihood import bound_parts
from tests import catalogue

LATENTS, PIXELS, NOISE = 2, 5, 0.6


def affine(num_inputs, kernel, bias):
    """A network of one affine map."""
    inputs = keras.Input((num_inputs,))
    network = keras.Model(inputs, keras.layers.Dense(kernel.shape[1])(inputs))
    network.set_weights([kernel, bias])
    return network


@pytest.fixture(scope="module")
def linear():
    """A linear-Gaussian VAE whose posterior is off by a factor in scale, examples, and their exact log p(x)."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.standard_normal((LATENTS, PIXELS)), rng.standard_normal(PIXELS)
    x = rng.standard_normal((400, LATENTS)) @ kernel + bias + NOISE * rng.standard_normal((400, PIXELS))
    precision = np.eye(LATENTS) + kernel @ kernel.T / NOISE**2
    to_mean = kernel.T @ np.linalg.inv(precision).T / NOISE**2
    log_variance = np.log(1.5 / np.diag(precision))
    encoder = affine(
        PIXELS,
        np.concatenate([to_mean, np.zeros_like(to_mean)], 1),
        np.concatenate([-bias @ to_mean, log_variance]),
    )
    model = vm.VAE(encoder, affine(LATENTS, kernel, bias), vm.StandardNormal(LATENTS), vm.Normal(NOISE))
    exact = multivariate_normal(bias, kernel.T @ kernel + NOISE**2 * np.eye(PIXELS)).logpdf(x)
    return model, x.astype("float32"), exact


def mean_and_error(values):
    return np.mean(values), np.std(values) / np.sqrt(len(values))


def test_bounds_rise_to_the_exact_likelihood(linear):
    model, x, exact = linear
    gaps, errors = [], []
    for num_samples in (1, 2, 5, 20):
        draws = model.draws(np.repeat(x, 50, axis=0), vm.ImportanceWeighted(num_samples), [0, num_samples])
        values = vm.ImportanceWeighted(num_samples)(draws).numpy().reshape(len(x), 50)
        mean, error = mean_and_error((values - exact[:, None]).mean(1))
        gaps.append(mean)
        errors.append(error)
    elbo = np.mean(bound_parts(model, np.repeat(x, 50, axis=0), 20_000)["elbo"]) - np.mean(exact)
    assert elbo == pytest.approx(gaps[0], abs=4 * errors[0])
    assert gaps[0] < gaps[1] < gaps[2] < gaps[3] < 4 * errors[3]
    assert gaps[0] < -0.02


def test_long_importance_sampling_is_exact(linear):
    model, x, exact = linear
    estimate = model.estimate_log_likelihood(x, 2_000)
    assert np.all(np.abs(estimate.log_likelihood - exact) < 6 * estimate.standard_error + 1e-4)
    difference, _ = mean_and_error(estimate.log_likelihood - exact)
    assert abs(difference) < 4 * np.sqrt(np.sum(estimate.standard_error**2)) / len(x)
    standardized = (estimate.log_likelihood - exact) / estimate.standard_error
    assert np.std(standardized) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("arguments", [{"chunk_size": 1}, {"chunk_size": 100}, {"batch_size": 7}, {}])
def test_chunks_and_batches_do_not_matter(linear, arguments):
    model, x, exact = linear
    estimate = model.estimate_log_likelihood(x[:20], 500, **arguments)
    assert estimate.log_likelihood.shape == (20,)
    assert np.all(np.abs(estimate.log_likelihood - exact[:20]) < 6 * estimate.standard_error)
    assert np.all((estimate.effective_sample_size > 100) & (estimate.effective_sample_size <= 500.1))


def test_exact_posterior_gives_the_exact_likelihood_from_one_sample():
    kernel, bias = np.array([[1.5, -0.5]]), np.zeros(2)
    precision = 1 + np.sum(kernel**2) / NOISE**2
    encoder = affine(2, np.concatenate([kernel.T / NOISE**2 / precision, np.zeros((2, 1))], 1), np.array([0, -np.log(precision)]))
    model = vm.VAE(encoder, affine(1, kernel, bias), vm.StandardNormal(1), vm.Normal(NOISE))
    x = np.random.default_rng(0).standard_normal((50, 2)).astype("float32")
    exact = multivariate_normal(bias, kernel.T @ kernel + NOISE**2 * np.eye(2)).logpdf(x)
    estimate = model.estimate_log_likelihood(x, 1)
    np.testing.assert_allclose(estimate.log_likelihood, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prior", catalogue.PRIORS)
def test_closed_form_and_monte_carlo_agree(prior, binary):
    model = catalogue.make(prior)
    means = []
    for objective in (vm.ELBO(4_000), vm.ELBO(4_000, kl=vm.divergences.MonteCarlo())):
        draws = model.draws(binary, objective, [0, 0])
        means.append(objective(draws).numpy())
        spread = np.std(draws.log_qz - draws.log_pz, axis=0) / np.sqrt(4_000)
    assert draws.kl is None
    assert np.all(np.abs(means[0] - means[1]) < 6 * spread + 1e-4)


def test_beta_weighs_the_divergence(binary):
    model = catalogue.make()
    draws = model.draws(binary, vm.ELBO(), [0, 0])
    difference = vm.ELBO()(draws, 1.0) - vm.ELBO()(draws, 3.0)
    np.testing.assert_allclose(difference, 2 * draws.kl, rtol=1e-4)


def gradients(model, x, objective, weights, seed, beta=1.0):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(objective(model.draws(x, objective, seed, training=True), beta))
    return tape.gradient(loss, weights)


@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_doubly_reparameterised_gradient_is_unbiased_in_a_warm_up(beta, binary):
    """At beta = 0 nothing depends on q but the draws, so that the gradients are equal, draw by draw."""
    model, x = catalogue.make(), tf.constant(np.tile(binary[:4], (5000, 1, 1, 1)))
    weights = model.encoder.trainable_variables[-1:]
    plain, dreg = (
        np.concatenate([gradients(model, x, objective(2), weights, [0, seed], beta)[0] for seed in range(4)])
        for objective in (vm.ImportanceWeighted, vm.DoublyReparameterized)
    )
    np.testing.assert_allclose(dreg, plain, rtol=1e-4 if beta == 0 else 0.05, atol=1e-5 if beta == 0 else 0.003)
    assert np.abs(plain).max() > 0.03


def test_doubly_reparameterised_gradient_is_unbiased_and_less_noisy(binary):
    """Same expectation for the encoder, the same values for the decoder, and less variance."""
    model = catalogue.make("NormalMixture")
    x, encoder = tf.constant(binary[:4]), model.encoder.trainable_variables[-2:]

    @tf.function
    def estimate(objective, seed):
        return tf.concat([tf.reshape(g, [-1]) for g in gradients(model, x, objective, encoder, seed)], 0)

    seeds = tf.stack([tf.zeros(600, tf.int32), tf.range(600)], 1)
    plain, dreg = [
        np.stack([estimate(objective, seed) for seed in seeds]) for objective in (vm.ImportanceWeighted(8), vm.DoublyReparameterized(8))
    ]
    error = np.sqrt((plain.var(0) + dreg.var(0)) / len(seeds))
    assert np.all(np.abs(plain.mean(0) - dreg.mean(0)) < 5 * error + 1e-6)
    assert dreg.var(0).sum() < 0.9 * plain.var(0).sum()
    decoder = model.decoder.trainable_variables + model.prior.trainable_variables
    for one, other in zip(
        *(gradients(model, x, o(8), decoder, [0, 1]) for o in (vm.ImportanceWeighted, vm.DoublyReparameterized)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_priors_reach_the_bounds_that_their_capacities_allow(digits):
    """What a learned normal learns, the encoder's head and the decoder's first layer absorb; a mixture contains the normal."""
    standard, learned, mixture = trained_bounds(digits, vm.StandardNormal(4), vm.LearnedNormal(4), vm.NormalMixture(4, 10))
    assert standard == pytest.approx(learned, abs=0.4)
    assert mixture > standard - 0.2


def trained_bounds(digits, *priors):
    support, bounds = vm.Bernoulli.support, []
    for prior in priors:
        keras.utils.set_random_seed(1)
        model = vm.VAE(
            vm.networks.gated_mlp(digits.shape, 8, (64,)), vm.networks.gated_mlp((4,), digits.shape, (64,)), prior, vm.Bernoulli()
        )
        model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=19)
        model.fit(digits.batches(63, support, 0), epochs=10, steps_per_epoch=190, verbose=0, shuffle=False)
        x = digits.arrays("test", support)
        bounds.append(np.mean([bound_parts(model, x, seed=seed)["elbo"].mean() for seed in range(5)]))
    return bounds


@pytest.mark.parametrize(
    "make", [lambda: vm.ELBO(0), lambda: vm.ELBO(beta=-1.0), lambda: vm.ImportanceWeighted(0), lambda: vm.DiagonalNormal((2, -6))]
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make()


def test_a_bound_on_the_divergence_of_a_flow_is_refused():
    with pytest.raises(ValueError, match=r"objective\.kl=ClosedForm\(\) or MonteCarlo\(\) for a posterior without a density"):
        catalogue.make(posterior="InverseAutoregressive", prior="NormalMixture", kl="Variational")


def test_num_samples_of_a_likelihood(binary):
    with pytest.raises(ValueError, match=r"num_samples to be an integer of at least 1. Received: num_samples=0"):
        catalogue.make().log_likelihood(binary, 0)


def test_parts_that_do_not_fit():
    encoder, decoder = vm.networks.gated_mlp((4,), 6, (3,)), vm.networks.gated_mlp((4,), (4,), (3,))
    with pytest.raises(ValueError, match="decoder with input shape"):
        vm.VAE(encoder, decoder, vm.StandardNormal(3), vm.Bernoulli())
    with pytest.raises(ValueError, match="encoder with output shape"):
        vm.VAE(encoder, decoder, vm.StandardNormal(4), vm.Bernoulli())


def test_divergence_without_closed_form_is_left_to_the_draws():
    p = vm.NormalMixture(2, 3).distribution()
    q = tfp.distributions.Independent(tfp.distributions.Normal(tf.zeros((4, 2)), 1.0), 1)
    assert vm.divergences.ClosedForm()(q, p) is None
    assert vm.divergences.ClosedForm()(q, vm.LearnedNormal(2).distribution()).shape == (4,)
