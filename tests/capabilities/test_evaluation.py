"""Reports: their parts add up, and figures are what their names say."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

import keras_vaemix as vm
from keras_vaemix.core.batch import number_of
from keras_vaemix.visualization import pictures, plots
from keras_vaemix.visualization.grids import tiled
from tests import catalogue


def test_report_adds_up(binary):
    model = catalogue.make("VampPrior")
    report = vm.evaluation.likelihood_report(model, binary, num_samples=300, num_likelihood_examples=20)
    assert report["elbo"] == pytest.approx(report["reconstruction"] - report["kl"], abs=1e-4)
    assert report["elbo"] < report["log_likelihood"] + 4 * report["log_likelihood_se"] + 0.5
    assert (report["num_examples"], report["num_likelihood_examples"], report["num_samples"]) == (30, 20, 300)
    assert 1 <= report["effective_sample_size"] <= 300
    assert 0 <= report["active_units"] <= 3
    estimates = model.log_likelihood(binary[:20], 300)
    assert report["log_likelihood"] == pytest.approx(estimates.mean())
    assert report["log_likelihood_se"] == pytest.approx(estimates.std(ddof=1) / math.sqrt(20))


@pytest.mark.parametrize("name", ["model-CPVAE", "VAE-conditioned", "model-HierarchicalVAE", "model-TwoStageVAE", "autoencoder-mask"])
def test_latent_means_are_computed_a_few_rows_at_a_time(name, monkeypatch):
    model, seen = catalogue.EVERY_MODEL[name](), []
    x = catalogue.examples(model)
    expected, whole = model.latent_means(x), model.batch_latent_means
    n = len(expected)

    def batch_latent_means(rows):
        seen.append(number_of(rows))
        return whole(rows)

    monkeypatch.setattr(model, "batch_latent_means", batch_latent_means)
    monkeypatch.setattr("keras_vaemix.models.base.generative.batch_size_for", lambda *_: n // 2)
    np.testing.assert_allclose(model.latent_means(x), expected, atol=1e-5)
    assert seen == [n // 2] * 2 + [1] * (n % 2)


def test_bits_per_dimension_of_8_bit_data():
    model = catalogue.make(likelihood="DiscretizedLogistic")
    report = vm.evaluation.likelihood_report(model, catalogue.examples(model), num_samples=20)
    assert report["bits_per_dim"] == pytest.approx(-report["log_likelihood"] / (16 * math.log(2)))


def test_bits_are_for_each_observed_value():
    """Grey images under networks without weights, so that each value has the same probability."""
    encoder = vm.networks.named_inputs(vm.networks.mlp((4, 4, 2), 2, ()), x=(4, 4, 1), mask=(4, 4, 1))
    model = vm.VAE(encoder, vm.networks.mlp((1,), (4, 4, 2), ()), vm.StandardNormal(1), vm.DiscretizedLogistic())
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    whole = np.full((5, 4, 4, 1), 128 / 255)
    gaps = np.where(np.arange(16).reshape(4, 4, 1) % 3, whole, np.nan)
    bits = [vm.evaluation.likelihood_report(model, x, num_samples=20)["bits_per_dim"] for x in (whole, gaps)]
    assert bits[0] == pytest.approx(bits[1], rel=1e-5)


def test_active_units_counts_latents_that_move(binary):
    model = catalogue.make()
    *_, kernel, bias = model.encoder.weights
    kernel.assign(kernel * np.array([10, 0, 10, 1, 1, 1], "float32"))
    bias.assign(bias + np.array([3, 9, 0, 0, 0, 0], "float32"))
    assert vm.evaluation.active_units(model, binary) == 2


@pytest.mark.parametrize("prior", catalogue.PRIORS)
def test_responsibilities_of_examples(prior, binary, noiseless):
    """Those of the draws of each example, which without noise are the means."""
    model = catalogue.make(prior)
    model.posterior = noiseless
    responsibilities = model.responsibilities(binary, batch_size=7)
    assert responsibilities.shape == (30, model.prior.num_components)
    np.testing.assert_allclose(responsibilities.sum(1), 1, rtol=1e-5)
    of_means = model.prior.responsibilities(tf.constant(model.latent_means(binary))[None], model.encode)[0]
    np.testing.assert_allclose(responsibilities, of_means, atol=1e-5)


def test_encode_and_prior_are_tfp_distributions(binary):
    import tensorflow_probability as tfp

    model = catalogue.make("NormalMixture")
    assert isinstance(model.encode(binary), tfp.distributions.Distribution)
    assert isinstance(model.prior.distribution(), tfp.distributions.MixtureSameFamily)
    assert model.encode(binary).log_prob(tf.zeros((30, 3))).shape == (30,)


def test_grid_puts_images_in_their_places():
    images = np.arange(5, dtype="float32")[:, None, None, None] * np.ones((1, 2, 3, 1)) / 5
    picture = tiled(images, num_columns=2)
    assert picture.shape == (8, 7, 1)
    assert picture[3, 4, 0] == pytest.approx(3 / 5)
    assert picture[2, 0, 0] == 1


@pytest.mark.parametrize(("n", "rows", "columns"), [(3, 2, 3), (8, 2, 8), (17, 4, 8)])
def test_reconstructions_stand_below_their_examples_however_few(n, rows, columns):
    x = np.random.default_rng(0).random((n, 4, 5, 1)).astype("float32")
    grid = plots.pairs(x, 1 - x)
    assert (len(grid.images), grid.num_columns) == (rows * columns, columns)
    assert grid.rows == ("original", "reconstruction") * (rows // 2)
    np.testing.assert_array_equal(grid.images[0], x[0])
    np.testing.assert_array_equal(grid.images[-1], 1 - x[rows // 2 * columns - 1])


def test_component_samples_have_a_row_for_each_component():
    model = catalogue.make("VampPrior")
    grid, weights = plots.component_samples(model, num_columns=6), np.exp(model.prior.log_weights())
    heaviest = int(np.argmax(weights))
    assert (len(grid.images), len(grid.rows), grid.rows[0]) == (5 * 6, 5, f"component {heaviest}\n{weights[heaviest]:.1%}")
    np.testing.assert_allclose(grid.images[0], model.sample(6, heaviest, seed=0)[0], atol=1e-6)
    fewer = plots.component_samples(model, num_columns=6, max_rows=2)
    assert "2 of 5 components" in fewer.title
    np.testing.assert_array_equal(fewer.images, grid.images[:12])


class Counted(keras.layers.Layer):
    """Keeps the sizes of the batches that it sees."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def call(self, x):
        if x.shape[0] is not None:
            self.sizes.append(x.shape[0])
        return x


@pytest.fixture(scope="module")
def large():
    """A GAMIX-VAE of 256x256 pixels with the least networks, what counts in both, and 24 images."""
    shape, seen = (256, 256, 3), [Counted(), Counted()]
    encoder = keras.Sequential([keras.Input(shape), seen[0], keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4)])
    up = [keras.layers.Dense(3), keras.layers.Reshape((1, 1, 3)), keras.layers.UpSampling2D(256)]
    decoder = keras.Sequential([keras.Input((2,)), *up, seen[1]])
    levels = np.random.default_rng(0).random((24, 1, 1, 3), "float32")
    return vm.GAMIXVAE(encoder, decoder, vm.FittedMixture(2, 2), vm.Laplace(0.05)), seen, np.broadcast_to(levels, (24, *shape))


class Colour:
    """Features of images that are their mean colours."""

    name = "colour"

    def __call__(self, images):
        return np.mean(images, axis=(1, 2))


@pytest.mark.parametrize(
    "use",
    [
        lambda model, x: model.fit_prior(x),
        lambda model, x: model.aggregate_variance(x),
        lambda model, x: model.responsibilities(x),
        lambda model, x: model.reconstruct(x),
        lambda model, x: vm.evaluation.likelihood_report(model, x, 3),
        lambda model, x: vm.evaluation.kl_ladder(model, x, 1),
        lambda model, x: vm.evaluation.posterior_means(model, x),
        lambda model, x: vm.evaluation.latent_effects(model, x),
        lambda model, x: vm.evaluation.generation_report(model, x, Colour()),
        lambda model, x: vm.evaluation.sharpness_report(model, x),
        lambda model, x: plots.component_samples(model),
        lambda model, x: pictures.transitions(model, x[:4], x[4:8]),
    ],
)
def test_large_examples_go_through_networks_few_at_a_time(use, large):
    model, seen, x = large
    model.fit_prior(x)
    for one in seen:
        one.sizes.clear()
    use(model, x)
    assert 1 <= max(seen[0].sizes + seen[1].sizes) <= 5


def test_large_draws_are_those_of_one_batch(large):
    model, _, x = large
    model.fit_prior(x)
    z = model.sample_latents(7, seed=3)
    np.testing.assert_array_equal(z, model.sample_latents(7, None, model.seed_for(3)))
    np.testing.assert_allclose(model.sample(7, seed=3), model.decode(*z), rtol=1e-6)


def paper_bound(q, others):
    """Returns U of the GMMpVAE paper (Eq. 13, 21, 22) : a mixture is weights [M], means and variances [M, D]; K of equal weights."""
    total, size = 0.0, len(q[0])
    for other in others:
        left = list(range(size))
        for m in sorted(range(size), key=lambda m: -q[0][m]):
            (pi, mean, variance), here = (part[m] for part in q), [tuple(part[n] for part in other) for n in range(size)]
            kl = [0.5 * np.sum(np.log(t / variance) + (variance + (mean - nu) ** 2) / t - 1) for _, nu, t in here]
            chosen = left.pop(int(np.argmin([kl[n] - np.log(here[n][0]) for n in left])))
            total += pi * (np.log(pi / here[chosen][0]) + kl[chosen]) / len(others)
    return total


def mixtures_of(posterior, params):
    """Returns weights, means and variances of each of the posteriors, in float64."""
    loc, log_variance, logits = (np.asarray(part, "float64") for part in posterior.split(params))
    return list(zip(softmax(logits, axis=1), loc, np.exp(log_variance.clip(*posterior.log_variance_limits)), strict=True))


def test_the_gmmpvae_paper_s_bound(binary):
    model = catalogue.make("VampPrior", posterior="NormalMixturePosterior", kl="SoftminBound")  # its own divergence is another
    kernel = model.encoder.weights[-2]
    kernel.assign(8 * kernel)  # components that differ
    report = vm.evaluation.likelihood_report(model, binary, num_samples=10)
    assert report["paper_bound"] == pytest.approx(report["reconstruction"] - report["paper_bound_kl"], abs=1e-4)
    assert report["paper_bound"] < report["elbo"]
    q, others = (mixtures_of(model.posterior, model.encoder(x)) for x in (binary, model.prior.pseudo_inputs()))
    u = np.array([paper_bound(one, others) for one in q])
    np.testing.assert_allclose(vm.evaluation.paper_kl(model, binary, batch_size=7), u, rtol=1e-4)
    assert report["paper_bound_kl"] == pytest.approx(u.mean(), rel=1e-4)
    assert report["paper_bound_kl_se"] == pytest.approx(u.std(ddof=1) / len(u) ** 0.5, rel=1e-3)
    assert {"elbo_se", "reconstruction_se", "kl_se", "paper_bound_se"} <= set(report)


def test_which_models_have_the_gmmpvae_paper_s_bound(binary):
    has = vm.evaluation.has_paper_kl
    assert has(catalogue.make("VampPrior", posterior="NormalMixturePosterior"))
    assert has(catalogue.make("NormalMixture", kl="MeanBound"))
    assert not has(catalogue.make("NormalMixture"))
    assert not has(catalogue.make("VampPrior"))
    assert not has(catalogue.make("NormalMixture", posterior="NormalMixturePosterior", kl="Variational"))  # nothing matches its components
    assert not has(catalogue.make(model="CPVAE"))
    assert not has(catalogue.AUTOENCODERS["mmd"]())
    assert "paper_bound" not in vm.evaluation.likelihood_report(catalogue.make("VampPrior"), binary, num_samples=3)


def test_exact_likelihoods_need_no_density_of_the_posterior():
    encoder, decoder = vm.networks.mlp((3,), 2, ()), vm.networks.mlp((1,), 3, ())
    flow = vm.PlanarFlow(1, 2)
    model = vm.VAE(vm.networks.mlp((3,), flow.params_size(1), ()), decoder, vm.StandardNormal(1), vm.Bernoulli(), flow)
    plain = vm.VAE(encoder, decoder, model.prior, vm.Bernoulli())
    x = np.eye(3, dtype="float32")
    for exact in (vm.evaluation.exact_log_likelihood, vm.evaluation.exact_posterior):
        np.testing.assert_array_equal(exact(model, x), exact(plain, x))
    with pytest.raises(ValueError, match="a posterior with a density at any point"):
        vm.evaluation.exact_parts(model, x)
