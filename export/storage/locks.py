"""Locks on folders: one process at a time works in each, also on file systems shared between hosts."""

import contextlib
import datetime
import fcntl
import os
import socket
import time
from pathlib import Path

from export.storage.files import is_running

POLL_SECONDS = 0.2
MAKING_SECONDS = 10.0  # age at which a lock without text must be that of a killed process
OWN = set()  # the locks that this process holds


class HeldError(OSError):
    """Another process works in the folder."""


@contextlib.contextmanager
def locked(folder, waits=False):
    """Holds the lock on a folder, which is created if necessary; `.lock` in it names the process, its host and the starting time.

    The file is created by linking, at which only one process can succeed, also on network file systems, where locks of the operating
    system may work within one host only. Such a lock is held as well, because it ends with its holder: it tells the next process on the
    same host that a holder has been killed, so that it can take over the folder. Whether a holder on another host has ended cannot be
    known here: the error says what to delete if it has. Hosts are distinguished by their names.

    A process that holds the lock already may enter again.

    Args:
        folder: The folder.
        waits: Whether to wait for another holder.

    Raises:
        HeldError: Another process has the lock, and `waits` is false.
    """
    path = Path(folder).resolve() / ".lock"
    if path in OWN:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with own_file(path) as (file, own):
        while not take(own, path):
            if not waits:
                raise HeldError(held(folder))
            time.sleep(POLL_SECONDS)
        OWN.add(path)
        try:
            yield
        finally:
            OWN.discard(path)
            if is_same(file, path):
                path.unlink()


def locked_for(run, out):
    """Returns a context that holds the lock on a run folder if the output `out` lies in it."""
    return locked(run) if Path(out).resolve().is_relative_to(Path(run).resolve()) else contextlib.nullcontext()


@contextlib.contextmanager
def own_file(path):
    """Yields an open file next to `path` that names this process, and its path, while holding the operating system's lock on it."""
    own = path.with_name(f".{socket.gethostname()}-{os.getpid()}{path.name}")
    try:
        with open(own, "w") as file:
            with contextlib.suppress(OSError):  # on a file system without such locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            since = datetime.datetime.now(datetime.UTC).isoformat(" ", "seconds")
            print(f"process {os.getpid()} on {socket.gethostname()} since {since}", file=file, flush=True)
            os.fsync(file.fileno())
            yield file, own
    finally:
        own.unlink(missing_ok=True)


def take(own, path):
    """Makes the file `own` the lock `path` if there is none or its holder has ended, and returns whether it did."""
    try:
        move(own, path)
        return True
    except FileExistsError:
        pass
    try:
        with open(path, "r+") as file:
            if not has_ended(file):
                return False
            if is_same(file, path):
                os.replace(own, path)
                return True
    except FileNotFoundError:
        pass
    return take(own, path)  # the lock was released or taken over in the meantime


def move(own, path):
    """Renames the file `own` to `path`; raises `FileExistsError` if `path` exists."""
    try:
        os.link(own, path)
    except FileExistsError:
        if os.stat(own).st_nlink == 1:  # else it succeeded, and the network file system's reply was lost
            raise
    except OSError:  # a file system without links
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.replace(own, path)
    else:
        own.unlink()


def has_ended(file):
    """Returns whether the holder of an open lock has ended; if so, this process then holds the operating system's lock on the file.

    On a file system without such locks, a process counts as ended if no process on its host has its number.
    """
    text = file.read()
    if not text and time.time() - os.fstat(file.fileno()).st_mtime < MAKING_SECONDS:
        return False  # it is being created, on a file system without links
    number, host = named(text)
    is_here = not text or host == socket.gethostname()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return is_here and not is_number_running(number)
    return is_here


def named(text):
    """Returns the number and the host of the process named in the text of a lock."""
    number, _, host = text.strip().partition(" since ")[0].removeprefix("process ").partition(" on ")
    return number, host


def is_number_running(number):
    return number.isdecimal() and is_running(int(number))


def is_same(file, path):
    """Returns whether an open file is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def holder(folder):
    """Returns "process N on HOST since WHEN" for the holder of a folder's lock, or None if there is none or it has ended on this host.

    A process on another host, or one whose number has been reused, counts as the holder.
    """
    try:
        text = (Path(folder) / ".lock").read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
    number, host = named(text)
    is_over = host == socket.gethostname() and not is_number_running(number)
    return None if is_over else text or None


def held(folder):
    """Returns the error message for a folder that another process holds."""
    name = holder(folder)
    is_here = name is None or named(name)[1] == socket.gethostname()
    remedy = "" if is_here else f", or {Path(folder) / '.lock'} deleted if that one has ended, which cannot be known on this host"
    return f"Expected no other process at work in {folder}{remedy}. Received: {name or 'one'}"
