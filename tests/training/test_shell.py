"""Every command line answers what needs no work without TensorFlow: help, lists, and flags that are refused."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from export.shell import later
from export.shell.command import Command
from tests.training.test_run import ROOT

ANSWERED = {  # arguments that each command answers by itself; all of them refuse an unknown flag
    "training.train": [["--list"], ["cp_vae_digits", "--help"], ["vae_digit"], ["vae_digits", "--epochs", "0"]],
    "training.evaluate": [["--help"], ["run", "--num-samples", "0"]],
    "training.pictures": [["--help"], ["run", "--what", "samples", "--attribute", "1"]],
    "training.record": [["--help"], ["run", "table", "--verdict", "good"]],
    "training.reproduce": [["--help"], ["--list"], ["mog_toy", "--status"], ["mog_toy", "--rows", "blue"]],
    "training.scaling": [["--help"], ["blue"]],
    "training.service": [["--help"], ["--port", "0"]],
    "training.slurm": [["--help"]],
    "training.tables": [["--help"]],
    "training.release": [["--help"], ["run", "--bits", "0"]],
    "training.findings.annealed": [["--help"], ["run", "--chains", "0"]],
    "export.__main__": [
        ["--help"],
        ["run", "--format", "tflite"],
        ["run", "--layout", "zip"],
        ["run", "--format", "saved_model", "--precision", "int8"],
        ["run", "--layout", "package", "--precision", "int8"],
    ],
    "export.sample": [["--help"], ["artifact", "--out", "samples.gif"]],
    "export.serve": [["--help"], ["artifact", "--port", "x"], ["artifact", "--max-rows", "0"]],
}
PROGRAM = """
import importlib, json, sys
main = importlib.import_module(sys.argv[1]).main
for arguments in json.loads(sys.argv[2]):
    try:
        print(main(arguments), file=sys.stderr)
    except SystemExit as stop:
        print(stop.code, file=sys.stderr)
print(sorted({"tensorflow", "keras", "keras_vaemix", "tensorflow_probability"} & set(sys.modules)), file=sys.stderr)
"""


def test_output_that_nobody_reads_ends_a_command_quietly():
    """As that of `training.reproduce --list | head` once `head` has ended."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "training.reproduce", "--list"]
    result = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.parametrize("command", ANSWERED)
def test_what_needs_no_work_is_answered_without_tensorflow(command, tmp_path):
    asked = [*ANSWERED[command], ["--blue"]]
    environment = {"VAEMIX_RUNS": str(tmp_path), "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, command, json.dumps(asked)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    is_answered = [bool({"--help", "--list", "--status"} & set(arguments)) for arguments in asked]
    expected = [line for answered in is_answered for line in (["0"] if answered else ["error: Expected", "1"])]
    *lines, loaded = result.stderr.splitlines()
    assert [line[: len("error: Expected")] for line in lines] == expected
    assert loaded == "[]"
    assert not list(tmp_path.iterdir())


def test_a_later_module_is_the_module():
    json_later = later.Later("json")
    assert json_later.loads is json.loads
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'blue'"):
        _ = json_later.blue


def test_a_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch, capfd):
    (tmp_path / "broken_part.py").write_text("import os\nos.write(2, b'a notice')\nraise ValueError('broken')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="broken"):
        _ = later.Later("broken_part").anything
    assert capfd.readouterr().err == ""


def raising(error):
    """Returns a job that raises an error."""

    def job(asked):
        raise error

    return job


@pytest.mark.parametrize(
    "error", [ValueError("why"), OSError("why"), FloatingPointError("why"), MemoryError("why"), OSError(errno.ENOSPC, "why")]
)
def test_errors_are_one_line_and_a_status(error, capsys):
    for command in (Command(list, raising(error)), Command(raising(error), list)):
        assert command(["a"]) == 1
        assert capsys.readouterr().err == f"error: {error}\n"


def test_faults_are_raised():
    with pytest.raises(TypeError, match="ours"):
        Command(list, raising(TypeError("ours")), lambda asked, signals: 5)([])


def test_the_status_is_that_of_the_job():
    asked = []
    assert Command(lambda argv: argv, asked.append)(["a", "b"]) == 0
    assert asked == [["a", "b"]]
    assert Command(lambda argv: argv, len)(["a", "b"]) == 2
    assert Command(lambda argv: None, raising(TypeError("never")))([]) == 0


def test_what_ended_a_job_decides_what_is_said(capsys):
    def interrupted(asked, signals):
        print(asked, signals.is_time_up)
        return signals.status

    def job(asked):
        signal.pause()

    assert Command(list, raising(KeyboardInterrupt), interrupted)("a") == 130
    assert Command(list, job, interrupted, lambda asked: 0.01)("b") == 128 + signal.SIGALRM
    assert capsys.readouterr().out == "['a'] False\n['b'] True\n"
    with pytest.raises(KeyboardInterrupt):
        Command(list, raising(KeyboardInterrupt))([])
