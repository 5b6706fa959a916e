"""The toy with a known likelihood, and quadrature against importance sampling."""

import math

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import keras_vaemix as vm
from keras_vaemix.evaluation import quadrature
from keras_vaemix.evaluation.likelihood import bound_parts
from tests import catalogue
from tests.fixtures import compile_by_tensorflow
from training.data import load, toys
from training.findings import mog_toy, two_modes
from training.papers import mog_vae
from training.papers.result_rows import has_likelihood, is_partial
from training.presets import PRESETS

GRID = quadrature.points()


@pytest.fixture(scope="module")
def data():
    return load("mog_toy")


@pytest.fixture(scope="module", params=["mog_posterior_toy", "mog_prior_toy"])
def model(request, data):
    """A model with a mixture as posterior or prior, after 475 steps."""
    with pytest.MonkeyPatch.context() as patch:
        compile_by_tensorflow(patch)
        return mog_toy.fit(request.param, data, 0, 25)


def test_true_process():
    """E log p(y) = 0.6650 nats, E y = 1/12, Var y = 1/80 - 1/144 + 1/100; and p(y, z) of a standard normal z has the same marginal."""
    assert toys.expectation(1.0) == pytest.approx(1, abs=1e-6)
    assert toys.expectation(toys.OUTCOMES) == pytest.approx(1 / 12, abs=1e-6)
    assert toys.expected_log_likelihood() == pytest.approx(0.6650, abs=5e-4)
    normal = -0.5 * math.log(2 * math.pi * math.e * (1 / 80 - 1 / 144 + 1 / 100))
    assert toys.expected_log_likelihood_of_a_normal() == pytest.approx(normal, abs=1e-5)
    y = np.linspace(-0.3, 0.6, 10)
    np.testing.assert_allclose(np.trapezoid(toys.true_posterior(y, GRID), GRID), 1, atol=1e-3)
    assert toys.true_log_likelihood(np.array([1.0]))[0] < -30
    beyond = toys.OUTCOMES > 0.6
    assert toys.expectation(beyond) == pytest.approx(1.2e-5, rel=0.1)


def test_true_curve_and_its_posterior_modes():
    assert toys.curve(np.array([0.25, 0.75])).max() == 0
    np.testing.assert_allclose(toys.curve(np.array([0.0, 0.499999, 0.5, 1.0])), 0.25, atol=1e-5)
    assert mog_toy.modes(toys.true_posterior(np.array([0.2]), GRID)) == [4]
    two = np.exp(-0.5 * (np.abs(GRID) - 3) ** 2)
    assert mog_toy.modes(np.stack([two, np.exp(-0.5 * GRID**2)])) == [2, 1]


def test_data(data):
    assert [split.x.shape for split in data[1:4]] == [(5000, 1), (1000, 1), (5000, 1)]
    assert data.sha256() == load("mog_toy").sha256()
    assert data.support is vm.core.supports.REAL
    values = toys.true_log_likelihood(data.test.x[:, 0].astype("float64"))
    assert abs(values.mean() - toys.expected_log_likelihood()) < 4 * values.std() / math.sqrt(len(values))


def test_quadrature_at_the_true_decoder_is_the_true_likelihood(data):
    model = mog_toy.at_the_truth(PRESETS["mfg_toy"].build(data).model)
    y = data.test.x[:100]
    exact, true = quadrature.exact_log_likelihood(model, y), toys.true_log_likelihood(y[:, 0].astype("float64"))
    np.testing.assert_allclose(exact, true, atol=3e-4)  # at the kink of f the trapezoidal rule errs by h^2 / 12 times the jump of the slope
    np.testing.assert_allclose(quadrature.exact_posterior(model, y[:5]), toys.true_posterior(y[:5, 0], GRID), atol=1e-3)
    assert len(model.trainable_variables) == len(model.encoder.trainable_variables) > 0


def test_quadrature_is_what_importance_sampling_estimates(model, data):
    y = data.test.x[:200]
    exact = quadrature.exact_log_likelihood(model, y)
    estimate = model.estimate_log_likelihood(y, 2000)
    error = np.sqrt(np.sum(estimate.standard_error**2)) / len(y)
    assert abs(np.mean(estimate.log_likelihood - exact)) < 4 * error + 1e-5
    np.testing.assert_allclose(np.trapezoid(quadrature.exact_posterior(model, y[:20]), GRID), 1, rtol=1e-6)
    np.testing.assert_allclose(np.trapezoid(quadrature.learned_posterior(model, y[:20]), GRID), 1, rtol=1e-4)


def test_generated_density_integrates_to_one(model):
    log_p = quadrature.exact_log_likelihood(model, toys.OUTCOMES[:, None].astype("float32"))
    assert np.trapezoid(np.exp(log_p), toys.OUTCOMES) == pytest.approx(1, abs=1e-4)
    assert toys.expectation(log_p) <= toys.expected_log_likelihood()


def test_elbo_is_what_quadrature_says(model, data):
    y = data.test.x[:500]
    parts = quadrature.exact_parts(model, y)
    drawn = bound_parts(model, np.repeat(y, 200, 0), 20_000)
    for name, exact in parts.items():
        draws = drawn[name].astype("float64").reshape(len(y), -1)
        error = np.sqrt(np.sum(draws.var(axis=1, ddof=1)) / draws.shape[1]) / len(y)
        assert abs(draws.mean() - exact.mean()) < 4 * error + 1e-5, name
    gap = quadrature.exact_log_likelihood(model, y) - parts["elbo"]
    np.testing.assert_allclose(gap, quadrature.posterior_kl(model, y), atol=1e-5)
    assert gap.min() > -1e-5


def test_points_need_not_be_equally_spaced(model, data):
    y = data.test.x[:20]
    uneven = 10 * np.sinh(np.linspace(-2, 2, 4001)) / math.sinh(2)
    np.testing.assert_allclose(quadrature.exact_log_likelihood(model, y, uneven), quadrature.exact_log_likelihood(model, y), atol=1e-4)


def test_every_bound_is_one(model, data):
    y = data.test.x[:200]
    report = vm.verify.check_bound(model, y, quadrature.exact_log_likelihood(model, y), repetitions=3)
    assert report.source == "exact"
    assert len(report.bounds) >= 4


def test_figure_row_and_verdict(data, tmp_path):
    model = PRESETS["mfg_toy"].build(data).model
    mog_toy.draw("mfg_toy", model, data, tmp_path / "figure.png")
    mog_toy.draw_truth(data, tmp_path / "truth.png")
    assert all(10_000 < (tmp_path / f"{name}.png").stat().st_size < 150_000 for name in ("figure", "truth"))
    few = data._replace(test=data.test._replace(x=data.test.x[:500]))
    row = mog_toy.row_of("mfg_toy", model, few, 0, 1, "command", 1.0, "unfinished")
    assert row["elbo"] == pytest.approx(row["log_likelihood"] - row["posterior_kl"], abs=1e-5)
    other = {**row, "preset": "mog_prior_toy", "expected_log_likelihood": row["expected_log_likelihood"] - 0.001}
    plain, others = ([{**r, "row": r["preset"], "seed": seed} for seed in (0, 1)] for r in (row, other))
    by_name = mog_vae.TOY.by_name()
    says = mog_vae.verdict(others, by_name["mog_prior_toy"], plain + others)
    assert says.endswith("; -0.0010 ± 0.0000 (standard error over seeds) against `mfg_toy`")
    assert says.startswith(f"not comparable: E log p(y) {other['expected_log_likelihood']:.4f}, of 0.66")
    assert mog_vae.verdict(plain, by_name["mfg_toy"], plain + others).endswith(" for the true process")
    assert mog_vae.verdict(others[:1], by_name["mog_prior_toy"], plain + others[:1]).endswith(" for the true process")
    assert "only the encoder is trained" in mog_vae.verdict(others, by_name["mfg_toy_true_decoder"], plain)


def test_quadrature_is_for_one_dimension(binary):
    with pytest.raises(ValueError, match=r"latent_dim=1.* Received: latent_dim=3"):
        quadrature.exact_log_likelihood(catalogue.make(), binary)


@pytest.mark.parametrize(
    ("grid", "expected"), [(np.linspace(-1, 1, 100), "covers all"), (np.zeros(3), "increasing"), (np.zeros((2, 2)), "increasing")]
)
def test_bad_grids(grid, expected, data):
    model = PRESETS["mfg_toy"].build(data).model
    with pytest.raises(ValueError, match=expected):
        quadrature.exact_posterior(model, data.test.x[:2], grid)


def linear(scale, q_loc=None, q_scale=None, num_values=20):
    """Returns a model of x = z + noise in each of 20 values; q(z|x) is its exact posterior, unless its parameters are given."""
    variance = 1 / (1 + num_values / scale**2)
    weights, bias = np.zeros((num_values, 2)), [q_loc or 0, np.log(variance if q_scale is None else q_scale**2)]
    weights[:, 0] = variance / scale**2 if q_loc is None else 0
    networks = []
    for shape, kernel, offset in ((num_values, weights, bias), (1, np.ones((1, num_values)), np.zeros(num_values))):
        layer = keras.layers.Dense(kernel.shape[1])
        networks.append(keras.Sequential([keras.Input((shape,)), layer]))
        layer.set_weights([kernel, np.asarray(offset)])
    posterior = vm.DiagonalNormal(log_variance_limits=(-30, 5))
    return vm.VAE(*networks, vm.StandardNormal(1), vm.Normal(scale), posterior)


def test_a_grid_has_to_resolve_the_joint_density():
    """With one too coarse for p(x|z) p(z), log p(x) would be off by half a nat here."""
    model, rng = linear(0.003), np.random.default_rng(0)
    x = (rng.normal(size=(20, 1)) + 0.003 * rng.normal(size=(20, 20))).astype("float32")
    for exact in (quadrature.exact_log_likelihood, quadrature.exact_posterior, quadrature.posterior_kl):
        with pytest.raises(ValueError, match=r"a finer grid, .* Received: examples=20, log_difference="):
            exact(model, x)
    fine = np.linspace(-6, 6, 24_001)
    covariance = np.ones((20, 20)) + 0.003**2 * np.eye(20)
    true = multivariate_normal(np.zeros(20), covariance).logpdf(x.astype("float64"))
    np.testing.assert_allclose(quadrature.exact_log_likelihood(model, x, fine), true, atol=0.01)
    np.testing.assert_allclose(quadrature.posterior_kl(model, x, fine), 0, atol=0.01)


@pytest.mark.parametrize(
    ("q_loc", "q_scale", "expected"),
    [(0.0, 0.001, r"covers all of q\(z\|x\) and is fine"), (30.0, 2.0, "covers all of q"), (0.0, 0.0035, r"a finer grid, .* of q\(z\|x\)")],
)
def test_a_grid_has_to_cover_and_resolve_the_learned_posterior(q_loc, q_scale, expected):
    model, x = linear(0.1, q_loc, q_scale), np.zeros((2, 20), "float32")
    assert np.isfinite(quadrature.exact_log_likelihood(model, x)).all()
    for exact in (quadrature.exact_parts, quadrature.posterior_kl):
        with pytest.raises(ValueError, match=expected):
            exact(model, x)


def test_true_density_of_the_two_modes():
    """E log p(x) = 0.1905 nats, E x = 0.55, Var x = 0.45^2 + 0.1^2."""
    assert toys.two_modes_expectation(1.0) == pytest.approx(1, abs=1e-9)
    assert toys.two_modes_expectation(toys.TWO_MODES) == pytest.approx(0.55, abs=1e-9)
    assert toys.two_modes_expectation((toys.TWO_MODES - 0.55) ** 2) == pytest.approx(0.45**2 + 0.1**2, abs=1e-9)
    assert toys.two_modes_expected_log_density() == pytest.approx(0.19051, abs=1e-5)


def test_two_modes_data():
    data = load("cp_vae_toy")
    assert [split.x.shape for split in data[1:4]] == [(40_000, 1), (5000, 1), (5000, 1)]
    assert data.sha256() == load("cp_vae_toy").sha256()
    values = toys.two_modes_log_density(data.test.x[:, 0])
    assert abs(values.mean() - toys.two_modes_expected_log_density()) < 4 * values.std() / math.sqrt(len(values))
    np.testing.assert_array_equal(data.test.x[:, 0] > 0.55, data.test.y == 1)


def test_networks_of_the_paper_s_size_start_by_glorot():
    flags = {"latent_dim": 40, "networks": "gated"}
    models = [PRESETS[f"{name}_two_modes"].build(load("cp_vae_toy"), **flags).model for name in ("vae", "mog_prior", "cp_vae")]
    starts = [layer.kernel_initializer for model in models for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    assert {type(getattr(start, "initializer", start)).__name__ for start in starts} == {"GlorotUniform"}


def trained(preset, epochs, **flags):
    """A model of the two modes after so many epochs of 400 steps."""
    import keras

    keras.utils.set_random_seed(0)
    data, experiment = load("cp_vae_toy"), PRESETS[preset].build(load("cp_vae_toy"), **flags)
    experiment.model.compile(experiment.optimizer, steps_per_execution=50, jit_compile=False)
    batches = data.batches(100, experiment.model.likelihood.support, 0)
    warm_up = vm.callbacks.KLWarmUp(experiment.warm_up)  # without one a mixture prior may be left with a single mode
    experiment.model.fit(batches, epochs=epochs, steps_per_epoch=400, shuffle=False, verbose=0, callbacks=[warm_up])
    return experiment.model


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["mog_prior_two_modes", "cp_vae_two_modes"])
def test_mixtures_recover_both_modes(preset):
    """The CP-VAE paper has it that a VAE with a mixture prior cannot."""
    figures = two_modes.figures_of(trained(preset, 8))
    assert 0.15 < figures["expected_log_likelihood"] <= toys.two_modes_expected_log_density()
    assert figures["wasserstein"] < 0.03


@pytest.fixture(scope="module")
def cp_vae():
    """A CP-VAE with three categories after 400 steps, and its aggregate posterior."""
    model = trained("cp_vae_two_modes", 1, num_components=3)
    model.adapt_aggregate(load("cp_vae_toy").train.x)
    return model


def test_exact_figures_are_of_all_test_examples(tmp_path, monkeypatch):
    """Those of a log-likelihood of some of them by draws are left out."""
    data = load("cp_vae_toy")
    model = PRESETS["vae_two_modes"].build(data).model
    monkeypatch.setattr(two_modes, "load_model", lambda path: model)
    monkeypatch.setattr(two_modes, "figures_of", lambda model: {"wasserstein": 0.0})
    drawn = {"num_samples": 100, "num_likelihood_examples": 500, "effective_sample_size": 9.0, "log_likelihood_sampling_error": 0.1}
    row = two_modes.measure(tmp_path, {"seed": 1, "num_examples": 5000, "log_likelihood": 9.0, **drawn}, None, tmp_path)
    assert not set(drawn) & set(row)
    assert row["log_likelihood"] == pytest.approx(quadrature.exact_log_likelihood(model, data.test.x).mean(), abs=1e-4)
    assert has_likelihood(row, 5000, None)
    assert not is_partial(row)


def test_quadrature_over_categories_is_what_importance_sampling_estimates(cp_vae):
    x, grid = load("cp_vae_toy").test.x[:100], np.linspace(*two_modes.GRID)
    for model in (cp_vae, cp_vae.with_sampling_prior()):
        estimate = model.estimate_log_likelihood(x, 900)
        error = np.sqrt(np.sum(estimate.standard_error**2)) / len(x)
        exact = quadrature.exact_log_likelihood(model, x, grid)
        assert abs(np.mean(estimate.log_likelihood - exact)) < 4 * error + 1e-5
        log_p = quadrature.exact_log_likelihood(model, toys.TWO_MODES[:, None].astype("float32"), grid)
        assert np.trapezoid(np.exp(log_p), toys.TWO_MODES) == pytest.approx(1, abs=2e-3)
        parts = quadrature.exact_parts(model, x, grid)
        np.testing.assert_allclose(exact - parts["elbo"], quadrature.posterior_kl(model, x, grid), atol=1e-5)
        drawn = bound_parts(model, np.repeat(x, 50, 0), 10_000)["kl"]
        assert drawn.mean() == pytest.approx(parts["kl"].mean(), abs=1e-4)  # a closed form, with no draws


def test_figure_and_verdict_of_the_two_modes(cp_vae, tmp_path):
    two_modes.draw("cp3", cp_vae, tmp_path / "figure.png")
    assert 5_000 < (tmp_path / "figure.png").stat().st_size < 100_000
    by_law = {law: two_modes.figures_of(model) for law, model in two_modes.samplers(cp_vae).items()}
    assert list(by_law) == ["aggregate", "uniform"]
    for model in two_modes.samplers(cp_vae).values():
        np.testing.assert_allclose(model.sampler().weights(), np.exp(model.category_log_probs()), rtol=1e-4)  # one law in sampler and bound
    says = two_modes.verdict([{**by_law["aggregate"], "samplers": by_law}])
    assert says.startswith("not comparable: the paper has no number; E log p(x) ")
    assert "of 0.1905 for the true density; with c from the uniform p(c) " in says
