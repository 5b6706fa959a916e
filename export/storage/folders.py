"""Replacement of a folder by another in one step, so that there is always a complete one."""

import contextlib
import ctypes
import os
import shutil
from pathlib import Path

from export.storage.files import leftovers, remove_leftovers, sync, temporary_of

HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)


@contextlib.contextmanager
def folder_atomically(path):
    """Yields a new folder next to `path` that replaces it if the block succeeds, and is removed if it does not.

    If `path` is a link, its target is replaced, so that the new folder is found under both names.
    """
    path = Path(path).resolve()
    recover(path)
    unfinished = temporary_of(path)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        for file in unfinished.rglob("*"):
            sync(file)
        replace_folder(unfinished, path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def replace_folder(new, old):
    """Replaces the folder `old` by `new`, in one step if the system can; for other systems see `recover`."""
    if not old.exists():
        os.rename(new, old)
    elif not exchange(new, old):
        retired = temporary_of(retired_of(old))
        os.rename(old, retired)
        os.rename(new, old)
        shutil.rmtree(retired, ignore_errors=True)


def exchange(one, other):
    """Swaps two folders in one step if the system can (Linux, on most file systems), and returns whether it did."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0


def recover(path):
    """Restores a folder if a process was killed between two renames, and removes whatever else killed processes left."""
    retired = leftovers(retired_of(path))
    if retired and not path.exists():
        os.rename(retired[-1], path)
    remove_leftovers(path)


def retired_of(path):
    """Returns the path from which the temporary name of a retired folder is made."""
    return path.with_name(f"retired-{path.name}")
