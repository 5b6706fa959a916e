"""XLA programs that train a preset without TensorFlow: they give what `training.train` gives."""

import csv
import importlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest

from export.storage.files import read_json
from tests.checks import card, card_files, card_programs, devices
from tests.checks.portable import programs, results
from tests.checks.portable.dump import dump

pytest.importorskip("jax")
timing, training = (importlib.import_module(f"tests.checks.portable.{name}") for name in ("timing", "training"))  # which import JAX
SMALL = ("--latent-dim", "2", "--warm-up", "2", "--batch-size", "150", "--features", "none")


def run(*arguments):
    """Runs the programs in a separate process, where TensorFlow cannot be imported."""
    code = "import sys; sys.modules['tensorflow'] = None; from tests.checks.portable.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr


def history_of(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def assert_same_history(a, b):
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert list(one) == list(other)
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=2e-4)


@pytest.fixture(scope="module", autouse=True)
def _few_samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "NUM_SAMPLES", 20)
        yield


@pytest.mark.slow
def test_programs_train_as_fit_does(main, judging_alone, by_xla, monkeypatch, tmp_path):
    argv = ["vae_digits", *SMALL, "--epochs", "3"]
    assert main(*argv, "--run-dir", tmp_path / "here", "--likelihood-samples", 20) == (0, "")
    dump(tmp_path / "programs", "it", argv)
    # Interrupted after an epoch, and resumed.
    run(tmp_path / "programs" / "it.npz", tmp_path / "out", "--minutes", 0)
    assert json.loads((tmp_path / "out" / "it.json").read_text())["stopped"] == "unfinished"
    results.load(tmp_path / "programs" / "it.npz", tmp_path / "out" / "it.npz", tmp_path / "begun")
    assert not (tmp_path / "begun" / "evaluation.json").exists()
    run(tmp_path / "programs" / "it.npz", tmp_path / "out")
    results.load(tmp_path / "programs" / "it.npz", tmp_path / "out" / "it.npz", tmp_path / "run")
    here = history_of(tmp_path / "here")
    assert_same_history(history_of(tmp_path / "run"), here)
    # A run begun there ends here as it would have there.
    monkeypatch.setattr("training.jobs.train.finish", lambda *arguments: None)
    assert main(*argv, "--run-dir", tmp_path / "begun", "--resume", "--likelihood-samples", 20) == (0, "")
    assert_same_history(history_of(tmp_path / "begun"), here)
    assert read_json(tmp_path / "begun" / "config.json")["route"] == "portable"
    # The figures are those of the best weights, on the test set.
    evaluation, config = read_json(tmp_path / "run" / "evaluation.json"), read_json(tmp_path / "run" / "config.json")
    assert (evaluation["split"], evaluation["num_samples"], config["route"]) == ("test", 20, "portable")
    assert evaluation["elbo"] == pytest.approx(read_json(tmp_path / "here" / "evaluation.json")["elbo"], rel=1e-3)
    # A run whose state was left there cannot be resumed here, and says so.
    status, err = main(*argv, "--run-dir", tmp_path / "run", "--resume", "--epochs", 5)
    assert status == 1
    assert "trained elsewhere" in err
    # Results of programs with another seed are refused.
    with np.load(tmp_path / "programs" / "it.npz") as file:
        arrays = dict(file)
    record = json.loads(arrays["record"].tobytes())
    record["config"]["seed"] += 1
    np.savez(tmp_path / "other.npz", **{**arrays, "record": np.frombuffer(json.dumps(record).encode(), np.uint8)})
    with pytest.raises(ValueError, match=r"results of .*other.npz"):
        results.load(tmp_path / "other.npz", tmp_path / "out" / "it.npz", tmp_path / "refused")


@pytest.mark.slow
def test_programs_train_with_a_few_labels_and_averages_as_fit_does(main, training_alone, tmp_path):
    argv = ["cp_vae_digits", *SMALL, "--num-components", "10", "--category-prior", "uniform", "--pretraining", "0", "--epochs", "2"]
    argv += ["--num-labels", "50", "--ema-momentum", "0.98"]
    assert main(*argv, "--run-dir", tmp_path / "here") == (0, "")
    dump(tmp_path, "it", argv)
    training.train(tmp_path / "it.npz", tmp_path / "out", np.inf, np.inf)
    trained = training.Training(tmp_path / "it.npz", tmp_path / "out")
    assert "classification" in trained.history[0]
    assert_same_history(trained.history, history_of(tmp_path / "here"))
    assert trained.judged
    results.load(tmp_path / "it.npz", tmp_path / "out" / "it.npz", tmp_path / "run")
    models = [keras.saving.load_model(tmp_path / where / "model.keras") for where in ("here", "run")]
    for here, there in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-4, err_msg=here.path)


def test_early_stopping_is_that_of_training():
    from keras_vaemix.callbacks import EarlyStopping

    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.integers(0, 5, rng.integers(0, 12)).tolist()
        patience, warm_up = int(rng.integers(1, 5)), int(rng.integers(0, 5))
        assert training.is_over(values, patience, warm_up) == EarlyStopping(patience, warm_up, past=values).is_over()


@pytest.mark.slow
def test_card_trains_times_and_packs(monkeypatch, tmp_path):
    monkeypatch.setattr(card, "MARGIN", 2)
    folder, out, packed = tmp_path / "programs", tmp_path / "out", tmp_path / "packed"
    argv = ["vae_digits", *SMALL]
    dump(folder, "over", [*argv, "--epochs", "2"])
    dump(folder, "long", [*argv, "--epochs", "20000", "--patience", "20000"])
    dump(folder, "timed", argv, timing=True)
    (folder / "rows.txt").write_text("over\nlong\nabsent\n")
    (folder / "timing.txt").write_text("timed\n")
    card.main([str(folder), str(out), "--timing", "2", "--rows", "0.2", "--pack", str(packed)])
    state = card_files.states(out)
    assert {name: row["stopped"] for name, row in state.items()} == {"over": "maximum", "long": "unfinished"}
    assert state["over"]["judged"]
    (tmp_path / "whole.tar").write_bytes(b"".join(part.read_bytes() for part in sorted(packed.iterdir())))
    with tarfile.open(tmp_path / "whole.tar") as tar:
        names = set(tar.getnames())
    assert {"over.npz", "over.json", "long.json", "timed.timing.json"} <= names
    assert "long.npz" not in names
    card_files.pack(out, packed, 60, everything=True)
    with tarfile.open(packed / "part-0") as tar:
        assert tar.getnames() == ["long.npz"]


def test_the_most_valuable_rows_are_packed_first_and_what_is_left_is_named(tmp_path, capsys):
    out, packed = tmp_path / "out", tmp_path / "packed"
    out.mkdir()
    for name, size in {"large": 300, "small": 10, "further": 400}.items():
        (out / f"{name}.npz").write_bytes(bytes(size * 2**10))
        (out / f"{name}.json").write_text('{"stopped": "early", "judged": true}')
    card_files.pack(out, packed, 0.5, everything=True, names=["large", "further"])
    assert capsys.readouterr().out.endswith("left for the next time: further.npz\n")
    with tarfile.open(packed / "part-0") as tar:
        assert tar.getnames() == ["large.json", "further.json", "small.json", "large.npz", "small.npz"]
    card_files.pack(out, packed, 0.5, everything=True, names=["large", "further"])
    with tarfile.open(packed / "part-0") as tar:
        assert tar.getnames() == ["further.npz"]


def test_figures_that_differ_are_not_equal():
    assert timing.difference({"loss": 100.1, "kl": 0.5}, {"loss": 100.0, "kl": 0.5}) == pytest.approx(1e-3)
    assert timing.difference({"loss": 100.0, "kl": 0.6}, {"loss": 100.0, "kl": 0.5}) == pytest.approx(0.1)
    assert not timing.difference({"loss": np.nan}, {"loss": 1.0}) <= timing.TOLERANCE


@pytest.mark.slow
def test_programs_for_a_card_are_made_once_and_compared_with_the_cpu(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("VAEMIX_DATA", str(tmp_path))
    rng = np.random.default_rng(0)
    counts = {"train": 10_900, "test": 10}  # of which the last 10,000 are for validation
    x = {f"x_{split}": rng.integers(0, 256, (n, 28, 28), "uint8") for split, n in counts.items()}
    np.savez(tmp_path / "mnist.npz", **x, **{f"y_{split}": np.zeros(n, "uint8") for split, n in counts.items()})
    programs_folder, out = tmp_path / "programs", tmp_path / "out"
    for _ in range(2):
        assert card_programs.main([str(programs_folder), "--only", "vae_mnist"]) == 0
    assert (programs_folder / "timing.txt").read_text() == "vae_mnist\nvae_mnist.8\n"
    assert capsys.readouterr().out.count("arrays") == 3
    card.main([str(programs_folder), str(out), "--checks", "2"])
    found = read_json(out / "vae_mnist.small.check.json")
    assert (found["equal"], found["steps"]) == (True, 3)
    assert 300 < found["cpu"]["loss"] < 1000
    assert "1 of 1 checks, of 1" in capsys.readouterr().out


@pytest.mark.slow
def test_items_of_a_device_are_measured_once_and_those_that_fail_are_reported(tmp_path, capfd):
    command = [str(tmp_path), "--parts", "steps", "--items", "autoencoder", "vae", "nothing"]
    for _ in range(2):
        assert devices.main(command) == 0
    out = capfd.readouterr().out
    assert out.count("steps autoencoder {") == 1
    assert out.count("failed: ['nothing']") == 2
    found = devices.results(tmp_path, "steps")
    for family in ("autoencoder", "vae"):
        assert found[family]["difference"] < 1e-5
    assert "KeyError" in found["nothing"]["error"]
