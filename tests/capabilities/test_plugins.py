"""One part of each kind from outside of the project, as CONTRIBUTING.md writes them: every capability works on them."""

import importlib.util
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from export.storage.files import read_json
from keras_vaemix.storage.loading import load_model
from tests.checks import parity
from tests.training.test_run import ROOT, history
from training import data as data_module
from training import reproduce
from training.data.sets import BUNDLED
from training.distributed.strategy import make_strategy
from training.papers.registry import TABLES
from training.presets import PRESETS

PAGE = ROOT / "CONTRIBUTING.md"
LIKELIHOOD = ["--likelihood-samples", "20", "--likelihood-examples", "50"]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The code of CONTRIBUTING.md as a module, which registers itself when it is imported."""
    path = tmp_path_factory.mktemp("outside") / "plugin.py"
    path.write_text("\n\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)))
    before = [(registry, dict(registry)) for registry in (PRESETS, BUNDLED, TABLES)]
    spec = importlib.util.spec_from_file_location("plugin", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for registry, entries in before:
        registry.clear()
        registry.update(entries)


@pytest.fixture(scope="module")
def data(plugin):
    return data_module.load("rings")


@pytest.fixture(scope="module")
def make(plugin, data):
    """A function that returns the model of the plug-in's preset."""
    return lambda: PRESETS["flow_rings"].build(data).model


@pytest.fixture(scope="module")
def trained(make, data):
    model = make()
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False, steps_per_execution=10)
    model.fit(data.train.x, epochs=5, batch_size=100, verbose=0, validation_data=data.validation.x)
    return model


def test_density_of_the_flow_integrates_to_one(plugin):
    prior = plugin.AdditiveFlow(vm.NormalMixture(2, 3, learn_weights=True))
    rng = np.random.default_rng(0)
    for weight in prior.trainable_weights:
        weight.assign(weight + 0.3 * rng.standard_normal(weight.shape))
    axis = np.linspace(-14, 14, 501)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")
    density = np.exp(prior.distribution().log_prob(points).numpy().astype("float64")).reshape(len(axis), -1)
    assert np.trapezoid(np.trapezoid(density, axis), axis) == pytest.approx(1, abs=3e-3)
    z = prior.sample(20_000, seed=0).numpy()
    area = (axis[1] - axis[0]) ** 2
    for f in (lambda z: z[:, 0], lambda z: np.tanh(z[:, 1])):
        assert abs(f(z).mean() - np.sum(f(points) * density.ravel()) * area) < 5 * f(z).std() / np.sqrt(len(z)) + 2e-3


def test_fit_raises_the_bound(trained):
    history = trained.history.history
    assert history["loss"][-1] < history["loss"][0]
    assert set(history) >= {"loss", "beta", "elbo", "reconstruction", "kl", "val_loss", "val_elbo"}
    assert np.isfinite(list(history.values())).all()


def test_gradients_reach_every_weight(make, data):
    model = make()
    with tf.GradientTape() as tape:
        losses = model.losses(vm.Batch(tf.constant(data.train.x[:50])), tf.constant([0, 0]), True)
    for weight, gradient in zip(model.trainable_variables, tape.gradient(losses["model"].total, model.trainable_variables), strict=True):
        assert gradient is not None, weight.path
        assert np.any(gradient), weight.path


def test_saved_model_comes_back_whole(trained, data, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for one, other in zip(trained.weights + trained.optimizer.variables, loaded.weights + loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)
    x = data.test.x[:20]
    np.testing.assert_array_equal(loaded.reconstruct(x), trained.reconstruct(x))
    np.testing.assert_array_equal(loaded.sample(5, component=1, seed=3), trained.sample(5, component=1, seed=3))
    assert loaded.get_config().keys() == trained.get_config().keys()


def test_samples_and_clusters_are_those_of_the_prior(trained, data):
    assert trained.sample(7, seed=0).shape == (7, 2)
    z, drawn = trained.draw(trained.sampler(), 4000, -1, tf.constant([0, 0]))
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 4000, np.exp(trained.log_weights()), atol=0.05)
    share = trained.prior.responsibilities(z[0]).numpy()
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(share.mean(axis=0), np.exp(trained.log_weights()), atol=0.05)
    components = trained.cluster(data.test.x)
    assert components.shape == (len(data.test.x),)
    with pytest.raises(ValueError, match=r"component in 0\.\.2"):
        trained.sample(1, component=3)


def test_bounds_are_bounds(trained, data):
    report = vm.verify.check_bound(trained, data.test.x[:20], num_samples=500, repetitions=3)
    assert {"objective", "elbo", "importance_weighted, 5", "importance_weighted, 50"} <= {bound.name for bound in report.bounds}
    vm.verify.check_standard_error(trained, data.test.x[:20], repeats=10, num_samples=500)


def test_a_prior_and_a_posterior_go_with_every_objective(plugin, data):
    for objective in (vm.ELBO(2), vm.ImportanceWeighted(3), vm.DoublyReparameterized(3)):
        prior, posterior = plugin.AdditiveFlow(vm.StandardNormal(2)), plugin.LaplacePosterior()
        networks = vm.networks.mlp((2,), 4, (8,)), vm.networks.mlp((2,), 4, (8,))
        model = vm.VAE(*networks, prior, plugin.LearnedLaplace(), posterior, objective)
        model.compile("adam", jit_compile=False)
        figures = model.evaluate(data.test.x, verbose=0, return_dict=True)
        assert np.isfinite(list(figures.values())).all(), objective


@pytest.mark.slow
def test_two_replicas_train_it(make, data):
    with make_strategy("mirrored").scope():
        model = make()
        model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(data.train.x, batch_size=100, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_mixed_precision_trains_it(make, data):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make()
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    losses = model.fit(data.train.x, batch_size=100, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.log_likelihood(data.test.x[:5], 50).dtype == np.float64


def test_artifacts_are_the_live_model(make, tmp_path):
    assert parity.beyond(parity.measure(parity.shaken(make), tmp_path / "artifact")) == []
    manifest = read_json(tmp_path / "artifact" / "manifest.json")
    assert (manifest["model"], manifest["prior"], manifest["num_components"]) == ("DenoisingVAE", "AdditiveFlow", 3)


@pytest.fixture(scope="module")
def measured(plugin, tmp_path_factory):
    """The folder in which the plug-in's row was trained for two epochs, and measured."""
    folder = tmp_path_factory.mktemp("measured")
    places = ["--runs", str(folder / "runs"), "--out", str(folder / "out")]
    assert reproduce.main(["rings", "--epochs", "2", *LIKELIHOOD, *places]) == 0
    return folder


@pytest.mark.slow
def test_a_row_is_measured_and_judged(measured):
    (row,) = read_json(measured / "out" / "rings.json")
    assert (row["row"], row["preset"], row["arguments"]["num_components"], row["paper_elbo"]) == ("flow5", "flow_rings", 5, -1.5)
    assert {"elbo", "log_likelihood", "cluster_accuracy"} <= set(row)
    assert row["verdict"].startswith("not comparable: ")
    assert "`flow5`" in (measured / "out" / "rings.md").read_text()


@pytest.mark.slow
def test_a_command_line_resumes_it_to_the_same_bits(measured, main, training_alone, tmp_path):
    command = "flow_rings", "--num-components", 5, *LIKELIHOOD, "--run-dir", tmp_path / "run"
    assert main(*command, "--epochs", 1) == (0, "")
    assert main(*command, "--epochs", 2, "--resume") == (0, "")
    assert len(history(tmp_path / "run")) == 2
    straight, resumed = (load_model(run / "model.keras") for run in (measured / "runs" / "rings" / "flow5-seed0", tmp_path / "run"))
    for one, other in zip(straight.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)
