"""The two-stage VAE: its exact likelihood, and what it trains."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

import keras_vaemix as vm
from keras_vaemix.core.seeds import stateless_seed
from keras_vaemix.storage.loading import load_model
from tests import catalogue
from tests.catalogue import linear


def test_two_stages_have_the_exact_likelihood_of_a_linear_model():
    """u ~ N(0, 1), z = a u + 0.5 e, x = b z + 0.3 e': x is normal with variance b^2 (a^2 + 0.25) + 0.09."""
    a, b = 0.8, 1.5
    encoder = lambda factor, log_variance: linear(1, np.array([[factor, 0.0]], "float32"), np.array([0.0, log_variance]))  # noqa: E731
    first = vm.VAE(encoder(0.6, -2.0), linear(1, np.array([[b]], "float32")), vm.StandardNormal(1), vm.Normal(0.3))
    second = vm.VAE(encoder(0.9, -0.9), linear(1, np.array([[a]], "float32")), vm.StandardNormal(1), vm.Normal(0.5))
    model = vm.TwoStageVAE(first, second)
    x = np.array([[-2.0], [0.1], [1.7]], "float32")
    exact = norm(0, math.sqrt(b**2 * (a**2 + 0.25) + 0.09)).logpdf(x[:, 0])
    np.testing.assert_allclose(model.log_likelihood(x, 100_000), exact, atol=0.02)
    d = model.draws(tf.constant(x), vm.ELBO(5000), stateless_seed(0))
    assert np.all(vm.ELBO()(d).numpy() < exact)
    drawn = model.sample(20_000, seed=0).numpy()
    assert drawn.std() == pytest.approx(b * math.sqrt(a**2 + 0.25), rel=0.03)
    z, u = np.array([[0.3], [1.0], [-1.0]], "float32"), np.array([[0.5], [0.2], [0.0]], "float32")
    joint = norm(0, 1).logpdf(u) + norm(a * u, 0.5).logpdf(z) + norm(b * z, 0.3).logpdf(x)
    np.testing.assert_allclose(model.log_joint(x, z, u), joint[:, 0], rtol=1e-4)


@pytest.mark.parametrize("likelihood", [vm.Normal(0.3), vm.OptimalScaleNormal(), vm.Standardized(vm.LearnedScaleNormal(0.5), 2.0, 3.0)])
def test_draws_have_the_density_of_the_lower_prior(likelihood):
    """The mean of log p(z|u) is that of draws by TFP."""
    first = catalogue.make(likelihood="Normal")
    d = first.prior.latent_dim
    second = vm.VAE(vm.networks.mlp((d,), 2 * d, ()), vm.networks.mlp((d,), d, ()), vm.StandardNormal(d), likelihood)
    model, u = vm.TwoStageVAE(first, second), np.random.default_rng(0).standard_normal((20_000, d)).astype("float32")
    (z,) = model._decoder_inputs(tf.constant(u), None, {"eps_lower": keras.random.normal(u.shape, seed=1)})
    p = model.lower_prior(tf.constant(u)[None])
    assert np.mean(p.log_prob(z)) == pytest.approx(np.mean(p.log_prob(p.sample(seed=2))), abs=0.04)


@pytest.mark.parametrize("likelihood", [vm.Laplace(0.5), vm.StudentT(0.5)])
def test_other_likelihoods_of_latents_are_refused(likelihood):
    first = catalogue.make()
    d = first.prior.latent_dim
    second = vm.VAE(vm.networks.mlp((d,), 2 * d, ()), vm.networks.mlp((d,), d, ()), vm.StandardNormal(d), likelihood)
    with pytest.raises(ValueError, match="a second VAE with a normal likelihood"):
        vm.TwoStageVAE(first, second)


def test_a_warm_up_is_refused_unless_it_holds_beta():
    """Beta scales all that trains the second VAE."""
    model = catalogue.make(model="TwoStageVAE")
    model.compile("sgd", run_eagerly=True)
    x = catalogue.examples(model)
    with pytest.raises(ValueError, match=r"no KLWarmUp for a TwoStageVAE.* Received: epochs=2"):
        model.fit(x, callbacks=[vm.callbacks.KLWarmUp(2)], verbose=0)
    for epochs in (0, 1):
        assert model.fit(x, callbacks=[vm.callbacks.KLWarmUp(epochs)], verbose=0).history["beta"] == [1.0]


def test_bounds_on_the_divergence_are_refused():
    given = catalogue.make(model="TwoStageVAE")
    with pytest.raises(ValueError, match="the divergence is estimated from the draws"):
        vm.TwoStageVAE(given.first, given.second, vm.ELBO(kl=vm.divergences.MeanBound()))


def test_a_beta_that_would_do_nothing_is_refused():
    given = catalogue.make(model="TwoStageVAE")
    with pytest.raises(ValueError, match=r"objective\.beta=1"):
        vm.TwoStageVAE(given.first, given.second, vm.ELBO(beta=2.0))
    given.second.objective = vm.ELBO(beta=4.0)
    with pytest.raises(ValueError, match=r"a second VAE with ELBO\(\)"):
        vm.TwoStageVAE(given.first, given.second)


def test_a_second_likelihood_estimates_its_scale():
    latents, noise = keras.random.normal((512, 1), seed=0), 0.5
    encoder = lambda: linear(1, np.array([[1.0, 0.0]], "float32"), np.array([0.0, -6.0]))  # noqa: E731
    first = vm.VAE(encoder(), linear(1, np.ones((1, 1), "float32")), vm.StandardNormal(1), vm.Normal(0.3))
    second = vm.VAE(encoder(), linear(1, np.zeros((1, 1), "float32")), vm.StandardNormal(1), vm.OptimalScaleNormal(momentum=0.5))
    model = vm.TwoStageVAE(first, second)
    model.compile(keras.optimizers.SGD(0.0))
    x = noise * latents.numpy()
    model.fit(x, batch_size=512, epochs=20, verbose=0)
    assert float(second.likelihood.variance) == pytest.approx(np.mean(np.square(x)), rel=0.05)  # p(z|u) has mean zero


def test_the_second_stage_alone_is_trained(binary, tmp_path):
    """And the optimizer of a first stage that was trained comes back with it."""
    model = catalogue.make(model="TwoStageVAE")
    model.first.compile(keras.optimizers.Adam(0.02), run_eagerly=True)
    model.first.train_on_batch(binary)
    before = model.first.get_weights()
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    losses = model.fit(binary, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for one, other in zip(before, model.first.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.first.optimizer.iterations, model.first.optimizer.iterations)
