"""Long operations say how far they are, and the evaluation after a training takes little of its time."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import keras_vaemix as vm
from export.storage.files import read_json
from keras_vaemix import evaluation
from keras_vaemix.core.progress import progress
from tests import catalogue
from training import train as command
from training.jobs import evaluate, flags, train

BAR = re.compile(r"(\d+)/(\d+)\x1b\[0m .*")


def bars(text):
    """Returns the titles of bars, with the number of steps that each has counted to."""
    lines = [line for line in text.splitlines() if line.strip()]
    return {lines[i - 1]: BAR.search(line)[2] for i, line in enumerate(lines) if BAR.search(line) and not BAR.search(lines[i - 1])}


def features(images):
    return np.reshape(images, (len(images), -1))[:, :3]


features.name = "pixels"
GREY = {"likelihood": "Normal"}
OPERATIONS = {
    "log_likelihood": (lambda x, v: catalogue.make().log_likelihood(x, 2, 10, verbose=v), ["log-likelihood: 2 samples for each of 30"]),
    "cluster": (lambda x, v: catalogue.cp_vae(vm.ELBO(), 0).cluster(x, batch_size=10, verbose=v), ["components of 30 examples"]),
    "responsibilities": (
        lambda x, v: catalogue.make("NormalMixture").responsibilities(x, batch_size=10, verbose=v),
        ["components of 30 examples"],
    ),
    "fit_prior": (lambda x, v: catalogue.cp_vae(vm.ELBO(), 0).fit_prior(x, verbose=v), ["components of 30 examples"]),
    "fit_prior, codes": (lambda x, v: catalogue.AUTOENCODERS["fitted"]().fit_prior(x, verbose=v), ["codes of 30 examples"]),
    "fit_prior, draws": (
        lambda x, v: catalogue.gamix_vae("FittedMixture").fit_prior(x, verbose=v),
        ["posteriors of 30 examples"],
    ),
    "fit_prior, nothing to fit": (lambda x, v: catalogue.make().fit_prior(x, verbose=v), []),
    "generation": (
        lambda x, v: evaluation.generation_report(catalogue.make(**GREY), x, features, batch_size=10, verbose=v),
        ["features of 30 real images", "features of 30 samples", "features of 30 reconstructions"],
    ),
    "sharpness": (
        lambda x, v: evaluation.sharpness_report(catalogue.make(**GREY), x, batch_size=10, verbose=v),
        ["sharpness of 30 reconstructions", "sharpness of 30 samples"],
    ),
    "autoencoder": (
        lambda x, v: evaluation.autoencoder_report(catalogue.AUTOENCODERS["mmd"](), x, 10, verbose=v),
        ["reconstructions of 30 examples"],
    ),
    "likelihood_report": (
        lambda x, v: evaluation.likelihood_report(catalogue.make(), x, 2, verbose=v),
        ["log-likelihood: 2 samples for each of 30", "ELBO of 30 examples"],
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_long_operations_show_how_far_they_are(name, binary, capsys):
    operation, titles = OPERATIONS[name]
    operation(binary, 0)
    assert capsys.readouterr().out == ""
    operation(binary, 1)
    found = bars(capsys.readouterr().out)
    assert len(found) == len(titles)
    assert all(received.startswith(expected) for received, expected in zip(found, titles, strict=True))


def test_the_time_left_is_estimated_and_shown_at_intervals(capsys, monkeypatch):
    clock = iter(range(10**9, 10**9 + 1000, 10))
    monkeypatch.setattr("time.time", lambda: float(next(clock)))
    assert list(progress(range(9), 1, "a title")) == list(range(9))
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in capsys.readouterr().out.splitlines() if line]
    assert lines[0] == "a title"
    assert [line.split()[0] for line in lines[1:]] == ["1/9", "4/9", "7/9", "9/9"]  # a line every half a minute, and the last
    assert " 50s 10s/batch" in lines[2]


@pytest.mark.parametrize(
    ("num_trained", "num_examples", "num_samples", "expected"),
    [
        (1197, 400, None, (100, 100)),  # an epoch of the digits
        (400 * 1197, 400, None, (1000, 119)),
        (50_000, 10_000, None, (100, 100)),
        (100 * 50_000, 10_000, None, (1000, 1250)),
        (10_000 * 50_000, 10_000, None, (1000, 10_000)),
        (100 * 50_000, 10_000, 5000, (5000, 250)),
        (1197, 30, None, (100, 30)),
    ],
)
def test_an_evaluation_takes_as_much_as_the_training_allows(num_trained, num_examples, num_samples, expected):
    assert evaluate.affordable(num_trained, num_examples, num_samples) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], (1000, 125)),
        (["--full-evaluation"], (5000, None)),
        (["--full-evaluation", "--likelihood-samples", "7"], (7, None)),
        (["--likelihood-samples", "7", "--likelihood-examples", "9"], (7, 9)),
        (["--likelihood-examples", "9"], (1000, 9)),
    ],
)
def test_flags_decide_what_is_evaluated(own, expected, digits):
    args = flags.parse(["vae_digits", *own]).args
    run = SimpleNamespace(history=[None] * -(-500_000 // len(digits.train.x)))
    assert train.likelihood_counts(run, digits, args) == expected


def test_what_was_evaluated_is_written_and_printed(main, without_xla, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("training.jobs.train.check_exportable", lambda model: None)
    monkeypatch.setattr("training.jobs.pictures.draw", lambda *arguments: {})
    monkeypatch.setattr("training.jobs.train.export_model", lambda model, folder: folder)
    monkeypatch.setattr("export.sample.sample", lambda artifact: (np.zeros((1, 8, 8, 1)), None))
    folder = tmp_path / "run"
    assert command.main(["vae_digits", "--latent-dim", "2", "--epochs", "1", "--features", "none", "--run-dir", str(folder)]) == 0
    out, report = capsys.readouterr().out, read_json(folder / "evaluation.json")
    assert (report["num_samples"], report["num_likelihood_examples"], report["num_examples"]) == (100, 100, 400)
    assert "100 of 400 test examples, 100 samples each" in out
    assert "log-likelihood: 100 samples for each of 100 examples" in bars(out)
    assert f"Evaluate as papers do:  python -m training.evaluate {folder}\n" in out
