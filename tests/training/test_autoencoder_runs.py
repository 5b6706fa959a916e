"""Runs of deterministic autoencoders: resumed to the same bits, judged, and kept when their density cannot be fitted."""

import json
import math

import keras
import numpy as np
import pytest
from PIL import Image

import keras_vaemix as vm
from export.storage.files import read_history
from keras_vaemix.core import supports
from keras_vaemix.storage.loading import load_model
from tests.checks.kills import contents, is_same
from training.data import load
from training.data.splits import Data, Split
from training.features import lenet
from training.presets import PRESETS

DIGITS = ["--dataset", "digits", "--networks", "mlp", "--hidden", 16, "--latent-dim", 4]
FLEX = ["flex_ae_mnist", *DIGITS, "--critic-units", 16, "--features", "none"]


@pytest.mark.slow
def test_resumed_run_has_the_same_bits(main, training_alone, without_xla, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(*FLEX, "--epochs", 4, "--run-dir", whole) == (0, "")
    assert main(*FLEX, "--epochs", 2, "--run-dir", parts) == (0, "")
    assert main(*FLEX, "--epochs", 4, "--run-dir", parts, "--resume") == (0, "")
    assert is_same(contents(whole), contents(parts))


@pytest.mark.slow
def test_clocks_of_the_run_s_length_hold_when_it_is_resumed(main, training_alone, without_xla, tmp_path):
    flags = ["mask_aae_mnist", *DIGITS, "--critic-units", 16, "--features", "none", "--run-dir", tmp_path / "run"]
    assert main(*flags, "--epochs", 2) == (0, "")
    steps = json.loads((tmp_path / "run" / "config.json").read_text())["schedule_steps"]
    model = load_model(tmp_path / "run" / "model.keras")
    assert (model.growth_steps, model.decay_steps) == vm.models.mask_aae.clocks(4, steps)
    status, err = main(*flags, "--epochs", 4, "--resume")
    assert status == 1
    assert f"schedule_steps was {steps}, now {2 * steps}" in err
    assert main(*flags, "--epochs", 2, "--resume") == (0, "")


@pytest.fixture
def untaught(monkeypatch):
    """A network that judges images after a few steps of training."""
    monkeypatch.setattr(lenet, "NUM_STEPS", 20)


@pytest.mark.slow
def test_judged_run(main, untaught, judging_alone, without_xla, tmp_path):
    flags = ["mask_aae_mnist", *DIGITS, "--critic-units", 16, "--growth-steps", 5]
    assert main(*flags, "--epochs", 3, "--run-dir", tmp_path / "run") == (0, "")
    report = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    figures = {"cost", "cost_se", "mean_squared_error", "fd_generation", "fd_reconstruction", "precision", "recall", "prd_f8", "prd_f1_8"}
    assert figures <= set(report)
    assert not {"elbo", "log_likelihood"} & set(report)
    assert report["feature_network"] == "lenet"
    assert report["num_generated"] == report["num_examples"] == 400
    assert report["active_dimensions"] <= 4
    history = read_history(tmp_path / "run" / "history.csv")
    assert len(history) == 3
    model = load_model(tmp_path / "run" / "model.keras")
    assert [history[-1][f"mask/{j}"] for j in range(4)] == pytest.approx(list(model.soft_mask().numpy()))  # the last weights, not others


@pytest.mark.slow
def test_two_stages(main, untaught, without_xla, tmp_path):
    flags = ["two_stage_mnist", *DIGITS, "--second-units", 16, "--first-epochs", 3, "--likelihood-samples", 20, "--features", "lenet"]
    assert main(*flags, "--epochs", 2, "--run-dir", tmp_path / "run") == (0, "")
    report = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert report["elbo"] < report["log_likelihood"]
    assert report["fd_generation"] > 0


@pytest.mark.slow
def test_faces_by_several_samplers(main, untaught, judging_alone, without_xla, tmp_path):
    rng = np.random.default_rng(0)
    for split, n in {"train": 40, "validation": 10, "test": 100}.items():
        for i in range(n):
            folder = tmp_path / "faces" / split / "ab"[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype="uint8")).save(folder / f"{i:03}.png")
    sizes = ["--latent-dim", 4, "--width", 4, "--discriminator-layers", 1, "--batch-size", 20, "--image-size", 16]
    flags = ["gamix_faces", *sizes, "--dataset", f"folder:{tmp_path / 'faces'}", "--features", "lenet", "--likelihood-samples", 10]
    assert main(*flags, "--epochs", 2, "--run-dir", tmp_path / "run")[0] == 0
    report = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert report["fd_moments"] == report["fd_generation"]  # what the preset samples by
    assert report["sharpness_moments"] == report["sharpness_generation"]
    assert report["fd_standard"] != report["fd_mixture"]
    assert report["aggregate_variance"] > 0
    assert report["l1"] > 0


def test_density_that_cannot_be_fitted_keeps_the_autoencoder(main, training_alone, tmp_path):
    flags = ["ae_gmm_mnist", *DIGITS, "--num-components", 2000, "--epochs", 1]
    status, err = main(*flags, "--run-dir", tmp_path / "run")
    assert status == 1
    assert "2000" in err
    assert f"the trained model is kept, without a density to sample, in {tmp_path / 'run' / 'model.keras'}" in err
    model = load_model(tmp_path / "run" / "model.keras")
    assert not model.can_sample()
    assert model.example_shape == (8, 8, 1)


SHAPES = {"synthetic": (128,), "mnist": (28, 28, 1), "cifar10": (32, 32, 3), "faces": (64, 64, 3)}
SYSTEMS = ("ae_gmm", "rae", "inj_flow_gmm", "wae_mmd", "wae_gan", "mask_aae", "flex_ae", "two_stage", "beta_vae")
WIDTHS = ("hidden", "critic_units", "discriminator_units", "second_units")
OTHERS = ("info_vae_mnist", "factor_vae_mnist", "flow_vae_mnist")


@pytest.mark.parametrize("name", [*(f"{system}_{member}" for system in SYSTEMS for member in SHAPES), *OTHERS])
def test_presets_build_for_their_data(name):
    preset, shape = PRESETS[name], SHAPES[name.rpartition("_")[2]]
    x = Split(np.zeros((2, *shape), "float32"))
    widths = {flag.name: 8 for flag in preset.flags() if flag.name in WIDTHS}
    model = preset.build(Data("fake", x, x, x, supports.UNIT_INTERVAL), **widths).model
    assert model.example_shape == shape
    means = model.reconstruct(x.x).numpy()
    assert means.shape == x.x.shape
    assert 0 <= means.min() <= means.max() <= 1
    if model.can_sample():
        assert model.sample(3, seed=0).shape == (3, *shape)


@pytest.mark.parametrize(("name", "beta", "decay"), [("mnist", 1e-4, 1e-7), ("cifar10", 1e-3, 1e-6), ("faces", 1e-4, 1e-7)])
def test_penalties_weigh_as_much_beside_the_error_as_in_the_authors_code(name, beta, decay):
    flags = {flag.name: flag.default for flag in PRESETS[f"rae_{name}"].flags()}
    num_values = 32 * 32 if name == "mnist" else math.prod(SHAPES[name])  # its digits are padded
    z = np.random.default_rng(0).normal(size=(10, flags["latent_dim"]))
    theirs = num_values * beta * np.mean(np.square(z))  # beside the mean error over all values, times their number
    assert float(vm.penalties.CodeNorm(flags["code_norm"])(None, z, None)) == pytest.approx(theirs)
    assert flags["decoder_norm"] == pytest.approx(num_values * decay)


@pytest.mark.parametrize(
    ("name", "epochs", "steps"),
    [
        *((f"{system}_faces", 70, None) for system in ("ae_gmm", "rae")),
        *(("mask_aae_mnist", 640, 500_000), ("mask_aae_cifar10", 768, 500_000), ("mask_aae_faces", 197, 500_000)),
        *(("flex_ae_mnist", 330, 130_000), ("flex_ae_cifar10", 400, 130_000), ("flex_ae_faces", 102, 130_000)),
    ],
)
def test_presets_train_as_long_as_the_authors_code(name, epochs, steps):
    x = Split(np.zeros((2, 4), "float32"))
    widths = {flag.name: 8 for flag in PRESETS[name].flags() if flag.name in WIDTHS}
    made = PRESETS[name].build(Data("fake", x, x, x, supports.UNIT_INTERVAL), networks="mlp", **widths)
    assert made.epochs == epochs
    num_examples = {"mnist": 50_000, "cifar10": 41_667, "faces": 162_770}[name.rpartition("_")[2]]
    assert steps is None or num_examples // made.batch_size * epochs == pytest.approx(steps, rel=0.01)
    assert "epochs" not in {flag.name for flag in PRESETS[name].flags()}


def test_the_critic_of_faces_is_that_of_the_wae_paper():
    x = Split(np.zeros((2, 4), "float32"))
    for name, units, rate in (("mnist", 512, 5e-4), ("faces", 1024, 1e-3)):
        made = PRESETS[f"wae_gan_{name}"].build(Data("fake", x, x, x, supports.UNIT_INTERVAL), networks="mlp", hidden=8)
        assert made.model.critic.layers[1].units == units
        assert float(made.optimizers["critic"].learning_rate) == pytest.approx(rate)


def test_both_stages_halve_their_learning_rates():
    x = Split(np.zeros((640, 4), "float32"))
    data = Data("fake", x, x, x, supports.REAL)
    small = {"networks": "mlp", "hidden": 8, "second_units": 8, "latent_dim": 2}
    experiment = PRESETS["two_stage_mnist"].build(data, **small)
    for optimizer, period in ((experiment.start.optimizer(data), 150), (experiment.optimizer, 300)):
        rates = [optimizer.get_config()["learning_rate"]["config"][name] for name in ("initial_learning_rate", "decay_steps", "decay_rate")]
        assert rates == [1e-4, period * 10, 0.5]  # ten batches of 64
        assert optimizer.get_config()["learning_rate"]["config"]["staircase"]


@pytest.mark.parametrize("arm", ["faces", "faces_no_gan", "faces_vae", "faces_vae_gan", "celeba_hq"])
def test_gamix_presets_build(arm):
    x = Split(np.zeros((2, 64, 64, 3), "float32"))
    small = {"width": 2, "depth": 1, "latent_dim": 4, "discriminator_filters": 2, "discriminator_layers": 2}
    model = PRESETS[f"gamix_{arm}"].build(Data("fake", x, x, x, supports.UNIT_INTERVAL), **small).model
    assert model.reconstruct(x.x).shape == x.x.shape
    assert (model.discriminator is None) is (arm in ("faces_no_gan", "faces_vae"))


@pytest.mark.parametrize(
    ("flags", "moments", "num_components", "adversarial_loss"),
    [
        (("total", "standard", "least_squares", True), vm.moments.TotalMoments, None, vm.adversarial.LeastSquares),
        (("means", "moments", "hinge", False), vm.moments.MeanMoments, 1, vm.adversarial.Hinge),
        (("each", "mixture", "hinge", True), vm.moments.EachPosterior, 3, vm.adversarial.Hinge),
    ],
    ids=["total", "means", "each"],
)
def test_gamix_flags_choose_the_parts(flags, moments, num_components, adversarial_loss):
    """Each with a step of training, which moves every weight."""
    x = Split(np.random.default_rng(0).random((4, 16, 16, 3), "float32"))
    small = {"width": 2, "latent_dim": 4, "discriminator_filters": 2, "discriminator_layers": 1, "num_components": 3}
    chosen = dict(zip(("moments", "sampler", "adversarial_loss", "spectral_normalization"), flags, strict=True))
    made = PRESETS["gamix_faces"].build(Data("fake", x, x, x, supports.UNIT_INTERVAL), target_variance=0.3, **small, **chosen)
    model = made.model
    assert (type(model.moments), model.moments.target_variance, type(model.adversarial_loss)) == (moments, 0.3, adversarial_loss)
    assert isinstance(model.prior, vm.FittedMixture if num_components else vm.StandardNormal)
    assert num_components in (None, model.prior.num_components)
    assert is_spectral(model.discriminator) is chosen["spectral_normalization"]
    before = [weight.numpy() for weight in model.trainable_variables]
    model.compile(made.optimizer, made.optimizers, jit_compile=False, run_eagerly=True)
    history = model.fit(x.x, batch_size=4, verbose=0).history
    assert np.isfinite([history[name] for name in model.metric_names()]).all()
    assert all(np.any(weight != old) for weight, old in zip(model.trainable_variables, before, strict=True))


def test_fewer_latents_than_dimensions_are_warned_of():
    with pytest.warns(UserWarning, match=r"latent_dim of at least 8, the dimension of manifold8, .*Received: latent_dim=4"):
        PRESETS["mask_aae_synthetic"].build(load("manifold8"), latent_dim=4, hidden=8, critic_units=8)


def is_spectral(network):
    return any(isinstance(layer, keras.layers.SpectralNormalization) for layer in network.layers)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["wae_mmd_synthetic", "--networks", "info_gan"], "--networks mlp for data that are not images"),
        (["wae_mmd_mnist", *DIGITS, "--regularization", -1], "weight >= 0"),
        (["wae_mmd_mnist", *DIGITS, "--kernel", "imp"], "Expected --kernel: did you mean imq?"),
        (["flex_ae_mnist", *DIGITS, "--critic-steps", 0], "critic_steps"),
        (["two_stage_mnist", *DIGITS, "--first-epochs", 0], "first_epochs"),
        (["two_stage_mnist", *DIGITS, "--warm-up", 5], "Expected no --warm-up for two_stage_mnist"),
        (["ae_gmm_mnist", *DIGITS, "--warm-up", 5], "Expected no --warm-up for ae_gmm_mnist, which has no divergence that beta scales"),
        (["wae_mmd_synthetic", "--features", "lenet"], "images for --features lenet"),
        (["wae_mmd_mnist", *DIGITS, "--features", "inception"], "more test examples than the 2048 features of inception"),
    ],
)
def test_bad_flags_are_named_before_anything_is_written(main, tmp_path, flags, message):
    status, err = main(*flags, "--run-dir", tmp_path / "run")
    assert status == 1
    assert message in err
    assert not (tmp_path / "run").exists()
