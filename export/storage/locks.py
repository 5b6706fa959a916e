"""Locks of folders: one process at a time works in each, on file systems that hosts share too."""

import contextlib
import datetime
import fcntl
import os
import socket
import time
from pathlib import Path

from export.storage.files import is_running

POLL_SECONDS = 0.2
MAKING_SECONDS = 10.0  # after which a lock without text is one whose maker has been killed
OWN = set()  # the locks that this process holds


class HeldError(OSError):
    """A folder that another process works in."""


@contextlib.contextmanager
def locked(folder, waits=False):
    """Holds the lock of a folder, which is made if need be; `.lock` in it names the process, its host and since when.

    The file is made by linking, which one process alone succeeds in, on network file systems too; there the locks of the operating
    system may hold for one host only. Such a lock is held in addition, because it ends with its holder: by it the next process of the
    same host knows that a holder has been killed, and takes the folder over. Of a holder on another host nobody here can know whether
    it has ended: the error says what to delete then. Hosts are told apart by their names.

    A process that holds the lock already is not kept from it.

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
    """Returns the context that holds the lock of a run folder where `out`, what is written, lies in it."""
    return locked(run) if Path(out).resolve().is_relative_to(Path(run).resolve()) else contextlib.nullcontext()


@contextlib.contextmanager
def own_file(path):
    """Gives an open file beside `path` that names this process, and its path; the operating system's lock of it is held."""
    own = path.with_name(f".{socket.gethostname()}-{os.getpid()}{path.name}")
    try:
        with open(own, "w") as file:
            with contextlib.suppress(OSError):  # of a file system without such locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            since = datetime.datetime.now(datetime.UTC).isoformat(" ", "seconds")
            print(f"process {os.getpid()} on {socket.gethostname()} since {since}", file=file, flush=True)
            os.fsync(file.fileno())
            yield file, own
    finally:
        own.unlink(missing_ok=True)


def take(own, path):
    """Makes the file `own` the lock `path`, if there is none or its holder has ended, and returns whether it is."""
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
    return take(own, path)  # the lock was given back, or taken over, meanwhile


def move(own, path):
    """Gives the file `own` the name `path`; raises `FileExistsError` where there is one."""
    try:
        os.link(own, path)
    except FileExistsError:
        if os.stat(own).st_nlink == 1:  # else it was done, and the reply of the network file system lost
            raise
    except OSError:  # a file system without links
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.replace(own, path)
    else:
        own.unlink()


def has_ended(file):
    """Returns whether the holder of an open lock has ended; if so, this process has the operating system's lock of the file.

    On a file system without such locks a process has ended when none of its host has its number.
    """
    text = file.read()
    if not text and time.time() - os.fstat(file.fileno()).st_mtime < MAKING_SECONDS:
        return False  # it is being made, on a file system without links
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
    """Returns the number and the host of the process that the text of a lock names."""
    number, _, host = text.strip().partition(" since ")[0].removeprefix("process ").partition(" on ")
    return number, host


def is_number_running(number):
    return number.isdecimal() and is_running(int(number))


def is_same(file, path):
    """Returns whether an open file is still the one of this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def holder(folder):
    """Returns "process N on HOST since WHEN" of the holder of a folder's lock, or None where there is none, or one of this host that ended.

    A process of another host, or one whose number another process has by now, is taken for the holder.
    """
    try:
        text = (Path(folder) / ".lock").read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
    number, host = named(text)
    is_over = host == socket.gethostname() and not is_number_running(number)
    return None if is_over else text or None


def held(folder):
    """Returns what to say of a folder that another process holds."""
    name = holder(folder)
    is_here = name is None or named(name)[1] == socket.gethostname()
    remedy = "" if is_here else f", or {Path(folder) / '.lock'} deleted if that one has ended, which cannot be known on this host"
    return f"Expected no other process at work in {folder}{remedy}. Received: {name or 'one'}"
