"""Files that are written completely or not at all: the JSON and tables of a run folder, and what is cached between runs."""

import contextlib
import csv
import errno
import glob
import json
import os
import re
import shutil
from pathlib import Path

from export.storage.contents import ROW, SETTINGS, shown

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cache_root(cache=None):
    """Returns the folder that is cached between runs: `cache`, or if None, `$VAEMIX_CACHE` or `~/.cache/keras_vaemix`."""
    return Path(cache or os.environ.get("VAEMIX_CACHE") or "~/.cache/keras_vaemix").expanduser()


def runs_root(runs=None):
    """Returns the folder of runs for the tables: `runs`, or if None, `$VAEMIX_RUNS` or `runs` in the `cache_root`."""
    return Path(runs or os.environ.get("VAEMIX_RUNS") or cache_root() / "runs").expanduser()


@contextlib.contextmanager
def atomically(path):
    """Yields a temporary path next to `path` that replaces it if the block succeeds, and is removed if it does not.

    Its contents are on disk before it replaces `path`. Temporary files that killed processes left for the same file are removed.
    """
    path = Path(path)
    remove_leftovers(path)
    temporary = temporary_of(path)
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_of(path):
    """Returns the path next to `path` where this process writes its replacement."""
    return path.with_name(f".{os.getpid()}-{path.name}")


def leftovers(path):
    """Returns the files and folders that killed processes left next to `path`, not those of running processes."""
    candidates = {other: other.name[1:].partition("-")[0] for other in path.parent.glob(f".*-{glob.escape(path.name)}")}
    return sorted(other for other, number in candidates.items() if number.isdecimal() and not is_running(int(number)))


def remove_leftovers(path):
    for leftover in leftovers(path):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def is_running(process):
    """Returns whether a process with this number is running on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync(path):
    """Flushes a file to disk, so that after a crash of the machine either it or the previous one is complete."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(path, num_bytes):
    """Raises an `OSError` if the disk has no room for a file of `num_bytes`, before writing it, when HDF5 would crash Python."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, num_bytes)


def is_full(error):
    """Returns whether an error of Python, HDF5 or TensorFlow, or one of its causes, means that a disk is full."""
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(os.strerror(number) in str(error) for number in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def first_line(error):
    """Returns the first line of an error's text, or its class if the text is empty."""
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextlib.contextmanager
def room_in(folder, remedy):
    """Raises an `OSError` that names the folder if the block fails in any way because the disk is full."""
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise OSError(f"Expected room on the disk of {folder}: {remedy}. Received: {first_line(error)}") from error


def write_json(path, value):
    with atomically(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path):
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        expected = f"a run folder with {Path(path).name}, such as training.train writes"
        raise FileNotFoundError(f"Expected {expected}. Received: {Path(path).parent}, which has none") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected {path} to hold JSON. Received: {error}") from None


def read_config(path, *needed):
    """Returns the contents of a run folder's config.json; raises `ValueError` unless they are settings that include those needed."""
    return SETTINGS.needing(*needed).check(path, read_json(path))


def portable(command):
    """Returns a command without the flags for paths on one machine, or for a split: what is recorded is evaluated on the test set.

    Of the run that it started from, and of a file of features, the name is left.
    """
    flag, named = "--(data-dir|run-dir|out|split)", "--(?:start-from|features)"
    command = re.sub(rf" {flag}[ =]('[^']*'|\S+)| '{flag}=[^']*'| --resume", "", command)
    command = re.sub(rf"( {named}[ =])[^'\s]*/(?=[^/\s])", r"\1", command)
    return re.sub(rf"( {named}[ =]'| '{named}=)[^']*/(?=[^/'])", r"\1", command)


def without_paths(settings):
    """Returns settings, of any depth, in which a data set has the name of its file instead of its path, and without where it lies."""
    kept = {key: value for key, value in settings.items() if key != "data_source"}
    nested = {key: without_paths(value) for key, value in kept.items() if isinstance(value, dict)}
    return kept | nested | ({"dataset": named(settings["dataset"])} if "dataset" in settings else {})


def named(dataset):
    """Returns a data set such as npz:PATH with the last part of its path."""
    kind, separator, path = dataset.partition(":")
    return kind + separator + Path(path).name


def read_rows(path, contents=ROW):
    """Returns the list that a results file holds; raises `ValueError` unless all its members have these contents."""
    rows = read_json(path)
    if not isinstance(rows, list):
        raise ValueError(f"Expected {path} to hold {contents.what}, a list. Received: {shown(rows)}")
    return [contents.check(path, row) for row in rows]


def read_history(path, *columns):
    """Returns the rows of a history file, exactly as written; raises `ValueError` for anything else, or if a column is missing."""
    if not path.exists():
        return []
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        rows = [{name: int(value) if name == "epoch" else float(value) for name, value in row.items()} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise ValueError(f"Expected {path} to be a table of numbers, a row for each epoch. Received: {error}") from None
    missing = [name for name in columns if rows and name not in rows[0]]
    if missing:
        raise ValueError(f"Expected {path} to have a column {missing[0]}. Received: {', '.join(rows[0])}")
    return rows


def write_history(path, rows):
    with atomically(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
