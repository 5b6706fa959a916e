"""XLA programs that train a preset without TensorFlow: they give what `training.train` gives."""

import csv
import importlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from export.storage.files import read_json
from tests.checks import card
from tests.checks.portable import programs
from training.jobs import train
from training.jobs.flags import parse

pytest.importorskip("jax")
runner = importlib.import_module("tests.checks.portable.runner")  # which imports JAX
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
    programs.dump(tmp_path / "programs", "it", argv)
    # Interrupted after an epoch, and resumed.
    run(tmp_path / "programs" / "it.npz", tmp_path / "out", "--minutes", 0)
    assert json.loads((tmp_path / "out" / "it.json").read_text())["stopped"] == "unfinished"
    with monkeypatch.context() as patch:  # not judged yet
        patch.setattr(programs, "evaluate", lambda *arguments, **keywords: None)
        programs.load(tmp_path / "programs" / "it.npz", tmp_path / "out" / "it.npz", tmp_path / "begun")
    run(tmp_path / "programs" / "it.npz", tmp_path / "out")
    programs.load(tmp_path / "programs" / "it.npz", tmp_path / "out" / "it.npz", tmp_path / "run")
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
        programs.load(tmp_path / "other.npz", tmp_path / "out" / "it.npz", tmp_path / "refused")


@pytest.mark.slow
def test_programs_train_categories_as_fit_does(main, training_alone, tmp_path):
    argv = ["cp_vae_digits", *SMALL, "--num-components", "3", "--category-prior", "uniform", "--pretraining", "0", "--epochs", "2"]
    assert main(*argv, "--run-dir", tmp_path / "here") == (0, "")
    programs.dump(tmp_path, "it", argv)
    runner.train(tmp_path / "it.npz", tmp_path / "out", np.inf, np.inf)
    trained = runner.Training(tmp_path / "it.npz", tmp_path / "out")
    assert_same_history(trained.history, history_of(tmp_path / "here"))
    assert trained.judged


def test_early_stopping_is_that_of_training():
    from keras_vaemix.callbacks import EarlyStopping

    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.integers(0, 5, rng.integers(0, 12)).tolist()
        patience, warm_up = int(rng.integers(1, 5)), int(rng.integers(0, 5))
        assert runner.is_over(values, patience, warm_up) == EarlyStopping(patience, warm_up, past=values).is_over()


@pytest.mark.slow
def test_card_trains_times_and_packs(tmp_path):
    folder, out, packed = tmp_path / "programs", tmp_path / "out", tmp_path / "packed"
    argv = ["vae_digits", *SMALL]
    programs.dump(folder, "over", [*argv, "--epochs", "2"])
    programs.dump(folder, "long", [*argv, "--epochs", "20000", "--patience", "20000"])
    programs.dump(folder, "timed", argv, timing=True)
    (folder / "rows.txt").write_text("over\nlong\nabsent\n")
    (folder / "timing.txt").write_text("timed\n")
    card.main([str(folder), str(out), "--timing", "2", "--rows", "0.4", "--pack", str(packed)])
    state = card.states(out)
    assert {name: row["stopped"] for name, row in state.items()} == {"over": "maximum", "long": "unfinished"}
    assert state["over"]["judged"]
    (tmp_path / "whole.tar").write_bytes(b"".join(part.read_bytes() for part in sorted(packed.iterdir())))
    with tarfile.open(tmp_path / "whole.tar") as tar:
        names = set(tar.getnames())
    assert {"over.npz", "over.json", "long.json", "timed.timing.json"} <= names
    assert "long.npz" not in names
    card.pack(out, packed, 60, everything=True)
    with tarfile.open(packed / "part-0") as tar:
        assert tar.getnames() == ["long.npz"]


SYNTHETIC = ["--latent-dim", "16", "--hidden", "8", "--critic-units", "8", "--batch-size", "5000"]
TWICE = ["--critic-steps", "2"]
FAMILIES = {  # flags that make a preset of each family small
    "gmmp_digits": ["--num-pseudo-inputs", "3"],
    "hiwae_digits": ["--num-samples", "3"],
    "hvae_digits": [],
    "iwae_digits": ["--num-samples", "3"],
    "mog_prior_digits": ["--num-components", "3"],
    "vade_digits": ["--pretraining", "1", "--num-components", "3"],
    "vamp_digits": ["--num-components", "3"],
    "gmvae_digits": ["--num-components", "3", "--noise-dim", "2"],
    "flex_ae_synthetic": [*SYNTHETIC, *TWICE],
    "mask_aae_synthetic": [*SYNTHETIC, *TWICE],
    "wae_gan_synthetic": [*SYNTHETIC],
}


@pytest.mark.slow
@pytest.mark.parametrize("preset", FAMILIES)
def test_every_family_can_be_timed_elsewhere(preset, tmp_path):
    argv = [preset, *SMALL, *FAMILIES[preset], "--epochs", "1"]
    programs.dump(tmp_path, "it", argv, timing=True)
    runner.measure(tmp_path / "it.npz", tmp_path / "out", 0.01)
    timed = read_json(tmp_path / "out" / "it.timing.json")
    assert timed["milliseconds"] > 0
    assert np.all(np.isfinite(timed["loss"]))
    assert (tmp_path / "it.npz").stat().st_size < 2**22
    assert train.prepare(parse(argv)).config["preset"] == preset
