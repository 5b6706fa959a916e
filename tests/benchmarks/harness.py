"""One process for each cell of a table: all are started and warmed up, then measured in turns, one at a time."""

import argparse
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

from export.storage.files import portable

PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "onnxruntime", "torch", "pythae", "clustpy", "scikit-learn", "numpy")


def parser(module, description, repetitions=5):
    """Returns a parser with the flags of every benchmark, for `parse`."""
    made = plain_parser(module, description)
    made.add_argument("--repetitions", type=multiple_of(1), default=repetitions, help="turns of each cell, the best of which counts")
    return made


def plain_parser(module, description):
    """Returns a parser with the flags of benchmarks that are not measured in turns, for `parse`."""
    made = argparse.ArgumentParser(f"python -m tests.benchmarks.{module}", description=description.splitlines()[0])
    made.add_argument(
        "--cores", type=multiple_of(1), help="number of cores to use: PyTorch's threads wait for each other if cores are shared"
    )
    made.add_argument("--out", help="JSON file for the figures, with the command, the versions and the machine")
    return made


def add_data_dir(made):
    made.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA"), help="folder with mnist.npz (default: TensorFlow Datasets)")


def add_steps(made, default, multiple=1):
    also = f", a multiple of {multiple}" if multiple > 1 else ""
    made.add_argument("--steps", type=multiple_of(multiple), default=default, help=f"steps per turn{also}")


def multiple_of(base):
    """Returns the type of an argument that is a positive multiple of a number."""

    def value(text):
        if not text.isdecimal() or int(text) < 1 or int(text) % base:
            raise argparse.ArgumentTypeError(f"Expected a positive number, a multiple of {base}. Received: {text}")
        return int(text)

    return value


def parse(made, argv, rivals=()):
    """Returns the arguments, `command` among them, and restricts the process to the requested cores; exits if a rival is not installed."""
    args = made.parse_args(argv)
    absent = [name for name in rivals if importlib.util.find_spec(name) is None]
    if absent:
        expected = f"Expected {' and '.join(rivals)}: pip install -r requirements-bench.txt"
        made.exit(2, f"error: {expected}. Received: no {' and no '.join(absent)}\n")
    if args.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.cores :])
    args.command = " ".join([made.prog, *(sys.argv[1:] if argv is None else argv)])
    return args


class Stopwatch:
    """A cell's end of the pipe: `with stopwatch:` waits for the cell's turn and times what is inside.

    Attributes:
        value: What to report besides the seconds, so that no cell can be fast by computing something else.
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
    sys.stdout = sys.stderr  # pythae prints progress; standard output is for the table
    with contextlib.suppress(EOFError):
        cell(Stopwatch(connection), *args)


@contextlib.contextmanager
def started(cell, args):
    """Yields the pipe to a process that runs a cell, which has warmed up when it first answers."""
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
        repetitions: Number of turns of each cell.
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


def best_of(turns):
    """Returns the seconds of the best turn of each cell."""
    return {cell: min(seconds for seconds, _ in of_cell) for cell, of_cell in turns.items()}


def recorded(turns):
    """Returns the turns of every cell as a record."""
    return [{"cell": list(cell), "seconds": [s for s, _ in t], "values": [v for _, v in t]} for cell, t in turns.items()]


def cores():
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def use_cores():
    """Gives PyTorch as many threads as TensorFlow uses."""
    import torch

    torch.set_num_threads(cores())


def peak_memory():
    """Returns the peak resident memory of this process, which runs a single cell, in MiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def processor():
    """Returns the name of the processor."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return platform.machine()


def system():
    """Returns the operating system with its release, without what its builder adds to it, and the architecture."""
    return " ".join([platform.system(), platform.release().partition("-")[0], platform.machine()])


def report(command, lines, results, out):
    """Prints the table, and writes it as `write` does."""
    print("\n".join(lines))
    write(command, lines, results, out)


def write(command, lines, results, out):
    """Writes the table with everything needed to measure it again to the file `out`, if any."""
    if out:
        installed = {distribution.name for distribution in metadata.distributions()}
        versions = {package: metadata.version(package) for package in PACKAGES if package in installed}
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        machine = {"cores": cores(), "processor": processor(), "system": system()}
        record = {"command": portable(command), "date": when, "machine": machine, "versions": versions, "results": results, "table": lines}
        Path(out).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
