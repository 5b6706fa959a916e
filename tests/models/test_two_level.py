"""Models of two levels: log p(x) by quadrature in the plane, the exact divergence, samples of the joint prior, bad input."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import norm

import keras_vaemix as vm
from export.artifact import export_model
from export.sample import sample
from keras_vaemix.networks import gated_conv_encoder, gated_mlp, joint_conv_decoder, joint_conv_encoder, joint_gated_mlp
from keras_vaemix.objectives import ELBO
from tests import catalogue

EVERY = np.array(list(itertools.product([0, 1], repeat=4)), "float32")


def shaken(model):
    """Returns the model with noise on every weight."""
    for i, weight in enumerate(model.trainable_variables):
        weight.assign(weight + 0.3 * tf.random.stateless_normal(weight.shape, [i, 1]))
    return model


def hierarchical(prior):
    return vm.HierarchicalVAE(
        top_encoder=gated_mlp((4,), 2, (6,)),
        encoder=joint_gated_mlp([(4,), (1,)], 2, (6,), (6,)),
        conditional=gated_mlp((1,), 2, (6,)),
        decoder=joint_gated_mlp([(1,), (1,)], (4,), (6,), (6,)),
        prior=prior,
        likelihood=vm.Bernoulli(),
    )


def gaussian_mixture():
    return vm.GMVAE(
        top_encoder=gated_mlp((4,), 2, (6,)),
        encoder=gated_mlp((4,), 2, (6,)),
        conditional=gated_mlp((1,), 6, (6,)),
        decoder=gated_mlp((1,), (4,), (6,)),
        prior=vm.StandardNormal(1),
        likelihood=vm.Bernoulli(),
        num_components=3,
    )


SMALL = {
    "HVAE": lambda: hierarchical(vm.StandardNormal(1)),
    "HVP": lambda: hierarchical(vm.VampPrior(1, 3, (4,))),
    "GMVAE": gaussian_mixture,
}


def exact_log_likelihood(model, x):
    """Returns log p(x) of a model with one latent in each level, by quadrature in the plane."""
    grid = np.linspace(-12, 12, 301)
    step = np.log(grid[1] - grid[0])
    z2 = np.repeat(grid, len(grid)).astype("float32")[:, None]
    z1 = np.tile(grid, len(grid)).astype("float32")[:, None]
    totals = []
    for example in x:
        log_p = model.log_joint(tf.constant(np.repeat(example[None], len(z1), axis=0)), tf.constant(z1), tf.constant(z2))
        totals.append(logsumexp(np.asarray(log_p, "float64")) + 2 * step)
    return np.array(totals)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_bound_is_below_the_exact_likelihood_and_importance_sampling_meets_it(name, fitted, by_xla):
    model = fitted(shaken(SMALL[name]()), EVERY)
    exact = exact_log_likelihood(model, EVERY)
    assert logsumexp(exact) == pytest.approx(0, abs=0.01)  # p(x) sums to one over all examples
    vm.verify.check_bound(model, EVERY, exact=exact)
    estimate = model.estimate_log_likelihood(EVERY, 5_000)
    assert np.all(np.abs(estimate.log_likelihood - exact) < 5 * estimate.standard_error + 0.01)


def linear_levels(off):
    """Returns a linear-Gaussian model with one latent in each level, whose posteriors have log-variances `off` too large, and Var(x)."""
    a, b, c, inner, noise = 0.8, 0.7, 0.4, 0.6, 0.5
    maps = np.array([[1, 0, 0], [a, inner, 0], [a * b + c, inner * b, noise]])  # of independent noise to z2, z1 and x
    cov = maps @ maps.T

    def given(i, known):
        """Returns the coefficients and the log-variance of variable i given others."""
        coefficients = np.linalg.solve(cov[np.ix_(known, known)], cov[known, i])
        return coefficients, np.log(cov[i, i] - coefficients @ cov[known, i])

    def affine(coefficients, log_variance):
        """Returns a network to a mean, linear in its inputs, and a constant log-variance."""
        network = gated_mlp((1,), 2, ()) if len(coefficients) == 1 else joint_gated_mlp([(1,), (1,)], 2, (), ())
        network.set_weights([np.stack([coefficients, 0 * coefficients], 1), np.array([0.0, log_variance])])
        return network

    decoder = joint_gated_mlp([(1,), (1,)], (1,), (), ())
    decoder.set_weights([np.array([[b], [c]]), np.zeros(1)])
    top, lower = given(0, [2]), given(1, [2, 0])
    networks = {
        "top_encoder": affine(top[0], top[1] + off),
        "encoder": affine(lower[0], lower[1] + off),
        "conditional": affine(np.array([a]), 2 * np.log(inner)),
        "decoder": decoder,
    }
    return vm.HierarchicalVAE(**networks, prior=vm.StandardNormal(1), likelihood=vm.Normal(noise)), cov[2, 2]


def test_importance_weighted_bounds_of_two_levels_rise_to_the_exact_likelihood():
    """With the exact posterior each of them is log p(x) itself, since all weights are equal."""
    x = np.linspace(-2, 2, 5, dtype="float32")[:, None]
    model, variance = linear_levels(0.0)
    exact = norm.logpdf(x[:, 0], scale=np.sqrt(variance))
    for objective in (vm.ImportanceWeighted(1), vm.ImportanceWeighted(50)):
        np.testing.assert_allclose(objective(model.draws(tf.constant(x), objective, [0, 1])), exact, atol=1e-5)
    model, _ = linear_levels(1.0)
    gaps = []
    for k in (1, 5, 200):
        objective = vm.ImportanceWeighted(k)
        gaps.append(exact.mean() - np.mean(objective(model.draws(np.repeat(x, 2000, axis=0), objective, [0, 1]))))
    assert gaps[0] == pytest.approx(np.exp(1.0) - 2.0, abs=0.04)  # the divergence of two normals from narrower ones
    assert gaps[0] > 2 * gaps[1] > 10 * gaps[2]
    assert gaps[2] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", SMALL)
def test_the_divergence_is_the_expectation_of_the_draws(name):
    model = shaken(SMALL[name]())
    d = model.draws(tf.constant(EVERY), ELBO(20_000), [0, 1])
    sampled = tf.reduce_mean(d.log_qz - d.log_pz, axis=0)
    np.testing.assert_allclose(sampled, d.kl, rtol=0.05, atol=0.05)
    assert np.all(np.asarray(d.kl) > -0.05)


@pytest.mark.parametrize("name", SMALL)
def test_samples_are_those_of_the_joint_prior(name):
    model = shaken(SMALL[name]())
    z = model.sample_latents(50_000, None, tf.constant([0, 1]))[0][:, 0]  # the lower latent
    z2 = model.prior.sample(50_000, seed=5, encode=model.encode_top)
    expected = model.lower_prior(z2[None]).sample(seed=7)[0][:, 0]
    spread = float(np.std(expected))
    assert np.mean(z) == pytest.approx(float(np.mean(expected)), abs=0.03 * spread)
    assert np.std(z) == pytest.approx(spread, rel=0.03)


def test_components_of_a_gaussian_mixture_vae_are_sampled_one_by_one():
    model = shaken(gaussian_mixture())
    w = model.prior.sample(20_000, seed=1)
    for k in range(3):
        (z,) = model.sample_latents(20_000, k, tf.constant([0, 1]))
        expected = model.components_of(w).sample(seed=3)[:, k]
        np.testing.assert_allclose(np.mean(z), np.mean(expected), atol=0.05 * np.std(expected))
    shares = model.responsibilities(EVERY)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)


def test_the_encoder_is_a_distribution():
    for name, make in SMALL.items():
        model = make()
        q = model.encode(tf.constant(EVERY))
        z = q.sample(5, seed=[0, 1])
        assert q.log_prob(z).shape == (5, 16), name
        assert set(z) == ({"z", "w"} if name == "GMVAE" else {"z1", "z2"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": lambda: joint_gated_mlp([(4,), (2,)], 2)}, r"encoder with inputs shape \[\(None, 4\), \(None, 1\)\]"),
        ({"encoder": lambda: joint_gated_mlp([(4,), (1,)], 6)}, r"encoder with output shape \(None, 2\).*\(None, 6\)"),
        ({"top_encoder": lambda: gated_mlp((4,), 3)}, r"top_encoder with output shape \(None, 2\).*\(None, 3\)"),
        ({"conditional": lambda: gated_mlp((2,), 2)}, r"conditional with input shape \(None, 1\)"),
        ({"decoder": lambda: joint_gated_mlp([(3,), (1,)], (4,))}, r"decoder with inputs shape"),
        ({"posterior": lambda: vm.NormalMixturePosterior(2)}, "posterior to be a DiagonalNormal"),
        ({"objective": lambda: vm.ELBO(kl=vm.divergences.SoftminBound())}, r"ClosedForm\(\) or MonteCarlo\(\)"),
    ],
)
def test_networks_that_do_not_fit_are_refused(change, message):
    model = hierarchical(vm.StandardNormal(1))
    parts = {name: getattr(model, name) for name in ("top_encoder", "encoder", "conditional", "decoder", "prior", "likelihood")}
    with pytest.raises(ValueError, match=message):
        vm.HierarchicalVAE(**{**parts, **{name: make() for name, make in change.items()}})


def test_gaussian_mixture_vae_refuses_what_does_not_fit():
    model = gaussian_mixture()
    parts = {name: getattr(model, name) for name in ("top_encoder", "encoder", "conditional", "decoder", "prior", "likelihood")}
    with pytest.raises(ValueError, match=r"conditional with output shape \(None, 8\)"):
        vm.GMVAE(**parts, num_components=4)
    with pytest.raises(ValueError, match="not a mixture"):
        vm.GMVAE(**{**parts, "prior": vm.NormalMixture(1, 2)}, num_components=3)


def test_categories_and_a_prior_of_w_that_selects_its_draws_have_noise_each(tmp_path):
    model = gaussian_mixture()
    parts = {name: getattr(model, name) for name in ("top_encoder", "encoder", "conditional", "decoder", "likelihood")}
    prior = vm.ResampledPrior(1, 3, (4,), vm.NormalMixture(1, 2), num_samples=64)
    model = vm.GMVAE(**parts, prior=prior, num_components=3)
    assert model.sample(5, 2, seed=0).shape == (5, 4)
    x, component = sample(export_model(model, tmp_path / "export", ["onnx"]), 500, seed=1)
    assert x.shape == (500, 4)
    assert set(component) == {0, 1, 2}


def conv_parts(shape):
    return {
        "top_encoder": gated_conv_encoder(shape, 6, ((4, 3, 2),)),
        "encoder": joint_conv_encoder(shape, 3, 4, ((4, 3, 2),), (8,)),
        "conditional": gated_mlp((3,), 4, (8,)),
        "prior": vm.VampPrior(3, 5, shape),
        "likelihood": vm.Bernoulli(),
    }


@pytest.mark.slow
def test_convolutional_levels(tmp_path):
    shape = (6, 5, 1)
    model = vm.HierarchicalVAE(**conv_parts(shape), decoder=joint_conv_decoder((2, 3), shape, (8,), filters=(4,)))
    x = np.random.default_rng(0).integers(0, 2, (20, *shape)).astype("float32")
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    losses = model.fit(x, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert sample(export_model(model, tmp_path / "export", ["onnx"]), 3, 2)[0].shape == (3, *shape)


@pytest.mark.slow
def test_pixel_levels(by_xla, tmp_path):
    shape = (4, 4, 1)
    model = vm.PixelHierarchicalVAE(**conv_parts(shape), decoder=vm.networks.PixelCNN(5, shape, 1, filters=4, num_layers=2))
    x = catalogue.examples(model, 20)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    losses = model.fit(x, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.sample(3, 1, seed=2), model.sample(3, 1, seed=2))
    assert set(np.unique(model.sample(3, seed=1))) <= {0.0, 1.0}
    vm.verify.check_bound(model, x, num_samples=500, repetitions=5)
    drawn, component = sample(export_model(model, tmp_path / "export"), 2000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), model.sample(2000, seed=3).numpy().mean(0), atol=0.06)
    assert component.max() < 5
