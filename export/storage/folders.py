"""A folder that takes another's place in one step, so that there is always a whole one."""

import contextlib
import ctypes
import os
import shutil
from pathlib import Path

from export.storage.files import leftovers, remove_leftovers, sync, temporary_of

HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)


@contextlib.contextmanager
def folder_atomically(path):
    """Gives a new folder beside `path` that takes its place when the block ends well, and is removed when it does not.

    Where `path` is a link its target is replaced: who reads the target, and who reads through the link, find the new folder.
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
    """Puts the folder `new` in the place of `old`, in one step where the system can; see `recover` for where it cannot."""
    if not old.exists():
        os.rename(new, old)
    elif not exchange(new, old):
        retired = temporary_of(retired_of(old))
        os.rename(old, retired)
        os.rename(new, old)
        shutil.rmtree(retired, ignore_errors=True)


def exchange(one, other):
    """Swaps two folders in one step and returns whether the system could: Linux, on most file systems."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0


def recover(path):
    """Puts back a folder that was killed out of its place between two renames, and removes what else killed processes left."""
    retired = leftovers(retired_of(path))
    if retired and not path.exists():
        os.rename(retired[-1], path)
    remove_leftovers(path)


def retired_of(path):
    """Returns the path for which an old folder that is put aside is a temporary one."""
    return path.with_name(f"retired-{path.name}")
