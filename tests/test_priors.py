"""Priors: they integrate to one, sample what their density says, and freeze to what they sample."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.stats import chisquare, kstest

import keras_vaemix as vm
from keras_vaemix.mixtures import DiagonalNormalMixture
from tests import catalogue

tfd = tfp.distributions


def encode(u):
    """A posterior over two latents that depends on the example."""
    flat = tf.reshape(u, [tf.shape(u)[0], -1])
    return tfd.Independent(tfd.Normal(4 * flat[:, :2] - 2, 0.3 + flat[:, 2:4]), 1)


def spread(prior, seed=0):
    """Gives the weights of a prior random values."""
    rng = np.random.default_rng(seed)
    for weight in prior.weights:
        weight.assign(weight + rng.standard_normal(weight.shape))
    return prior


TWO_LATENTS = {
    "StandardNormal": lambda: vm.StandardNormal(2),
    "LearnedNormal": lambda: vm.LearnedNormal(2),
    "NormalMixture": lambda: vm.NormalMixture(2, 6, learn_weights=True),
    "VampPrior": lambda: vm.VampPrior(2, 6, (2, 2, 1), learn_weights=True),
}


@pytest.fixture(params=TWO_LATENTS)
def prior(request):
    return spread(TWO_LATENTS[request.param]())


@pytest.mark.parametrize("training", [False, True])
def test_density_integrates_to_one(prior, training):
    axis = np.linspace(-12, 12, 601)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")
    density = np.exp(prior.distribution(encode, training).log_prob(grid).numpy().astype("float64")).reshape(601, 601)
    assert np.trapezoid(np.trapezoid(density, axis), axis) == pytest.approx(1, abs=2e-3)


def test_samples_have_the_moments_of_the_distribution(prior):
    z = prior.sample(40_000, seed=1, encode=encode).numpy()
    p = prior.distribution(encode)
    error = np.sqrt(p.variance().numpy() / len(z))
    assert np.all(np.abs(z.mean(0) - p.mean()) < 5 * error)
    np.testing.assert_allclose(z.var(0), p.variance(), rtol=0.05)


def test_components_are_drawn_by_their_weights(prior):
    mixture, n = prior.mixture(encode), 20_000
    _, component = mixture.sample(n, -1, [0, 1])
    weights = np.exp(prior.log_weights().numpy().astype("float64"))
    counts = np.bincount(component, minlength=prior.num_components)
    assert len(counts) == prior.num_components
    assert prior.num_components == 1 or chisquare(counts, n * weights / weights.sum()).pvalue > 1e-4


def test_one_component_at_will(prior):
    mixture = prior.mixture(encode)
    for k in range(prior.num_components):
        z = prior.sample(2_000, k, seed=k, encode=encode).numpy()
        standard = (z - mixture.loc[k].numpy()) / mixture.scale[k].numpy()
        assert kstest(standard.ravel(), "norm").pvalue > 1e-4


def test_frozen_prior_samples_what_the_prior_does(prior):
    frozen, u, noise = prior.freeze(encode), np.linspace(0, 0.999, 50, dtype="float32"), np.ones((50, 2), "float32")
    assert all(isinstance(array, np.ndarray) for array in frozen[:3])
    for one, other in zip(
        frozen.transport(u, noise, np.full(50, -1)), prior.mixture(encode).transport(u, noise, np.full(50, -1)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_responsibilities_are_posterior_weights(prior):
    z = np.random.default_rng(0).standard_normal((3, 7, 2)).astype("float32")
    shares = prior.responsibilities(z, encode).numpy()
    assert shares.shape == (3, 7, prior.num_components)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-5)
    if prior.num_components > 1:
        joint = np.exp(prior.log_weights() + prior.components(encode).log_prob(z[..., None, :]))
        np.testing.assert_allclose(shares, joint / np.exp(prior.distribution(encode).log_prob(z))[..., None], rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("component", [-1, 6, 99])
def test_component_out_of_range(component):
    with pytest.raises(ValueError, match=r"component in 0\.\.5, or None. Received: component="):
        vm.NormalMixture(2, 6).sample(3, component)


@pytest.mark.parametrize(
    "make",
    [
        lambda: vm.StandardNormal(0),
        lambda: vm.NormalMixture(2, 0),
        lambda: vm.NormalMixture(2, 2.5),
        lambda: vm.NormalMixture(2, initial_stddev=0),
        lambda: vm.VampPrior(2, -1),
        lambda: vm.VampPrior(2, value_range=(1, 0)),
        lambda: vm.VampPrior(2, 5, (2, 2)).distribution(),
        lambda: vm.VampPrior(2, 5, (2, 2)).adapt(np.zeros((4, 2, 2))),
        lambda: vm.StandardNormal(2).sample(0),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make()


@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 1e-5), (tf.float64, 2e-7)])
@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 2.7])
def test_matrix_form_is_close_to_the_exact_form(scale, dtype, tolerance):
    """The bound on the difference for the range of scales that the recipe's log-variance limits (-6, 2) allow."""
    rng = np.random.default_rng(0)
    loc, z = rng.standard_normal((500, 40)).astype("float32"), rng.standard_normal((100, 40)).astype("float32")
    z[:50] = loc[:50] + scale * z[:50]
    scales = (scale * np.exp(0.1 * rng.standard_normal((500, 40)))).astype("float32")
    logits = rng.standard_normal(500).astype("float32")
    components = tfd.Independent(tfd.Normal(loc, scales), 1)
    received = DiagonalNormalMixture(tfd.Categorical(logits=logits), components, dtype).log_prob(z).numpy()
    double = tfd.Independent(tfd.Normal(loc.astype("float64"), scales.astype("float64")), 1)
    exact = tfd.MixtureSameFamily(tfd.Categorical(logits=logits.astype("float64")), double).log_prob(z.astype("float64")).numpy()
    np.testing.assert_allclose(received, exact, rtol=tolerance, atol=tolerance / scale**2)


def test_pseudo_inputs_stay_in_range_with_gradients_everywhere():
    prior = vm.VampPrior(2, 3, (2, 2, 1), value_range=(-1.0, 3.0))
    prior.raw_pseudo_inputs.assign(np.random.default_rng(0).normal(0, 5, (3, 2, 2, 1)))
    with tf.GradientTape() as tape:
        u = prior.pseudo_inputs()
    assert np.all((u > -1) & (u < 3))
    assert np.all(tape.gradient(u, prior.raw_pseudo_inputs) != 0)


def test_pseudo_inputs_start_from_noise_or_from_data():
    prior = vm.VampPrior(2, 400, (5, 5), initial_mean=0.05, initial_stddev=0.01)
    u = prior.pseudo_inputs().numpy()
    assert (u.mean(), u.std()) == pytest.approx((0.05, 0.01), abs=2e-3)
    x = np.random.default_rng(0).random((400, 5, 5)).astype("float32")
    prior.adapt(x, margin=1e-4)
    np.testing.assert_allclose(np.sort(prior.pseudo_inputs().numpy()[:, 0, 0]), np.sort(x[:, 0, 0]), atol=1e-3)


def test_vamp_prior_is_the_mixture_of_its_posteriors():
    model = catalogue.make("VampPrior")
    q = model.encode(model.prior.pseudo_inputs())
    z = np.random.default_rng(0).standard_normal((9, 3)).astype("float32")
    expected = tf.reduce_logsumexp(q.log_prob(z[:, None]) + model.prior.log_weights(), axis=1)
    np.testing.assert_allclose(model.prior.distribution(model.encode).log_prob(z), expected, rtol=1e-5)


def test_mixture_with_one_component_is_the_learned_normal():
    mixture, normal = vm.NormalMixture(3, 1), vm.LearnedNormal(3)
    z = np.random.default_rng(0).standard_normal((9, 3)).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(mixture.distribution(None, training).log_prob(z), normal.distribution().log_prob(z), rtol=1e-5)
