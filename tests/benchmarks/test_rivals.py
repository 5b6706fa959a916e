"""The rivals of the benchmarks on a GPU: they compute what our presets do, and are measured one after the other."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_vaemix as vm
from keras_vaemix.core import supports
from keras_vaemix.core.replicas import replica_batch
from training.data.splits import Data, Split
from training.presets import PRESETS

torch = pytest.importorskip("torch")

from tests.benchmarks import gpu_rivals  # noqa: E402  (it needs PyTorch)
from tests.benchmarks.rival_rows import ROWS  # noqa: E402

pytestmark = pytest.mark.slow
NOISE = 0.5  # the value of every draw from a standard normal here
ELBOS = ("vae_mnist", "mog_prior_mnist_500", "vamp_mnist_500", "cp_vae_mnist_10", "gmmp_mnist_3", "hvamp_mnist")


def experiment_of(row):
    """Our side of a row, for images of its side."""
    shape = (row.ours.side, row.ours.side, 1 if row.ours.side == 28 else 3)
    data = Data("random", *[Split(np.zeros((2, *shape), "uint8"))] * 3, supports.LEVELS, is_intensity=row.ours.side == 28)
    return PRESETS[row.ours.preset].build(data, **row.ours.keywords)


def pairs(ours, rival):
    """Pairs of our variables and the rival's parameters, part by part."""
    for name in ("top_encoder", "encoder", "conditional", "decoder", "prior", "heads"):
        if hasattr(ours, name):
            parameters = list(getattr(rival, name).parameters())
            yield from zip(getattr(ours, name).trainable_variables, parameters, strict=True)


def theirs(variable, value):
    """The value of one of our variables in the rival's form: kernels are transposed, pseudo-inputs flat."""
    value = np.array(value)
    return torch.tensor(value.T if variable.name == "kernel" else value.reshape(len(value), -1) if value.ndim > 2 else value)


@pytest.fixture
def both(monkeypatch):
    """A function of a row that returns our model and the rival with the same weights, and the same draws from then on."""

    def build(row):
        ours, rival = experiment_of(row).model, row.build(is_compiled=False).model
        rng = np.random.default_rng(0)
        for variable, parameter in pairs(ours, rival):
            variable.assign_add(0.05 * rng.normal(size=variable.shape))  # distinguishes variables that are initialised to zero, too
            parameter.data = theirs(variable, variable)
        draw = lambda q, *_, **__: q.loc + NOISE * q.scale  # noqa: E731
        monkeypatch.setattr(tfp.distributions.Normal, "_sample_n", lambda q, n, seed=None: tf.repeat(draw(q)[None], n, axis=0))
        monkeypatch.setattr(torch.distributions.Normal, "rsample", draw)
        monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, *_, **__: tf.fill(shape, NOISE))
        monkeypatch.setattr(torch.Tensor, "exponential_", lambda value: value.fill_(-np.log(NOISE)))
        return ours, rival

    return build


@pytest.fixture
def x():
    """Binary digits."""
    return (np.random.default_rng(0).random((7, 28, 28, 1)) < 0.2).astype("float32")


@pytest.mark.parametrize("name", ELBOS)
def test_loss_and_gradients_are_ours(both, x, name):
    ours, rival = both(ROWS[name])
    with replica_batch(x), tf.GradientTape() as tape:
        expected = ours.losses(vm.Batch(tf.constant(x)), [0, 0], True)["model"].total
    variables = [variable for variable, _ in pairs(ours, rival)]
    assert len(variables) == len(ours.trainable_variables)
    loss = rival(torch.tensor(x.reshape(7, -1)))
    loss.backward()
    np.testing.assert_allclose(float(loss.detach()), float(expected), rtol=1e-6)
    for gradient, (variable, parameter) in zip(tape.gradient(expected, [v.value for v in variables]), pairs(ours, rival), strict=True):
        expected = theirs(variable, gradient).numpy()
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=0, atol=1e-5 * np.abs(expected).max(), err_msg=variable.path)


def test_aggregate_of_cp_vae_is_ours(both, x):
    ours, rival = both(ROWS["cp_vae_mnist_10"])
    with replica_batch(x):
        ours.losses(vm.Batch(tf.constant(x)), [0, 0], True)
    rival(torch.tensor(x.reshape(7, -1)))
    np.testing.assert_allclose(rival.aggregate.numpy(), ours.aggregate.numpy(), rtol=1e-6)
    assert np.ptp(rival.aggregate.numpy()) > 1e-4


@pytest.mark.parametrize("name", ROWS)
def test_sizes_are_the_presets(name):
    row = ROWS[name]
    experiment = experiment_of(row)
    assert row.ours.batch_size == experiment.batch_size
    assert row.build(is_compiled=False).num_parameters() == sum(int(np.prod(v.shape)) for v in experiment.model.trainable_variables)


@pytest.mark.parametrize("name", ["gamix_faces", "gamix_celeba_hq"])
def test_weight_of_the_discriminator_is_the_presets(name):
    assert ROWS[name].build(is_compiled=False).adversarial_weight == experiment_of(ROWS[name]).model.adversarial_weight


def test_figures_are_written_and_not_measured_again(tmp_path):
    out = tmp_path / "rivals.json"
    call = ["--out", str(out), "--device", "cpu", "--kinds", "eager,graph", "--seconds", "0.01", "--factors", "1"]
    gpu_rivals.main([*call, "--rows", "vae_mnist"])
    (first,) = json.loads(out.read_text())["results"]
    assert (first["row"], first["kind"], first["precision"], first["batch_size"]) == ("vae_mnist", "eager", "float32", 100)
    assert first["milliseconds"] > 0
    assert 0 < first["figures"][0] < 2000
    gpu_rivals.main([*call, "--rows", "vae_mnist,hvamp_mnist"])
    again, second = json.loads(out.read_text())["results"]
    assert again == first
    assert second["row"] == "hvamp_mnist"


def test_cell_that_fails_is_reported_and_the_next_is_measured(tmp_path):
    out = tmp_path / "rivals.json"
    call = ["--out", str(out), "--device", "cpu", "--kinds", "eager", "--seconds", "0.01", "--factors", "1"]
    gpu_rivals.main([*call, "--rows", "vae_mnist,gamix_faces", "--data", str(tmp_path / "absent.npy")])
    failed, measured = json.loads(out.read_text())["results"]
    assert "absent.npy" in failed["error"]
    assert measured["milliseconds"] > 0


def test_cell_that_takes_too_long_is_given_up(tmp_path):
    out = tmp_path / "rivals.json"
    call = ["--out", str(out), "--device", "cpu", "--kinds", "eager", "--factors", "1", "--rows", "vae_mnist,hvamp_mnist"]
    gpu_rivals.main([*call, "--cell-limit", "0.01"])
    assert [result["error"] for result in json.loads(out.read_text())["results"]] == ["nothing after 0 s"] * 2
    out.unlink()
    gpu_rivals.main([*call, "--limit", "0.01"])  # nothing is wrong with the cells
    assert not out.exists()
