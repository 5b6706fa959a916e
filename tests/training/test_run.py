"""Runs as a user starts them: killed and resumed, refused when something is wrong, and never overwritten."""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from keras_vaemix.core import supports
from training import evaluate, train

ROOT = Path(__file__).parents[2]
QUICK = ["cp_vae_digits", "--num-components", "5", "--latent-dim", "3", "--pretraining", "0", "--likelihood-samples", "10"]
EPOCHS = 20


def start(*arguments, module="training.train", cwd=ROOT):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VAEMIX_DATA": ""}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # the tests' own: a user's program sets it itself
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(*arguments, **kwargs):
    process = start(*arguments, **kwargs)
    out, err = process.communicate()
    return process.returncode, out, err


def error_line(err):
    """The one line that the program itself wrote on standard error."""
    (line,) = err.splitlines()
    return line


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def wait_for(condition, seconds=120):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "timed out"
        time.sleep(0.02)


def checkpoints(folder):
    return sorted((folder / "checkpoint").glob("epoch-*"))


def epochs_done(folder):
    """The number of epochs in the last checkpoint."""
    return int(checkpoints(folder)[-1].name[6:12])


def arrays(path):
    """The arrays of an HDF5 file by name."""
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def assert_same_checkpoint(folder, other_folder):
    one, other = arrays(checkpoints(folder)[-1]), arrays(checkpoints(other_folder)[-1])
    assert one.keys() == other.keys()
    assert any("optimizer" in name for name in one)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never interrupted, and what it printed."""
    folder, out = tmp_path_factory.mktemp("runs") / "whole", io.StringIO()
    with contextlib.redirect_stdout(out):
        assert train.main([*QUICK, "--epochs", str(EPOCHS), "--run-dir", str(folder)]) == 0
    return folder, out.getvalue()


def assert_goes_on(main, folder, whole):
    """Resumes a run in this process and holds it against the one that was never interrupted."""
    assert main(*QUICK, "--epochs", EPOCHS, "--run-dir", folder, "--resume") == (0, "")
    assert history(folder) == history(whole)
    assert len(history(folder)) == EPOCHS
    assert_same_checkpoint(folder, whole)


@pytest.mark.slow
def test_a_run_that_is_killed_and_interrupted_goes_on_to_the_same_bits(main, whole, tmp_path, training_alone):
    """By SIGKILL, then by SIGTERM and by Ctrl-C, which keep the last whole epoch where no checkpoint is due."""
    folder = tmp_path / "parts"
    flags = (*QUICK, "--epochs", 60, "--run-dir", folder, "--resume", "--checkpoint-seconds")
    process = start(*flags, 0)
    wait_for(lambda: checkpoints(folder) and epochs_done(folder) >= 3)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    for number, status, epoch in ((signal.SIGTERM, 143, 8), (signal.SIGINT, 130, 13)):
        process = start(*flags, 1000)
        begun = (int(found[1]) for line in process.stdout if (found := re.match(r"Epoch (\d+)/", line)))
        assert next(begin for begin in begun if begin >= epoch)
        process.send_signal(number)
        _, err = process.communicate()
        assert process.returncode == status
        assert error_line(err).startswith("interrupted: go on with python -m training.train cp_vae_digits --num-components 5 ")
        assert epoch - 1 <= epochs_done(folder) < EPOCHS
    assert not (folder / "model.keras").exists()
    assert_goes_on(main, folder, whole[0])


def test_run_folder_holds_everything(whole):
    folder, out = whole
    pictures = ("samples.png", "reconstructions.png", "categories.png", "exported_samples.png")
    exported = ("export/decoder.onnx", "export/sampler.onnx", "export/saved_model", "export/manifest.json")
    state = ("config.json", "model.keras", "checkpoint", "logs/train", "logs/validation", "history.csv", "evaluation.json")
    for name in (*state, *pictures, *exported):
        assert (folder / name).exists(), name
    report = json.loads((folder / "evaluation.json").read_text())
    expected = {"elbo", "elbo_se", "reconstruction", "kl", "log_likelihood", "log_likelihood_se", "num_samples", "split", "num_examples"}
    assert expected <= set(report)
    assert report["elbo"] == pytest.approx(report["reconstruction"] - report["kl"], abs=1e-3)
    assert report["elbo"] < report["log_likelihood"] + 4 * report["log_likelihood_se"] < 0
    assert 0 < report["ari"] < report["cluster_accuracy"] <= 1 < report["perplexity"] <= 5
    assert {"nmi", "dead_categories", "cluster_accuracy_majority"} <= set(report)
    split = report["divergence_split"]
    assert split["kl"] == pytest.approx(split["mutual_information"] + split["conditional_kl"] + split["category_kl"])
    assert f"tensorboard --logdir {folder}" in out
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_aggregate_posterior_is_that_of_the_training_set(whole, digits):
    from keras_vaemix.storage.loading import load_model

    model = load_model(whole[0] / "model.keras")
    shares = model.responsibilities(digits.fixed("train", model.likelihood.support))
    np.testing.assert_allclose(model.aggregate, shares.mean(axis=0), atol=1e-6)


def test_evaluate_a_run(whole, tmp_path, capsys):
    folder = copy_of(whole, tmp_path)
    assert evaluate.main([str(folder), "--split", "validation", "--num-samples", "20"]) == 0
    out = capsys.readouterr().out
    assert "200 of 200 validation examples, 20 samples each" in out
    assert out.endswith(f"{folder / 'evaluation.json'}\n")
    assert json.loads((folder / "evaluation.json").read_text())["split"] == "validation"


def test_check_the_bounds_of_a_run(whole, capsys):
    assert evaluate.main([str(whole[0]), "--check", "--num-samples", "200", "--likelihood-examples", "40"]) == 0
    out = capsys.readouterr().out
    assert "importance_weighted, 50" in out
    assert "NOT A BOUND" not in out


def test_config_runs_again(whole):
    config = json.loads((whole[0] / "config.json").read_text())
    assert config["preset"] == "cp_vae_digits"
    assert config["arguments"]["num_components"] == 5
    assert {"data_sha256", "seed", "command", "versions"} <= set(config)


def test_list_shows_every_preset_with_its_row(capsys):
    from training.presets import PRESETS

    assert train.main(["--list"]) == 0
    out = capsys.readouterr().out
    for preset in PRESETS.values():
        assert preset.name in out
        assert preset.paper in out


def test_help_shows_the_flags_of_every_preset(capsys):
    from training.presets import PRESETS

    for preset in PRESETS.values():
        with pytest.raises(SystemExit) as stop:
            train.main([preset.name, "--help"])
        assert stop.value.code == 0
        out = capsys.readouterr().out
        for flag in preset.flags():
            assert "--" + flag.name.replace("_", "-") in out


def test_arrays_that_are_no_images_are_trained_on_too(main, tmp_path):
    """With missing values, on two replicas."""
    x = np.random.default_rng(0).integers(0, 2, (300, 6)).astype(float)
    np.savez(tmp_path / "table.npz", x=np.where(np.arange(1800).reshape(300, 6) % 7, x, np.nan))
    flags = ("--dataset", f"npz:{tmp_path / 'table.npz'}", "--strategy", "mirrored", "--epochs", 1, "--likelihood-samples", 3)
    assert main("vae_digits", *flags, "--run-dir", tmp_path / "run") == (0, "")
    assert (tmp_path / "run" / "evaluation.json").exists()
    assert np.load(tmp_path / "run" / "exported_samples.npy").shape == (64, 6)
    assert not (tmp_path / "run" / "samples.png").exists()


@pytest.mark.slow
def test_images_with_gaps_are_trained_on_and_drawn(main, tmp_path):
    """None of them is complete, of which pseudo-inputs would start."""
    x = np.where(np.arange(300 * 64).reshape(300, 8, 8, 1) % 50, np.random.default_rng(0).random((300, 8, 8, 1)), np.nan)
    np.savez(tmp_path / "gaps.npz", x=x)
    flags = ("--dataset", f"npz:{tmp_path / 'gaps.npz'}", "--epochs", 1, "--likelihood-samples", 3, "--num-components", 5)
    assert main("vamp_digits", *flags, "--run-dir", tmp_path / "run") == (0, "")
    assert {"neighbors.png", "reconstructions.png", "export"} <= {path.name for path in (tmp_path / "run").iterdir()}


OTHERS = [
    ("iwae_digits", "--num-samples", 3, "--dreg"),
    ("gmmp_digits", "--num-posterior-components", 3, "--kl", "softmin", "--warm-up", 1),
    ("mog_posterior_toy",),
]


@pytest.mark.slow
@pytest.mark.parametrize("flags", OTHERS)
def test_other_presets_run(main, judging_alone, without_xla, tmp_path, flags):
    assert main(*flags, "--epochs", 1, "--likelihood-samples", 3, "--run-dir", tmp_path / "run") == (0, "")
    assert (tmp_path / "run" / "evaluation.json").exists()


def test_samples_of_the_export_that_fail_fail_the_run(digits, tmp_path, monkeypatch, capsys):
    from types import SimpleNamespace

    from training.jobs.train import finish

    def fail(*arguments):
        raise ValueError("no samples")

    monkeypatch.setattr("training.jobs.evaluate.evaluate", lambda *arguments, **keywords: {})
    monkeypatch.setattr("training.jobs.pictures.draw", lambda *arguments: {})
    monkeypatch.setattr("training.jobs.dashboards.write", lambda *arguments: tmp_path)
    monkeypatch.setattr("training.jobs.train.export_model", lambda model, folder: folder)
    monkeypatch.setattr("export.sample.sample", fail)
    args = SimpleNamespace(split="test", likelihood_samples=2, likelihood_examples=2, features="none", full_evaluation=True)
    with pytest.raises(ValueError, match="no samples"):
        finish(SimpleNamespace(folder=tmp_path), digits, None, args)
    assert capsys.readouterr().out == ""


def test_unknown_names_suggest_the_nearest(main, tmp_path):
    status, err = main("vamp_digit")
    assert status == 1
    assert err.startswith("error: Expected a preset: did you mean vamp_digits or ")
    assert err.endswith("see --list. Received: 'vamp_digit'")
    assert main("--seed", 1, "vae_digits") == (1, "error: Expected the preset before its flags. Received: 'vae_digits' after them")
    status, err = main("gmmp_digits", "--kl", "maen")
    assert (status, err.startswith("error: Expected --kl: did you mean mean? One of mc, ")) == (1, True)
    status, err = main("vae_digits", "--likelihood", "foo")
    assert (status, err.count("poisson")) == (1, 1)
    assert err.startswith("error: Expected --likelihood: one of auto, ")
    status, err = main("--dataset", "mnst")
    assert status == 1
    assert "did you mean mnist" in err
    status, err = main("vae_digits", "--latent-dims", 4)
    assert (status, "did you mean --latent-dim? see python -m training.train vae_digits --help. Received: " in err) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--num-components", 0), "num_components to be an integer of at least 1. Received: num_components=0"),
        (("--latent-dim", 0), "latent_dim to be an integer of at least 1. Received: latent_dim=0"),
        (("--likelihood-samples", 0), "--likelihood-samples of at least 1. Received: 0"),
        (("--warm-up", -1), "--warm-up of at least 0. Received: -1"),
        (("--patience", 0), "--patience of at least 1. Received: 0"),
        (("--epochs", -1), "--epochs of at least 1. Received: -1"),
        (("--batch-size", 5000), "at least one batch of 5000 training examples: pass a smaller --batch-size. Received: 1197"),
        (("--image-size", 32), "not resized, as those of folder:PATH and of prepared faces are. Received: dataset='digits', image_size=32"),
        (("--dataset", "npz:absent.npz"), "an .npz file at absent.npz. Received: no such file"),
        (("--dataset", "folder:absent"), "a folder with images"),
        (("--data-dir", "nowhere", "--dataset", "frey_faces"), "nowhere/frey_faces.npz"),
    ],
)
def test_bad_flags_are_refused_before_anything_is_written(main, tmp_path, flags, message):
    status, err = main(*flags)
    assert status == 1
    assert message in err
    assert err.count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_that_cannot_be_made_is_refused_before_data_are_read(main, tmp_path, monkeypatch):
    monkeypatch.setattr("training.jobs.train.load", lambda *arguments: pytest.fail("data were read"))
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        expected = "--run-dir to be a folder that can be written, or a path where one can be made: pass another"
        received = f"{folder}, Not a directory at {tmp_path / 'file'}"
        assert main("vae_digits", "--run-dir", folder) == (1, f"error: Expected {expected}. Received: {received}")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_data_at_a_path_are_found_from_elsewhere_and_may_move(main, tmp_path, monkeypatch, capsys, training_alone, without_xla):
    x = np.random.default_rng(0).integers(0, 2, (300, 4, 4)).astype("float32")
    np.savez(tmp_path / "mine.npz", x=x)
    flags = ["vae_digits", "--latent-dim", "2", "--resume", "--run-dir", str(tmp_path / "run"), "--dataset"]
    assert train.main([*flags, "npz:mine.npz", "--epochs", "1"]) == 0
    assert f"nothing to resume in {tmp_path / 'run'}: starting with epoch 1\n" in capsys.readouterr().out
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    evaluated = ["--num-samples", "5", "--features", "none"]
    assert evaluate.main([str(tmp_path / "run"), *evaluated]) == 0
    (tmp_path / "mine.npz").rename("moved.npz")
    assert evaluate.main([str(tmp_path / "run"), *evaluated]) == 1
    remedy = f"the data of the run at {tmp_path / 'mine.npz'}: pass --dataset npz:PATH with where they are now"
    assert capsys.readouterr().err == f"error: Expected {remedy}. Received: nothing there\n"
    assert evaluate.main([str(tmp_path / "run"), *evaluated, "--dataset", "npz:moved.npz"]) == 0
    np.savez("other.npz", x=1 - x)
    assert evaluate.main([str(tmp_path / "run"), *evaluated, "--dataset", "npz:other.npz"]) == 1
    assert "Expected the data that the run was trained on, sha256 " in capsys.readouterr().err
    assert evaluate.main([str(tmp_path / "run"), *evaluated, "--dataset", "digits"]) == 1
    assert "--dataset of the kind of the run's, npz:mine.npz. Received: dataset='digits'" in capsys.readouterr().err
    assert "dataset was 'npz:mine.npz', now 'npz:other.npz'" in main(*flags, "npz:other.npz", "--epochs", 2)[1]
    assert train.main([*flags, "npz:moved.npz", "--epochs", "2"]) == 0
    assert "nothing to resume" not in capsys.readouterr().out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["dataset"], config["data_source"]) == ("npz:moved.npz", f"npz:{tmp_path / 'else' / 'moved.npz'}")
    assert epochs_done(tmp_path / "run") == 2


def test_mnist_without_file_and_network_says_what_is_missing(main, monkeypatch, tmp_path):
    pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr("training.data.sources.online", lambda: False)
    status, err = main("vamp_mnist", "--data-dir", tmp_path / "nowhere")
    assert status == 1
    assert f"{tmp_path}/nowhere/mnist.npz" in err
    assert "--data-dir" in err


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5, 7.0])
def test_bad_values_in_a_file_are_refused(main, tmp_path, value):
    x = np.zeros((300, 4, 4), "float32")
    x[3, 2, 1] = value
    np.savez(tmp_path / "bad.npz", x=x)
    preset = "cp_vae_digits" if np.isnan(value) else "vae_digits"  # NaN is a missing value, of which a plain VAE takes some
    status, err = main(preset, "--dataset", f"npz:{tmp_path / 'bad.npz'}", "--run-dir", tmp_path / "run")
    assert status == 1
    assert ("missing values" if np.isnan(value) else "finite values" if not np.isfinite(value) else "in {0, 1}") in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("split", ["test", "validation"])
def test_bad_values_of_the_split_that_judges_are_refused(main, tmp_path, split):
    arrays = {f"x_{name}": np.zeros((300, 4, 4), "uint8") for name in ("train", "validation", "test")}
    arrays[f"x_{split}"][7] = 100
    np.savez(tmp_path / "bad.npz", **arrays)
    status, err = main("vae_digits", "--dataset", f"npz:{tmp_path / 'bad.npz'}", "--run-dir", tmp_path / "run", "--split", split)
    assert status == 1
    assert "in {0, 1}" in err
    assert split in err
    assert not (tmp_path / "run").exists()


def test_folder_in_use_is_left_alone(main, whole, training_alone):
    before = (whole[0] / "config.json").read_bytes()
    status, err = main(*QUICK, "--run-dir", whole[0])
    assert status == 1
    assert "pass --resume" in err
    assert (whole[0] / "config.json").read_bytes() == before


def test_resume_with_other_settings_names_them(main, whole, training_alone):
    before = (whole[0] / "config.json").read_bytes()
    status, err = main(*QUICK, "--latent-dim", 4, "--seed", 3, "--run-dir", whole[0], "--resume")
    assert status == 1
    assert "seed was 0, now 3" in err
    assert "--latent-dim was 3, now 4; seed" in err
    assert "num_components" not in err.replace("-", "_")
    assert "Received: preset was 'cp_vae_digits', now 'vae_digits'; --" in main("vae_digits", "--run-dir", whole[0], "--resume")[1]
    assert (whole[0] / "config.json").read_bytes() == before


def test_a_run_older_than_a_flag_of_its_preset_goes_on():
    from training.presets.arguments import filled
    from training.runs.run import check_same_settings

    made = filled("vae_digits", {"latent_dim": 3})
    new = {"preset": "vae_digits", "arguments": made, "seed": 0}
    check_same_settings({**new, "arguments": {"latent_dim": 3}}, new)
    for hostile in ({"latent_dim": 4}, {"latent_dim": 3, "gone": 1}, [], None, "vae", {"preset": "x"}):
        with pytest.raises(ValueError, match=r"--resume with the settings of the saved run.*Received: --"):
            check_same_settings({**new, "arguments": hostile}, new)
    with pytest.raises(ValueError, match="preset was 'absent'"):
        check_same_settings({**new, "preset": "absent"}, new)


def test_patience_is_a_setting_that_older_runs_do_not_name(main, tmp_path, training_alone, without_xla):
    from export.storage.files import read_history
    from training.runs.run import check_same_settings

    folder = tmp_path / "run"
    flags = ("vae_digits", "--learning-rate", 0.05, "--warm-up", 0, "--epochs", 40, "--run-dir", folder)
    assert main(*flags, "--patience", 1) == (0, "")
    losses = [row["val_loss"] for row in read_history(folder / "history.csv")]
    assert 1 < len(losses) < 40
    assert losses[:-1] == sorted(losses[:-1], reverse=True)
    assert losses[-1] >= losses[-2]
    assert "patience was 1, now 2" in main(*flags, "--patience", 2, "--resume")[1]
    config = json.loads((folder / "config.json").read_text())
    check_same_settings({name: value for name, value in config.items() if name != "patience"}, config)
    with pytest.raises(ValueError, match="warm_up was None, now 0"):
        check_same_settings({name: value for name, value in config.items() if name != "warm_up"}, config)


def test_a_run_older_than_the_start_of_its_weights_started_by_he():
    from training.papers.registry import row_named
    from training.presets.arguments import filled
    from training.runs.run import check_same_settings

    (old, new) = ({"preset": "vae_mnist", "arguments": arguments} for arguments in ({"latent_dim": 40}, filled("vae_mnist", {})))
    check_same_settings(old, {**new, "arguments": {**new["arguments"], "init": "he"}})
    with pytest.raises(ValueError, match="--init was 'he', now 'glorot'"):
        check_same_settings(old, new)
    assert row_named("cp_vae_table1", new).name == "vae"
    assert row_named("cp_vae_table1", old) is None


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vae_mnist", (2000, 100, 100, 50)),
        ("cp_vae_omniglot", (2000, 100, 100, 50)),
        ("hvamp_mnist", (2000, 100, 100, 50)),
        ("gmmp_mnist", (5000, 100, 200, 100)),
        ("gmmp_omniglot", (5000, 100, 200, 100)),
        ("gmmp_frey_faces", (5000, 100, 200, 100)),
        ("iwae_mnist", (5000, 100, 0, 100)),
        *((name, (2000, 100, 100, 50)) for name in ("planar_mnist", "householder_mnist", "nice_mnist", "maf_prior_mnist")),
        ("gmmp_digits", (400, 57, 50, 100)),
    ],
)
def test_presets_follow_the_protocol_of_their_paper(name, settings, digits):
    from training.presets import PRESETS

    made = PRESETS[name].build(digits)
    assert (made.epochs, made.batch_size, made.warm_up, made.patience) == settings


BY_GLOROT = ("vae", "learned_prior", "mog_prior", "vamp", "cp_vae", "hvae", "hvamp")


@pytest.mark.parametrize(
    ("name", "flags"),
    [(name, {}) for name in (*BY_GLOROT, "gmmp", "iwae", "hiwae", "vade", "gmvae")]
    + [("hvae", {"networks": kind}) for kind in ("conv", "pixel")]
    + [("gmmp", {"decoder": kind}) for kind in ("conv", "pixel")],
)
def test_every_kernel_starts_as_init_says(name, flags, digits):
    from training.presets import PRESETS

    starts = lambda layer: getattr(start := layer.kernel_initializer, "initializer", start)  # noqa: E731
    kinds = lambda model: {  # noqa: E731
        type(starts(layer)).__name__ for layer in model._flatten_layers() if hasattr(getattr(layer, "kernel_initializer", ""), "get_config")
    }
    preset, glorot = PRESETS[f"{name}_mnist"], "glorot" if name in BY_GLOROT else "he"
    built = {init: kinds(preset.build(digits, **flags, init=init).model) for init in ("he", "glorot")}
    assert built == {"he": {"HeNormal"}, "glorot": {"GlorotUniform"}}
    if not flags:
        assert kinds(preset.build(digits).model) == built[glorot]
        assert kinds(PRESETS[f"{name}_digits"].build(digits).model) == built["he"]
    with pytest.raises(ValueError, match="Expected --init"):
        preset.build(digits, **flags, init="xavier")


def copy_of(whole, tmp_path):
    import shutil

    return shutil.copytree(whole[0], tmp_path / "copy")


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_truncated_checkpoint_and_model_are_named(main, whole, tmp_path, capsys, training_alone):
    folder = copy_of(whole, tmp_path)
    truncate(checkpoints(folder)[-1])
    status, err = main(*QUICK, "--epochs", 61, "--run-dir", folder, "--resume")
    assert status == 1
    assert "to be a whole checkpoint" in err
    truncate(folder / "model.keras")
    assert evaluate.main([str(folder)]) == 1
    assert "model.keras to be a whole Keras model" in capsys.readouterr().err


def test_truncated_best_weights_are_named(main, whole, tmp_path, training_alone):
    folder = copy_of(whole, tmp_path)
    truncate(next((folder / "checkpoint").glob("best-*")))
    status, err = main(*QUICK, "--epochs", 61, "--run-dir", folder, "--resume")
    assert status == 1
    assert "to be a whole checkpoint" in err


def test_loss_that_is_no_number_stops_the_run(main, digits, tmp_path, training_alone, without_xla):
    folder = tmp_path / "diverged"
    status, err = main("vae_digits", "--learning-rate", 1e30, "--run-dir", folder, "--dump-bad-batch")
    assert status == 1
    found = re.search(r"finite loss: lower the learning rate, .* from step (\d+) of epoch 1 on$", err.splitlines()[-1])
    assert not (folder / "model.keras").exists()
    assert checkpoints(folder) == []
    bad = np.load(folder / "bad_batch.npz")
    assert (bad["epoch"], bad["step"]) == (1, int(found[1]))
    batch_size = json.loads((folder / "config.json").read_text())["batch_size"]
    batches = list(digits.batches(batch_size, supports.BINARY, 0).take(int(found[1])).as_numpy_iterator())
    np.testing.assert_array_equal(bad["x"], batches[-1])
