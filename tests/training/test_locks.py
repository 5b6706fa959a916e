"""One process at a time works in a run folder, whatever its command; who it is, and what to do if it has ended, is said."""

import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from export.storage import locks
from export.storage.locks import HeldError, holder, locked, locked_for
from tests.training.test_run import ROOT
from training.jobs import train

HOLD = "import sys, time; from export.storage.locks import locked\nwith locked(sys.argv[1]): print('has it', flush=True); time.sleep(60)"
COUNT = """
import fcntl, os, sys
from export.storage import locks
def absent(*arguments): raise OSError("as on some network file systems")
if sys.argv[2] == "False": fcntl.flock = absent
if sys.argv[3] == "False": os.link = absent
for _ in range(25):
    with locks.locked(sys.argv[1], waits=True):
        path = sys.argv[1] + "/count"
        text = open(path).read()
        open(path, "w").write(str(int(text) + 1))
"""


@pytest.fixture
def other(tmp_path):
    """Another process, which works in a folder."""
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "has it\n"
        yield folder, process
        process.kill()


@pytest.fixture(params=[True, False], ids=["flock", "no-flock"])
def has_flock(request, monkeypatch):
    """Whether the file system has the operating system's locks."""

    def absent(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    if not request.param:
        monkeypatch.setattr(fcntl, "flock", absent)
    return request.param


def ended():
    """Returns the number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("command", ["train", "evaluate", "pictures", "export"])
def test_every_command_that_writes_names_who_is_at_work(command, other, monkeypatch, capsys):
    import export.__main__
    from training import evaluate, pictures
    from training import train as train_command

    folder, process = other
    for job in ("evaluate", "pictures"):
        monkeypatch.setattr(f"training.jobs.{job}.open_run", lambda *arguments: (None, None))
    monkeypatch.setattr("export.artifact.load_model", lambda path: None)
    monkeypatch.setattr("export.artifact.model_file", lambda run: run / "model.keras")
    commands = {
        "train": lambda: train_command.main(["vae_digits", "--latent-dim", "2", "--resume", "--run-dir", str(folder)]),
        "evaluate": lambda: evaluate.main([str(folder)]),
        "pictures": lambda: pictures.main([str(folder), "--what", "samples"]),
        "export": lambda: export.__main__.main([str(folder)]),
    }
    before = sorted(folder.rglob("*"))
    capsys.readouterr()
    assert commands[command]() == 1
    expected = (
        rf"error: Expected no other process at work in .*run\. Received: process {process.pid} on {socket.gethostname()} since 2\d{{3}}-"
    )
    assert re.match(expected, capsys.readouterr().err)
    assert sorted(folder.rglob("*")) == before


def test_what_is_written_elsewhere_needs_no_lock(other, tmp_path):
    folder, _ = other
    with locked_for(folder, tmp_path / "elsewhere.png"):
        assert holder(folder) is not None


def test_of_several_workers_the_chief_alone_has_the_lock(other, monkeypatch):
    folder, _ = other
    monkeypatch.setattr("training.distributed.cluster.is_chief", lambda strategy: False)
    monkeypatch.setattr(train, "fit", lambda *arguments: None)
    assert train.train(["vae_digits", "--latent-dim", "2", "--resume", "--run-dir", str(folder)]) == folder


def test_who_is_at_work_keeps_others_out(has_flock, other):
    folder, process = other
    with pytest.raises(HeldError, match=f"Received: process {process.pid} on "), locked(folder):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(folder):
        assert holder(folder).startswith(f"process {os.getpid()} on ")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("text", ["", "process {ended} on {host}\n", "process {ended} on {host} since 2026-01-01 00:00:00+00:00\n"])
def test_what_a_dead_process_left_is_taken_over(text, has_flock, tmp_path):
    (tmp_path / ".lock").write_text(text.format(ended=ended(), host=socket.gethostname()))
    os.utime(tmp_path / ".lock", (0, 0))
    assert holder(tmp_path) is None
    with locked(tmp_path):
        assert holder(tmp_path).startswith(f"process {os.getpid()} on {socket.gethostname()} since 2")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_being_made_is_left_to_its_maker(has_flock, tmp_path):
    """On a file system without links it is empty for a moment."""
    (tmp_path / ".lock").touch()
    with pytest.raises(HeldError, match="no other process at work"), locked(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text() == ""


def test_a_process_of_another_host_is_named_with_the_remedy(has_flock, tmp_path):
    lock = tmp_path / ".lock"
    lock.write_text(f"process {ended()} on far.away since 2026-01-01 00:00:00+00:00\n")
    with pytest.raises(HeldError) as caught, locked(tmp_path):
        pass
    assert f", or {lock} deleted if that one has ended" in str(caught.value)
    assert str(caught.value).endswith(" on far.away since 2026-01-01 00:00:00+00:00")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    lock.unlink()
    with locked(tmp_path):
        assert holder(tmp_path).startswith(f"process {os.getpid()} on ")


def test_a_lock_that_was_deleted_and_taken_again_is_not_given_back(tmp_path):
    with locked(tmp_path):
        (tmp_path / ".lock").unlink()
        (tmp_path / ".lock").write_text("process 5 on far.away since 2026-01-01 00:00:00+00:00\n")
    assert holder(tmp_path).startswith("process 5 on far.away")


def test_a_process_that_has_the_lock_is_not_kept_out(tmp_path):
    with locked(tmp_path), locked(tmp_path / "." / ""):
        assert tmp_path.resolve() / ".lock" in locks.OWN
    assert holder(tmp_path) is None


@pytest.mark.parametrize(("flock", "link"), [(True, True), (False, True), (True, False)])
def test_one_at_a_time(flock, link, tmp_path):
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNT, tmp_path, str(flock), str(link)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "100"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]
