"""Flags of every command: typed, bounded, and refused with one line before anything is read or written."""

import importlib
import json
import re
from pathlib import Path

import pytest

from export.shell import flags
from training.jobs import flags as training_flags
from training.presets import PRESETS
from training.presets.descriptions import DESCRIPTIONS, description

COMMANDS = {
    "training.train": [],
    "training.evaluate": ["run"],
    "training.pictures": ["run", "--what", "samples"],
    "training.record": ["run", "table"],
    "training.reproduce": ["cp_vae_table1"],
    "training.scaling": [],
    "training.service": [],
    "training.slurm": [],
    "training.findings.annealed": ["run"],
    "training.tables": [],
    "export.__main__": ["run"],
    "export.sample": ["artifact"],
    "export.serve": ["artifact"],
}
WHOLE, SEED = "at least 1", "from 0 to 2147483647"
BAD = [
    ("training.train", "--dataset", "", "not to be empty"),
    ("training.train", "--run-dir", "", "not to be empty"),
    ("training.train", "--data-dir", "", "not to be empty"),
    ("training.train", "--data-service", "", "not to be empty"),
    ("training.train", "--learning-rate", "-1", "above 0"),
    ("training.train", "--learning-rate", "0", "above 0"),
    ("training.train", "--learning-rate", "nan", "above 0"),
    ("training.train", "--learning-rate", "inf", "above 0"),
    ("training.train", "--learning-rate", "fast", "to be a number"),
    ("training.train", "--checkpoint-seconds", "nan", "at least 0"),
    ("training.train", "--checkpoint-seconds", "inf", "at least 0"),
    ("training.train", "--checkpoint-seconds", "-1", "at least 0"),
    ("training.train", "--pretraining", "-1", "at least 0"),
    ("training.train", "--init", "", "not to be empty"),
    ("training.train", "--epochs", "many", "to be an integer"),
    ("training.train", "--epochs", "1.5", "to be an integer"),
    ("training.train", "--image-size", "0", WHOLE),
    ("training.train", "--likelihood-examples", "0", WHOLE),
    ("training.train", "--warm-up", "-1", "at least 0"),
    ("training.train", "--ema-momentum", "1", "from 0 to below 1"),
    ("training.train", "--cosine-decay", "-0.1", "from 0 to below 1"),
    ("training.train", "--importance-samples", "0", WHOLE),
    ("training.train", "--seed", "-1", SEED),
    ("training.train", "--seed", "2147483648", SEED),
    ("training.train", "--seed", "1\n2", "to be an integer"),
    ("training.evaluate", "--num-samples", "0", WHOLE),
    ("training.evaluate", "--likelihood-examples", "-3", WHOLE),
    ("training.evaluate", "--data-dir", "", "not to be empty"),
    ("training.evaluate", "--features", "x.npz", "to be one of auto, none, lenet, inception, values, or FILE.keras"),
    ("training.pictures", "--latents", "-1", "at least 0"),
    ("training.pictures", "--attribute", "", "not to be empty"),
    ("training.pictures", "--out", "", "not to be empty"),
    ("training.record", "--verdict", "", "not to be empty"),
    ("training.reproduce", "--dataset", "", "not to be empty"),
    ("training.reproduce", "--runs", "", "not to be empty"),
    ("training.reproduce", "--out", "", "not to be empty"),
    ("training.reproduce", "--rows", "", "not to be empty"),
    ("training.reproduce", "--seeds", "-1", SEED),
    ("training.reproduce", "--warm-up", "-1", "at least 0"),
    ("training.reproduce", "--likelihood-examples", "0", WHOLE),
    ("training.scaling", "--speedup", "nan", "above 0"),
    ("training.scaling", "--step-seconds", "0", "above 0"),
    ("training.service", "--port", "0", "from 1 to 65535"),
    ("training.service", "--port", "65536", "from 1 to 65535"),
    ("export.__main__", "--out", "", "not to be empty"),
    ("export.__main__", "--format", "", "not to be empty"),
    ("export.sample", "--seed", "-1", SEED),
    ("export.sample", "--num", "few", "to be an integer"),
    ("export.sample", "--out", "", "not to be empty"),
]


def refused(command, arguments, tmp_path, monkeypatch, capsys):
    """Returns the one line with which a command refuses its arguments, in an empty folder that stays empty."""
    monkeypatch.chdir(tmp_path)
    assert importlib.import_module(command).main(arguments) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[-1:]) == ("", 1, "\n")
    assert not list(tmp_path.iterdir())
    return err


@pytest.mark.parametrize(("command", "flag", "value", "message"), BAD)
def test_a_bad_value_is_one_line(command, flag, value, message, tmp_path, monkeypatch, capsys):
    values = [value, value] if flag == "--latents" else [value]
    first = values[0] if values[0].isprintable() and value else repr(value)
    err = refused(command, [*COMMANDS[command], flag, *values], tmp_path, monkeypatch, capsys)
    assert err.startswith(f"error: Expected {flag} ")
    assert err.endswith(f"{message}. Received: {first}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_flag_is_one_line(command, tmp_path, monkeypatch, capsys):
    err = refused(command, [*COMMANDS[command], "--blue\n"], tmp_path, monkeypatch, capsys)
    assert err.startswith("error: Expected the flags of python -m ")
    assert "unrecognized arguments: --blue" in err


@pytest.mark.parametrize("command", ["training.evaluate", "training.pictures", "export.__main__", "export.sample"])
def test_an_empty_folder_name_is_one_line(command, tmp_path, monkeypatch, capsys):
    err = refused(command, ["", *COMMANDS[command][1:]], tmp_path, monkeypatch, capsys)
    assert err.endswith("not to be empty. Received: ''\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_writes_nothing(command, monkeypatch, capsys):
    monkeypatch.setattr(Path, "write_text", lambda *arguments: pytest.fail("a file was written"))
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(command).main(["--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m ")


@pytest.mark.parametrize("name", PRESETS)
def test_every_flag_of_a_preset_says_what_it_is(name):
    assert [flag.name for flag in PRESETS[name].flags() if not description(PRESETS[name], flag.name)] == []


def test_every_description_is_of_a_flag():
    described = {f"{preset.function.__name__}.{flag.name}" for preset in PRESETS.values() for flag in preset.flags()}
    assert set(DESCRIPTIONS) <= described | {name.partition(".")[2] for name in described}


@pytest.mark.parametrize("preset", [["cp_vae_digits"], ["gamix_faces"], ["gmmp_mnist"]])
def test_help_shows_kinds_of_values(preset, capsys):
    """And not the names of attributes, which are written like this: OWN_LATENT_DIM."""
    with pytest.raises(SystemExit):
        importlib.import_module("training.train").main([*preset, "--help"])
    shown = capsys.readouterr().out
    assert re.search(r"--latent-dim N +number of latents D", shown)
    assert not re.search(r"[A-Z]+_[A-Z]+", shown.replace("VAEMIX_DATA", ""))


def test_good_values_are_read():
    parser = flags.Parser()
    for name, kind in (
        ("--a", flags.at_least(1)),
        ("--b", flags.positive),
        ("--c", flags.path),
        ("--d", flags.text),
        ("--e", flags.integer),
    ):
        parser.add_argument(name, type=kind)
    args = parser.parse_args(["--a", "1", "--b", "1e-3", "--c", ".", "--d", "z", "--e", "-4"])
    assert vars(args) == {"a": 1, "b": 1e-3, "c": Path(), "d": "z", "e": -4}


def test_presets_are_listed_with_what_was_measured_of_them(tmp_path, monkeypatch, capsys):
    (tmp_path / "benchmarks").mkdir()
    rows = [{"preset": "vae_digits", "weights": 99428, "epochs": 400, "hours": 0.5}]
    (tmp_path / "benchmarks" / "preset_sizes.json").write_text(json.dumps({"results": rows}))
    monkeypatch.setattr(training_flags, "RESULTS", tmp_path)
    assert training_flags.parse(["--list"]) is None
    lines = capsys.readouterr().out.splitlines()
    (at,) = [i for i, line in enumerate(lines) if "weights; " in line]
    assert lines[at - 2].startswith("vae_digits ")
    assert lines[at].strip() == "99,428 weights; at most 400 epochs, on one core 30 min"
