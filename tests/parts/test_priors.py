"""Priors: they integrate to one, sample what their density says, and freeze to what they sample."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import logsumexp
from scipy.stats import chisquare, kstest, norm

import keras_vaemix as vm
from export.convert import Graph
from export.onnx import session, write
from export.sample import draw_noise
from keras_vaemix.core.sampler import draw
from keras_vaemix.mixtures.density import DiagonalNormalMixture
from keras_vaemix.priors import LocationScaleMixture
from keras_vaemix.priors.scales import inverse_softplus_scale
from tests import catalogue

tfd = tfp.distributions


def encode(u):
    """A posterior over two latents that depends on the example."""
    flat = tf.reshape(u, [tf.shape(u)[0], -1])
    return tfd.Independent(tfd.Normal(4 * flat[:, :2] - 2, 0.3 + flat[:, 2:4]), 1)


def spread(prior, seed=0):
    """Gives the weights of a prior random values, unless they are fitted."""
    rng = np.random.default_rng(seed)
    for weight in prior.trainable_weights:
        weight.assign(weight + rng.standard_normal(weight.shape))
    return prior


def latents(n=600, dim=2, seed=0):
    """Latents [n, dim] of three clusters, of different sizes and orientations."""
    rng = np.random.default_rng(seed)
    sizes = np.array([n // 2, n // 3, n - n // 2 - n // 3])
    clusters = [rng.standard_normal((size, dim)) @ rng.standard_normal((dim, dim)) + 4 * rng.standard_normal(dim) for size in sizes]
    return np.concatenate(clusters)


def fitted(num_components, covariance_type, dim=2, **kwargs):
    prior = vm.FittedMixture(dim, num_components, covariance_type)
    prior.fit(latents(dim=dim), **kwargs)
    return prior


TWO_LATENTS = {
    "FittedMixture": lambda: fitted(3, "full"),
    "FittedMixture-diag": lambda: fitted(3, "diag"),
    "FittedMixture-one": lambda: fitted(1, "full"),
    "StandardNormal": lambda: vm.StandardNormal(2),
    "LearnedNormal": lambda: vm.LearnedNormal(2),
    "NormalMixture": lambda: vm.NormalMixture(2, 6, learn_weights=True),
    "VampPrior": lambda: vm.VampPrior(2, 6, (2, 2, 1), learn_weights=True),
    "VampPriorMixture": lambda: vm.VampPriorMixture(2, 6, (2, 2, 1)),
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
    sampler, n = prior.sampler(encode), 20_000
    _, component = draw(sampler, n, -1, [0, 1])
    weights = np.exp(prior.log_weights().numpy().astype("float64"))
    counts = np.bincount(component, minlength=prior.num_components)
    assert len(counts) == prior.num_components
    assert prior.num_components == 1 or chisquare(counts, n * weights / weights.sum()).pvalue > 1e-4


def test_one_component_at_will(prior):
    mixture = prior.sampler(encode)
    for k in range(prior.num_components):
        z = prior.sample(2_000, k, seed=k, encode=encode).numpy()
        loc, scale = mixture.loc[k].numpy(), mixture.scale[k].numpy()
        standard = (z - loc) / scale if scale.ndim == 1 else np.linalg.solve(scale, (z - loc).T).T
        assert kstest(standard.ravel(), "norm").pvalue > 1e-4


def test_frozen_prior_samples_what_the_prior_does(prior):
    frozen, u, noise = prior.freeze(encode), np.linspace(0, 0.999, 50, dtype="float32"), np.ones((50, 2), "float32")
    assert all(isinstance(array, np.ndarray) for array in frozen[:3])
    noise = {"u": u, "eps": noise}
    for one, other in zip(frozen.generate(noise, np.full(50, -1)), prior.generate(noise, np.full(50, -1), encode), strict=True):
        np.testing.assert_array_equal(one, other)


def test_responsibilities_are_posterior_weights(prior):
    z = np.random.default_rng(0).standard_normal((3, 7, 2)).astype("float32")
    responsibilities = prior.responsibilities(z, encode).numpy()
    assert responsibilities.shape == (3, 7, prior.num_components)
    np.testing.assert_allclose(responsibilities.sum(-1), 1, rtol=1e-5)
    if prior.num_components > 1:
        joint = np.exp(prior.log_weights() + prior.components(encode).log_prob(z[..., None, :]))
        np.testing.assert_allclose(
            responsibilities, joint / np.exp(prior.distribution(encode).log_prob(z))[..., None], rtol=1e-4, atol=1e-12
        )


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
        lambda: vm.FittedMixture(2, 0),
        lambda: vm.FittedMixture(2, 3, "tied"),
        lambda: vm.VampPrior(2, -1),
        lambda: vm.VampPrior(2, value_range=(1, 0)),
        lambda: vm.VampPrior(2, 5, (2, 2)).distribution(),
        lambda: vm.VampPrior(2, 5, (2, 2)).initialize_from_examples(np.zeros((4, 2, 2))),
        lambda: vm.VampPrior(2, 2, (2, 2)).initialize_from_examples(np.full((4, 2, 2), 255)),
        lambda: vm.VampPrior(2, 2, (2, 2)).initialize_from_examples(np.zeros((4, 2, 3))),
        lambda: vm.VampPrior(2, 2, (2, 2)).initialize_from_examples(np.full((4, 2, 2), np.nan)),
        lambda: vm.VampPrior(2, 2, (2, 2)).initialize_from_examples(np.full((4, 2, 2), 0.5), margin=0.0),
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


def test_components_may_be_multivariate_normals_of_a_diagonal():
    loc, scale = np.arange(6.0, dtype="float32").reshape(3, 2), np.linspace(0.5, 1.5, 6, dtype="float32").reshape(3, 2)
    mixture = LocationScaleMixture.of(tf.zeros(3), tfd.MultivariateNormalDiag(loc, scale))
    np.testing.assert_array_equal(mixture.loc, loc)
    np.testing.assert_allclose(mixture.scale, scale, rtol=1e-6)


def far_apart(num_components, dim, spread, scale, n=100):
    """Returns a mixture whose components spread by so many scales, and draws of it, z [n, D]."""
    rng, prior = np.random.default_rng(0), vm.NormalMixture(dim, num_components)
    loc, scales = spread * rng.standard_normal((num_components, dim)), scale * np.exp(0.3 * rng.standard_normal((num_components, dim)))
    prior.loc.assign(loc)
    prior.raw_scale.assign(inverse_softplus_scale(scales))
    chosen = rng.integers(num_components, size=n)
    return prior, (loc[chosen] + scales[chosen] * rng.standard_normal((n, dim))).astype("float32")


def exact_density(prior, z):
    """Returns log p(z) of a `NormalMixture` by differences in double precision, and the component that z is nearest to."""
    normal = prior.components(None).distribution
    loc, scale = (np.asarray(value, "float64") for value in (normal.loc, normal.scale))
    logs = norm.logpdf(z[:, None].astype("float64"), loc, scale).sum(axis=-1)  # [N, K]
    return logsumexp(logs, axis=1) - np.log(len(loc)), np.argmax(logs, axis=1)


@pytest.mark.parametrize(("num_components", "dim"), [(10, 2), (100, 40)])
def test_the_density_of_narrow_components_far_apart_holds_in_training(num_components, dim):
    prior, z = far_apart(num_components, dim, 50.0, 0.01)
    exact, nearest = exact_density(prior, z)
    with tf.GradientTape() as tape:
        z = tf.constant(z)
        tape.watch(z)
        received = prior.distribution(training=True).log_prob(z)
    np.testing.assert_allclose(received, exact, atol=1e-3)
    normal = prior.components(None).distribution
    loc, scale = (np.asarray(value, "float64")[nearest] for value in (normal.loc, normal.scale))
    np.testing.assert_allclose(tape.gradient(received, z), (loc - z) / scale**2, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(("spread", "limit"), [(0.1, 0.002), (1.0, 0.2), (10.0, 20.0), (50.0, 500.0)])
def test_float32_loses_what_is_said(spread, limit):
    prior, z = far_apart(500, 40, spread, 0.01)
    exact, nearest = exact_density(prior, z)
    p = prior.distribution(training=True)
    assert p.product_dtype == tf.float32
    error = np.abs(p.log_prob(z) - exact)
    normal = p.components_distribution.distribution
    loc, scale = (np.asarray(value, "float64") for value in (normal.loc, normal.scale))
    middle = loc.mean(axis=0)
    ratio = (np.abs(z - middle) + np.abs(loc - middle)[nearest]) / scale[nearest]
    assert np.all(error < 2.0**-22 * np.sum(ratio**2, axis=1) + 1e-4)
    assert np.max(error) < limit


def test_pseudo_inputs_stay_in_range_with_gradients_everywhere():
    prior = vm.VampPrior(2, 3, (2, 2, 1), value_range=(-1.0, 3.0))
    prior.raw_pseudo_inputs.assign(np.random.default_rng(0).normal(0, 5, (3, 2, 2, 1)))
    with tf.GradientTape() as tape:
        u = prior.pseudo_inputs()
    assert np.all((u > -1) & (u < 3))
    assert np.all(tape.gradient(u, prior.raw_pseudo_inputs) != 0)


@pytest.mark.parametrize(("middle", "scale"), [(0, 0.02), (0, 1), (0, 1000), (1e6, 1), (-1e6, 1000)])
def test_a_mixture_starts_from_the_moments_of_latents_of_any_size(middle, scale):
    rng, prior = np.random.default_rng(0), vm.NormalMixture(3, 2, learn_weights=True)
    responsibilities = np.repeat([[1.0, 0.0], [0.0, 1.0]], [100, 300], axis=0)
    z = middle + scale * (rng.standard_normal((400, 3)) + 10 * responsibilities[:, :1])
    prior.initialize_from_latents(z, responsibilities)
    normal = prior.components(None).distribution
    for k, own in enumerate((z[:100], z[100:])):
        np.testing.assert_allclose(normal.loc[k], own.mean(axis=0), rtol=1e-6, atol=1e-5 * scale)
        np.testing.assert_allclose(normal.scale[k], own.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.exp(prior.log_weights()), [0.25, 0.75], rtol=1e-5)


def test_a_component_without_share_starts_at_the_mean():
    z, prior = 1e4 + np.random.default_rng(0).standard_normal((50, 3)), vm.NormalMixture(3, 2)
    prior.initialize_from_latents(z, np.repeat([[1.0, 0.0]], 50, axis=0), variance=2.0)
    normal = prior.components(None).distribution
    np.testing.assert_allclose(normal.loc[1], z.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(normal.scale[0], np.sqrt(z.var(axis=0) + 2), rtol=1e-5)
    assert np.isfinite(normal.scale).all()


@pytest.mark.parametrize("scale", [0.0011, 0.01, 1.0, 50.0, 1e4, 1e8])
def test_scales_are_what_their_inverse_was_asked_for(scale):
    from keras_vaemix.priors import scales

    raw = tf.constant(scales.inverse_softplus_scale(scale), tf.float32)
    assert float(scales.softplus_scale(raw)) == pytest.approx(scale, rel=1e-5)
    assert float(scales.softplus_scale(scales.initial_scale(scale)(()))) == pytest.approx(scale, rel=1e-5)


def test_pseudo_inputs_start_from_noise_or_from_data():
    prior = vm.VampPrior(2, 400, (5, 5), initial_mean=0.05, initial_stddev=0.01)
    u = prior.pseudo_inputs().numpy()
    assert (u.mean(), u.std()) == pytest.approx((0.05, 0.01), abs=2e-3)
    x = np.random.default_rng(0).random((400, 5, 5)).astype("float32")
    prior.initialize_from_examples(x, margin=1e-4)
    np.testing.assert_allclose(np.sort(prior.pseudo_inputs().numpy()[:, 0, 0]), np.sort(x[:, 0, 0]), atol=1e-3)


def test_preset_starts_pseudo_inputs_of_8_bit_data_inside_the_range(digits):
    from training.presets.baselines import vamp_prior

    start = lambda data: vamp_prior(data, 5, 2, True, True).raw_pseudo_inputs.numpy()  # noqa: E731
    plain = vm.VampPrior(2, 5, (8, 8, 1))
    plain.initialize_from_examples(digits.train.x)
    np.testing.assert_array_equal(start(digits), plain.raw_pseudo_inputs)
    in_8_bits = digits._replace(train=digits.train._replace(x=np.round(255 * digits.train.x).astype("uint8")))
    np.testing.assert_allclose(start(in_8_bits), plain.raw_pseudo_inputs, atol=0.05)


def test_vamp_prior_is_the_mixture_of_its_posteriors():
    model = catalogue.make("VampPrior")
    q = model.encode(model.prior.pseudo_inputs())
    z = np.random.default_rng(0).standard_normal((9, 3)).astype("float32")
    expected = tf.reduce_logsumexp(q.log_prob(z[:, None]) + model.prior.log_weights(), axis=1)
    np.testing.assert_allclose(model.prior.distribution(model.encode).log_prob(z), expected, rtol=1e-5)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
@pytest.mark.parametrize("num_components", [1, 3])
def test_fitted_density_is_that_of_scikit_learn(num_components, covariance_type):
    prior = vm.FittedMixture(4, num_components, covariance_type)
    mixture = prior.fit(latents(dim=4), seed=3)
    z = latents(50, 4, seed=1).astype("float32")
    np.testing.assert_allclose(prior.distribution().log_prob(z), mixture.score_samples(z), rtol=1e-4)
    np.testing.assert_allclose(prior.responsibilities(z), mixture.predict_proba(z), atol=1e-4)
    np.testing.assert_allclose(np.exp(prior.log_weights()), mixture.weights_, rtol=1e-5)


def test_one_fitted_normal_has_the_moments_of_the_latents():
    z = latents()
    p = fitted(1, "full").distribution()
    np.testing.assert_allclose(p.mean(), z.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(p.components_distribution.covariance()[0], np.cov(z.T, bias=True), rtol=1e-5)


def test_fit_is_a_function_of_its_seed_and_need_not_converge():
    one, other = (fitted(3, "full", seed=5) for _ in range(2))
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    prior = vm.FittedMixture(2, 3)
    assert not prior.fit(latents(), max_iter=1).converged_
    assert prior.fit(latents()).converged_
    assert prior.trainable_weights == []


@pytest.mark.parametrize(
    "use",
    [
        lambda prior: prior.sample(3),
        lambda prior: prior.distribution(),
        lambda prior: prior.sampler(),
        lambda prior: prior.freeze(),
        lambda prior: prior.log_weights(),
        lambda prior: prior.responsibilities(np.zeros((3, 2), "float32")),
        lambda prior: tf.function(lambda z: prior.distribution().log_prob(z), jit_compile=True)(tf.zeros((3, 2))),
    ],
)
def test_density_must_be_fitted_first(use):
    prior = vm.FittedMixture(2, 3)
    with pytest.raises(ValueError, match=r"Expected a fitted density: call the model's fit_prior\(x\).* Received: is_fitted=False"):
        use(prior)
    prior.fit(latents())
    use(prior)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (latents()[:2], "at least num_components=3 latents"),
        (np.full((9, 2), np.nan), "finite latents"),
        (latents(dim=3), r"latents \[N, 2\]"),
        (latents()[:, 0], r"latents \[N, 2\]"),
        (1e200 * latents(), "can be fitted"),
        (1e40 * latents(), "small enough for float32"),
    ],
)
def test_failed_fit_leaves_the_last_one(z, message):
    prior = fitted(3, "full")
    before = prior.get_weights()
    with pytest.raises(ValueError, match=rf"Expected .*{message}.* Received: "):
        prior.fit(z)
    for a, b in zip(before, prior.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fitted_prior_is_saved_with_its_model(tmp_path):
    model = catalogue.make("FittedMixture")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.prior.is_fitted.numpy() == 1
    np.testing.assert_array_equal(loaded.sample(5, seed=1), model.sample(5, seed=1))
    model.prior.is_fitted.assign(0)
    model.save(tmp_path / "unfitted.keras")
    with pytest.raises(ValueError, match="Expected a fitted density"):
        keras.saving.load_model(tmp_path / "unfitted.keras", safe_mode=True).sample(5)


@pytest.mark.parametrize("group_size", [1, 2])
def test_members_with_matrices_are_affine_maps_of_the_noise(group_size):
    rng = np.random.default_rng(0)
    loc, scale = rng.standard_normal((6, 4)).astype("float32"), np.tril(rng.standard_normal((6, 4, 4))).astype("float32")
    if group_size == 1:
        mixture = LocationScaleMixture.of(tf.zeros(6), tfd.MultivariateNormalTriL(loc, scale))
    else:
        within = tfd.MultivariateNormalTriL(loc.reshape(3, 2, 4), scale.reshape(3, 2, 4, 4))
        mixture = LocationScaleMixture.of(tf.zeros(3), tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros((3, 2))), within))
    assert mixture.num_components == 6 // group_size
    member, noise = rng.integers(0, 6, 50), rng.standard_normal((50, 4)).astype("float32")
    u = ((member + 0.5) / 6).astype("float32")
    expected = loc[member] + np.einsum("nij,nj->ni", scale[member], noise)
    for form in (mixture, mixture.constants()):
        z, component = form.transport(u, noise, np.full(50, -1))
        np.testing.assert_allclose(z, expected, atol=1e-5)
        np.testing.assert_array_equal(component, member // group_size)


def test_members_may_share_a_matrix():
    scale = np.tril(np.ones((4, 4), "float32"))
    mixture = LocationScaleMixture.of(tf.zeros(6), tfd.MultivariateNormalTriL(tf.ones((6, 4)), scale))
    z, _ = mixture.transport(np.zeros(2, "float32"), np.ones((2, 4), "float32"), np.array([0, 5]))
    np.testing.assert_array_equal(z, np.tile(1 + np.arange(1, 5), (2, 1)))


WITHOUT_ENDS = [-np.inf, 0.0, 0.0, -np.inf]  # log-weights: the first and the last member have none
EDGES = {0.0: 1, -0.5: 1, np.nan: 1, 0.5: 2, 1 - 2**-24: 2, 1.0: 2, 7.0: 2, np.inf: 2}  # members that u chooses


def mixture_without_ends(group_size=1):
    """A mixture whose locations are the numbers of its members, of which the first and the last of each group have no weight."""
    logits = tf.constant(WITHOUT_ENDS if group_size == 1 else WITHOUT_ENDS * 2)
    return LocationScaleMixture(logits, tf.range(len(logits), dtype=tf.float32)[:, None], tf.zeros((len(logits), 1)), group_size=group_size)


def test_a_member_without_weight_is_never_drawn(tmp_path):
    u, eps = np.array([*EDGES], "float32"), np.zeros((len(EDGES), 1), "float32")
    mixture, component = mixture_without_ends(), np.full(len(EDGES), -1)
    z, drawn = mixture.transport(u, eps, component)
    np.testing.assert_array_equal(drawn, [*EDGES.values()])
    np.testing.assert_array_equal(z[:, 0], [*EDGES.values()])
    signature = [tf.TensorSpec([None], name="u"), tf.TensorSpec([None, 1], name="eps"), tf.TensorSpec([None], tf.int64, name="component")]
    write(Graph(mixture.constants().transport, signature, ["z", "drawn"]), tmp_path / "sampler.onnx")
    (exported,) = session(tmp_path / "sampler.onnx").run(["drawn"], {"u": u, "eps": eps, "component": component})
    np.testing.assert_array_equal(exported, [*EDGES.values()])
    grouped = mixture_without_ends(4)
    z, _ = grouped.transport(u, eps, np.ones(len(EDGES), int))
    np.testing.assert_array_equal(z[:, 0], 4 + np.array([*EDGES.values()]))


def test_uniform_noise_of_float32_is_below_one():
    rng, first = np.random.default_rng(0), np.random.default_rng(0)
    rng.bit_generator.advance(14817372)
    first.bit_generator.advance(14817372)
    assert np.float32(first.random()) == 1
    assert draw_noise(rng, {"family": "Uniform", "df": None}, (1,)) < 1


def test_mixture_with_one_component_is_the_learned_normal():
    mixture, normal = vm.NormalMixture(3, 1), vm.LearnedNormal(3)
    z = np.random.default_rng(0).standard_normal((9, 3)).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(mixture.distribution(None, training).log_prob(z), normal.distribution().log_prob(z), rtol=1e-5)


LATENT_MODELS = {
    "flow": lambda: catalogue.make(posterior="PlanarFlow"),
    "mixture": lambda: catalogue.make(posterior="NormalMixturePosterior", prior="VampPrior"),
    "two stages": lambda: catalogue.make(model="TwoStageVAE"),
    "two levels": lambda: catalogue.make(model="GMVAE"),
}


@pytest.mark.parametrize("name", LATENT_MODELS)
def test_a_model_fits_a_density_to_draws_from_its_posteriors(name):
    model = LATENT_MODELS[name]()
    x, part = catalogue.examples(model), getattr(model, "second", model)
    part.prior = vm.FittedMixture(part.prior.latent_dim, 2)
    assert not model.can_sample()
    with pytest.raises(ValueError, match="a fitted density"):
        model.sample(2)
    model.fit_prior(x)
    assert model.can_sample()
    loc = model.prior.loc.numpy()
    assert np.any(loc != 0)
    assert np.all(np.isfinite(model.sample(2, seed=0)))
    model.fit_prior(x)
    np.testing.assert_array_equal(model.prior.loc, loc)


def test_the_density_of_a_linear_model_is_that_of_its_posteriors():
    """x ~ N(0, 1) and q(z|x) = N(x / 2, 3 / 4): the draws are N(0, 1)."""
    encoder = catalogue.linear(1, np.array([[0.5, 0.0]], "float32"), np.array([0.0, np.log(0.75)]))
    model = vm.VAE(encoder, catalogue.linear(1, np.ones((1, 1), "float32")), vm.StandardNormal(1), vm.Normal(1.0))
    model.prior = vm.FittedMixture(1, 1)
    model.fit_prior(np.random.default_rng(0).standard_normal((4000, 1)).astype("float32"))
    assert float(model.prior.loc[0, 0]) == pytest.approx(0.0, abs=0.06)
    assert float(model.prior.scale_tril[0, 0, 0]) == pytest.approx(1.0, abs=0.05)
