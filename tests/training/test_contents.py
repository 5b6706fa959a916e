"""Contents of files that are not what they should be: one error that names the file, what was expected and what was received."""

import json
import re

import numpy as np
import pytest

import export.__main__
import export.sample
import keras_vaemix as vm
from export.storage.files import read_config, read_json, write_history, write_json
from tests.checks.fuzz import CONFIG
from tests.export.test_export import save_run
from tests.training.test_faults import Checkpointed, epochs_to
from training import data, reproduce
from training import record as record_command
from training.data import image_cache, rows
from training.distributed.slurm import tf_config
from training.evaluate import main as evaluate_main
from training.features.classifier import feature_network
from training.features.moments import real_moments
from training.features.network import NetworkFeatures
from training.jobs import record
from training.jobs.status import status
from training.papers import result_rows, tables
from training.papers.registry import TABLES
from training.runs.run import Run

RECORDED = {**CONFIG, "warm_up": 1, "protocol": {"epochs": 3}}
ROW = {"preset": "vae_digits", "arguments": {}, "dataset": "digits", "seed": 0, "epochs": 3, "seconds": 1, "command": "python -m x"}


def written(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image_size": "64"}, "with image_size, an integer of at least 1. Received: '64'"),
        ({"image_size": 0}, "with image_size, an integer of at least 1. Received: 0"),
        ({"seed": True}, "with seed, an integer of at least 0. Received: True"),
        ({"protocol": {"epochs": "many"}}, "with protocol, an object of integers. Received: {'epochs': 'many'}"),
        ({"monitor": 3}, "with monitor, a text, or null. Received: 3"),
        ({"warm_up": None}, "with warm_up, an integer of at least 0. Received: None"),
        ({"arguments": "x" * 200}, f"with arguments, an object. Received: '{'x' * 96}..."),
    ],
)
def test_settings_of_a_run(change, says, tmp_path):
    path = written(tmp_path / "config.json", RECORDED)
    assert read_config(path, "warm_up") == RECORDED
    written(path, {**RECORDED, **change})
    with pytest.raises(ValueError, match=rf"^Expected {path} to hold the settings of a run, {re.escape(says)}$"):
        read_config(path)


@pytest.mark.parametrize("missing", ["preset", "warm_up", "versions"])
def test_settings_that_are_needed(missing, tmp_path):
    path = written(tmp_path / "config.json", {name: value for name, value in RECORDED.items() if name != missing})
    with pytest.raises(ValueError, match=rf"^Expected {path} to hold the settings of a run\. Received: one without {missing}$"):
        read_config(path, "warm_up", "versions")
    with pytest.raises(ValueError, match=r"^Expected .* to hold the settings of a run, an object\. Received: \[\]$"):
        read_config(written(path, []))


def run_folder(tmp_path, config=RECORDED, evaluation=None, columns=("val_loss", "seconds")):
    """Writes a run of two epochs and returns its folder."""
    folder = tmp_path / "run"
    written(folder / "config.json", config)
    written(folder / "evaluation.json", {"split": "test", "elbo": -3.0, "feature_network": "lenet"} if evaluation is None else evaluation)
    for name, column in zip(("history.csv", "timing.csv"), columns, strict=True):
        write_history(folder / name, [{"epoch": epoch, column: 1.0} for epoch in range(2)])
    return folder


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"evaluation": []}, "evaluation.json to hold the evaluation of a run, an object. Received: []"),
        ({"evaluation": {"elbo": 1.0}}, "evaluation.json to hold the evaluation of a run. Received: one without split"),
        ({"evaluation": {"split": "test", "elbo": "high"}}, "with elbo, a number, an object, or null. Received: 'high'"),
        ({"config": {**RECORDED, "preset": "absent"}}, "config.json to name a preset of training.train --list. Received: absent"),
        ({"config": CONFIG}, "config.json to hold the settings of a run. Received: one without warm_up"),
        ({"columns": ("loss", "seconds")}, "history.csv to have a column val_loss. Received: epoch, loss"),
        ({"columns": ("val_loss", "hours")}, "timing.csv to have a column seconds. Received: epoch, hours"),
    ],
)
def test_a_run_that_is_recorded(made, says, tmp_path, capsys):
    assert record.row_of(run_folder(tmp_path), "digits")["elbo"] == -3.0
    folder = run_folder(tmp_path, **made)
    assert record_command.main([str(folder), "digits"]) == 1
    assert capsys.readouterr().err.endswith(f"{says}\n")
    with pytest.raises(ValueError, match=rf"^Expected {folder}/.*{re.escape(says)}$"):
        record.row_of(folder, "digits")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({}, "measured rows, a list. Received: {}"),
        ([3], "measured rows, an object. Received: 3"),
        ([{**ROW, "seconds": "1"}], "measured rows, with seconds, a number. Received: '1'"),
        ([{**ROW, "elbo": [1]}], "measured rows, with elbo, a number, an object, or null. Received: [1]"),
        ([{name: value for name, value in ROW.items() if name != "seed"}], "measured rows. Received: one without seed"),
    ],
)
def test_measured_rows(rows, says, tmp_path):
    path = written(tmp_path / "tiny.json", [ROW])
    assert result_rows.written_rows("tiny", tmp_path) == [ROW]
    written(path, rows)
    with pytest.raises(ValueError, match=rf"^Expected {path} to hold {re.escape(says)}$"):
        result_rows.written_rows("tiny", tmp_path)


def test_what_the_tables_are_made_of(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    written(tmp_path / "benchmarks" / "speed.json", {"table": 3, "command": "", "date": "", "machine": {}, "versions": {}})
    written(tmp_path / "reliable.json", [{"what": "it"}])
    with pytest.raises(ValueError, match=r"speed\.json to hold a benchmark, with table, a list of texts\. Received: 3$"):
        tables.benchmark("speed")
    with pytest.raises(ValueError, match=r"reliable\.json to hold checks\. Received: one without tried, passed, "):
        tables.checks("reliable")


def test_status_of_runs(tmp_path):
    row = next(row for row in TABLES["cp_vae_toy"].rows if row.name == "vae")
    folder = run_folder(tmp_path, columns=("loss", "seconds"))
    folder.rename(tmp_path / "vae-seed0")
    with pytest.raises(ValueError, match=r"history\.csv to have a column val_loss"):
        status("cp_vae_toy", [(row, 0)], tmp_path, [], reproduce.flags().parse_args([]))
    (tmp_path / "vae-seed0" / "history.csv").unlink()
    (tmp_path / "vae-seed0" / ".lock").write_bytes(b"\xff\xfe not of this machine")
    assert " not of this machine" in status("cp_vae_toy", [(row, 0)], tmp_path, [], reproduce.flags().parse_args([]))


def test_a_resumed_run(tmp_path):
    folder, model = tmp_path / "run", Checkpointed()
    epochs_to(Run(folder, CONFIG), model, 2)
    stranger = folder / "checkpoint" / "epoch-last.weights.h5"
    stranger.write_text("mine")
    best = folder / "checkpoint" / "best-000001.npz"
    with open(best, "wb") as file:
        np.savez(file, **{"000000": np.zeros(3)})
    with pytest.raises(
        ValueError, match=rf"^Expected {best} to be a whole checkpoint of this run: .* shapes of the model, \[\(\)\]\. .*\[\(3,\)\]$"
    ):
        Run(folder, CONFIG, resume=True).restore(model)
    write_history(folder / "history.csv", [{"epoch": epoch, "loss": 1.0} for epoch in range(2)])
    with pytest.raises(ValueError, match=r"history\.csv to have a column val_loss\. Received: epoch, loss$"):
        Run(folder, CONFIG, resume=True)


X, Y = np.full((12, 28, 28), 200, "uint8"), np.arange(12) % 3
IMAGES = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
OMNIGLOT = {"x_train": np.full((1400, 2, 2), 200, "uint8"), "x_test": X[:, :2, :2]}
OMNIGLOT |= {"alphabet_train": np.zeros(1400, int), "alphabet_test": np.zeros(12, int)}
OMNIGLOT |= {"iwae_size_train_idx": np.arange(1400), "iwae_size_test_idx": 1400 + np.arange(12)}
FREY = {"x_all": X, "train_idx": np.arange(6), "val_idx": np.array([6, 7]), "test_idx": np.array([8, 9])}


@pytest.mark.parametrize(
    ("name", "arrays", "change", "says"),
    [
        ("mnist", IMAGES, {"x_train": np.zeros(12)}, r"images \[N, H, W\] or \[N, H, W, C\] in x_train\. Received: shape=\(12,\)"),
        ("mnist", IMAGES, {"x_train": X[:5], "y_train": Y[:5]}, r"at least six training examples\. Received: x_train=\(5, 28, 28, 1\)"),
        ("mnist", IMAGES, {"y_train": Y[:3]}, r"one label for each of 12 examples in x_train\. Received: labels=\(3,\)"),
        ("frey_faces", FREY, {"test_idx": np.array([8, 12])}, "integers from 0 to 11 in test_idx"),
        ("frey_faces", FREY, {"val_idx": np.array([0.0, 1.0])}, r"integers from 0 to 11 in val_idx\. .*dtype='float64'"),
        ("frey_faces", FREY, {"x_all": np.zeros((12, 5))}, "images .* in x_all"),
        ("omniglot", OMNIGLOT, {"iwae_size_test_idx": np.array([-1])}, "integers from 0 to 1411 in iwae_size_test_idx"),
        ("omniglot", OMNIGLOT, {"iwae_size_train_idx": np.arange(9)}, "more than 1,345 training examples"),
        ("omniglot", OMNIGLOT, {"alphabet_test": np.zeros(3, int)}, "one label for each of 1412 examples"),
        ("omniglot", OMNIGLOT, {"x_test": X}, "all the input array dimensions"),
    ],
)
def test_named_sets(name, arrays, change, says, tmp_path):
    np.savez(tmp_path / f"{name}.npz", **arrays)
    assert len(data.load(name, tmp_path).train.x)
    np.savez(tmp_path / f"{name}.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=rf"{says}.*, in {tmp_path / name}\.npz$"):
        data.load(name, tmp_path)


def test_what_is_kept_of_data(tmp_path, monkeypatch, digits):
    import keras

    monkeypatch.setattr(rows, "LARGE", 1)
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "file").touch()
    kept = lambda: image_cache.cached(tmp_path, [tmp_path / "file"], (1, 2, 2, 3), lambda images: {"names": []}, ["names"])  # noqa: E731
    kept()
    (notes,) = (tmp_path / "cache" / "images").glob("*.json")
    for bad in ([], {"other": 1}):
        write_json(notes, bad)
        with pytest.raises(ValueError, match=r"remove the file to decode again\. Received: notes without names beside it$"):
            kept()
    features = NetworkFeatures("flat", keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]), {})
    real_moments(digits, "test", features, tmp_path)
    (path,) = tmp_path.rglob("flat-*.npz")
    for bad in ({"mean": np.zeros(64)}, {"mean": np.zeros(3), "covariance": np.eye(3), "count": 4}):
        np.savez(path, **bad)
        with pytest.raises(ValueError, match=rf"^Expected moments of 64 features in {path}: remove the file"):
            real_moments(digits, "test", features, tmp_path)


def test_a_network_that_is_kept(tmp_path, digits, monkeypatch):
    monkeypatch.setattr("training.features.classifier.train_and_keep", lambda path, *arguments: path.write_bytes(b"PK\x03\x04 no network"))
    with pytest.raises(ValueError, match=r"^Expected a whole network in .*\.keras: remove the file to train it again\. Received: ."):
        feature_network(digits, tmp_path)


def test_an_artifact_with_a_saved_model_alone(tmp_path, capsys):
    run = tmp_path / (100 * "x")  # whose message is long
    save_run(run)
    assert export.__main__.main([str(run), "--format", "saved_model"]) == 0
    artifact = run / "export"
    capsys.readouterr()  # what TensorFlow logs of an export, which depends on what it has traced before
    assert export.sample.main([str(artifact), "--out", str(tmp_path / "x.npy")]) == 1
    assert capsys.readouterr().err == (
        "error: Expected an artifact with sampler.onnx: export it with --format onnx. "
        f"Received: {artifact}, with only saved_model, in {artifact / 'manifest.json'}\n"
    )
    manifest = read_json(artifact / "manifest.json")
    for bad, says in (
        (b"{", "to hold JSON"),
        (b"\xff", "to hold JSON"),
        (b"{}", "to be the manifest of an artifact. Received: one without"),
    ):
        (artifact / "manifest.json").write_bytes(bad)
        assert export.sample.main([str(artifact)]) == 1
        assert capsys.readouterr().err.startswith(f"error: Expected {artifact / 'manifest.json'} {says}")
    write_json(artifact / "manifest.json", {**manifest, "noise": {"eps": "Normal"}})
    assert export.sample.main([str(artifact)]) == 1
    assert capsys.readouterr().err == f"error: Expected noise, an object. Received: Normal, in {artifact / 'manifest.json'}\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("SLURM_PROCID", "first"), ("SLURM_STEP_NODELIST", "gpu[a-c]")],
)
def test_variables_of_slurm(name, value):
    environment = {"SLURM_STEP_NODELIST": "gpu[1-2]", "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_PROCID": "1"}
    assert tf_config(environment)["task"]["index"] == 1
    with pytest.raises(ValueError, match=rf"^Expected {name} as srun sets it: start this with srun\. Received: {re.escape(repr(value))}$"):
        tf_config({**environment, name: value})


def test_weights_of_another_shape(tmp_path):
    model_of = lambda d: vm.VAE(  # noqa: E731
        vm.networks.mlp((4,), 2 * d, (8,)), vm.networks.mlp((d,), (4,), (8,)), vm.StandardNormal(d), vm.Normal(1.0)
    )
    path, model = tmp_path / "other.weights.h5", model_of(3)
    model_of(2).save_weights(path)
    before = model.get_weights()
    expected = r"decoder/layers/dense/vars/0 \(2, 8\), not \(3, 8\); encoder/.* \(8, 4\), not \(8, 6\); encoder/.*$"
    with pytest.raises(ValueError, match=rf"^Expected {path} to hold the weights of this model\. Received: {expected}"):
        model.load_weights(path)
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=rf"^Expected {path} to hold the weights of this model\. Received: .*signature"):
        model.load_weights(path)
    with pytest.raises(FileNotFoundError, match=r"absent\.weights\.h5\. Received: no such file$"):
        model.load_weights(tmp_path / "absent.weights.h5")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_whose_settings_are_damaged_is_not_evaluated(tmp_path, capsys):
    assert evaluate_main([str(run_folder(tmp_path, {**RECORDED, "image_size": None}))]) == 1
    assert "with image_size, an integer of at least 1. Received: None" in capsys.readouterr().err
