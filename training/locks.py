"""Locks of folders: one process at a time works in each."""

import contextlib
import fcntl
import os
import socket
from pathlib import Path

from training.files import is_running


class HeldError(OSError):
    """A folder that another process works in."""


@contextlib.contextmanager
def locked(folder, waits=False):
    """Holds the lock of a folder, which is made if need be; `.lock` in it names the process and its host.

    The lock is the operating system's, of that file: it ends with its holder, however that ends.

    Args:
        folder: The folder.
        waits: Whether to wait for another holder.

    Raises:
        HeldError: Another process has the lock, and `waits` is false.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / ".lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise HeldError(f"Expected no other process at work in {folder}. Received: {holder(folder) or 'one'}") from None
        file.truncate(0)
        print(f"process {os.getpid()} on {socket.gethostname()}", file=file, flush=True)
        try:
            yield
        finally:
            file.truncate(0)


def holder(folder):
    """Returns "process N on HOST" of the holder of a folder's lock, or None where there is none, or one of this host that has ended.

    A process of another host, or one whose number another process has by now, is taken for the holder.
    """
    try:
        text = (Path(folder) / ".lock").read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
    number, _, host = text.removeprefix("process ").partition(" on ")
    is_over = host == socket.gethostname() and not (number.isdecimal() and is_running(int(number)))
    return None if is_over else text or None
