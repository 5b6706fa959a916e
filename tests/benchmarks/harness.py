"""One process for each cell of a table: all are started and warmed up, then measured in turns, one at a time."""

import contextlib
import datetime
import importlib.util
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from importlib import metadata
from pathlib import Path

from training.record import portable

PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "torch", "pythae", "numpy")


class Stopwatch:
    """A cell's end of the pipe: `with stopwatch:` waits for the cell's turn and times what is inside.

    Attributes:
        value: What to report beside the seconds, so that nobody can be fast by computing something else.
    """

    def __init__(self, connection):
        self.connection, self.seconds, self.value = connection, None, None

    def __enter__(self):
        self.connection.send((self.seconds, self.value))
        self.connection.recv()
        self.start = time.perf_counter()

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start


def serve(connection, cell, args):
    """Runs `cell(stopwatch, *args)`, an endless loop, until the other end of the pipe closes."""
    sys.stdout = sys.stderr  # pythae prints as it goes; standard output is for the table
    with contextlib.suppress(EOFError):
        cell(Stopwatch(connection), *args)


@contextlib.contextmanager
def started(cell, args):
    """Gives the pipe to a process that runs a cell, which is warm when it first answers."""
    context = multiprocessing.get_context("spawn")  # TensorFlow and PyTorch do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, cell, args))
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield ours
    finally:
        ours.close()
        process.join(30)
        process.terminate()


def measure(cells, repetitions):
    """Returns the turns of every cell, interleaved: a dict from name to a list of (seconds, value).

    Args:
        cells: Dict from name to (function of a stopwatch and arguments, arguments).
        repetitions: Number of turns of each.
    """
    turns = {name: [] for name in cells}
    with contextlib.ExitStack() as stack:
        pipes = {}
        for name, (cell, args) in cells.items():
            print("warming up", *name, file=sys.stderr)
            pipes[name] = stack.enter_context(started(cell, args))
        for turn in range(repetitions):
            print("measuring, turn", turn + 1, "of", repetitions, file=sys.stderr)
            for name, pipe in pipes.items():
                pipe.send("go")
                turns[name].append(pipe.recv())
                print(*name, f"{turns[name][-1][0]:.3f} s", file=sys.stderr)
    return turns


def cores():
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def use_cores():
    """Gives PyTorch as many threads as TensorFlow takes."""
    import torch

    torch.set_num_threads(cores())


def peak_memory():
    """Returns the peak resident memory of this process, a cell of its own, in MiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def missing():
    """Returns one line that says which rivals are not installed, or None."""
    absent = [name for name in ("torch", "pythae") if importlib.util.find_spec(name) is None]
    if absent:
        return f"error: Expected torch and pythae: pip install -r requirements-bench.txt. Received: no {' and no '.join(absent)}"
    return None


def processor():
    """Returns the name of the processor."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return platform.machine()


def report(command, lines, results, out):
    """Prints the table and writes it with everything needed to measure it again to the file `out`, if any."""
    print("\n".join(lines))
    if out:
        versions = {package: metadata.version(package) for package in PACKAGES if importlib.util.find_spec(package.replace("-", "_"))}
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        machine = {"cores": cores(), "processor": processor(), "system": platform.platform()}
        record = {"command": portable(command), "date": when, "machine": machine, "versions": versions, "results": results, "table": lines}
        Path(out).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
