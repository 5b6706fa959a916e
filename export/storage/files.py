"""Files that are written whole or not at all: JSON and tables of numbers of a run folder, and what is kept between runs."""

import contextlib
import csv
import errno
import glob
import json
import os
import shutil
from pathlib import Path

from export.storage.contents import ROW, SETTINGS, shown

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def cache_root(cache=None):
    """Returns the folder of what is kept between runs: `cache`, or for None `$VAEMIX_CACHE` or `~/.cache/keras_vaemix`."""
    return Path(cache or os.environ.get("VAEMIX_CACHE") or "~/.cache/keras_vaemix").expanduser()


def runs_root(runs=None):
    """Returns the folder of the runs of tables: `runs`, or for None `$VAEMIX_RUNS` or `runs` in the `cache_root`."""
    return Path(runs or os.environ.get("VAEMIX_RUNS") or cache_root() / "runs").expanduser()


@contextlib.contextmanager
def atomically(path):
    """Gives a temporary path beside `path` that takes its place when the block ends well, and is removed when it does not.

    What it holds is on the disk before it takes the place. Temporary files that killed processes left of the same file are removed.
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
    """Returns the path, beside `path`, where this process writes what will take its place."""
    return path.with_name(f".{os.getpid()}-{path.name}")


def leftovers(path):
    """Returns the files and folders that killed processes left beside `path`: those of processes that run are none."""
    candidates = {other: other.name[1:].partition("-")[0] for other in path.parent.glob(f".*-{glob.escape(path.name)}")}
    return sorted(other for other, number in candidates.items() if number.isdecimal() and not is_running(int(number)))


def remove_leftovers(path):
    for leftover in leftovers(path):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def is_running(process):
    """Returns whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sync(path):
    """Returns once a file is on the disk, so that a machine that stops finds it whole or the one before."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(path, num_bytes):
    """Raises the `OSError` of a disk without room for a file of so many bytes before it is written: HDF5 crashes Python over it later."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, num_bytes)


def is_full(error):
    """Returns whether an error of Python, HDF5 or TensorFlow, or what it came from, is that a disk has no room."""
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(os.strerror(number) in str(error) for number in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def first_line(error):
    """Returns the first line of an error's text, or its kind where it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextlib.contextmanager
def room_in(folder, remedy):
    """Raises an `OSError` that names the folder for whatever error the block ends with because the disk has no room."""
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
        raise FileNotFoundError(
            f"Expected a run folder with {Path(path).name}. Received: {Path(path).parent}, where there is none"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected {path} to hold JSON. Received: {error}") from None


def read_config(path, *needed):
    """Returns what the config.json of a run folder holds; raises `ValueError` unless it is one, with what is needed beside."""
    return SETTINGS.needing(*needed).check(path, read_json(path))


def read_rows(path, contents=ROW):
    """Returns the list that a file of results holds; raises `ValueError` unless it is one of such contents."""
    rows = read_json(path)
    if not isinstance(rows, list):
        raise ValueError(f"Expected {path} to hold {contents.what}, a list. Received: {shown(rows)}")
    return [contents.check(path, row) for row in rows]


def read_history(path, *columns):
    """Returns the rows of a history file, exactly as they were written; raises `ValueError` for anything else, or without a column."""
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
