"""Trains every kind of model on two workers, and on two replicas of one process, and prints their differences as JSON.

    python -m tests.checks.worker_equality

The output is {preset: difference}: the largest difference of a figure of the history or of a saved weight, relative to one, or to the
largest value if that is larger, after three epochs of the whole command.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np

from export.shell.later import load
from tests.checks.kills import RUNS, contents, start, wait, write_data

WORKERS = 2


def configs():
    """Returns the TF_CONFIG of each worker, on free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(WORKERS)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}} for i in range(WORKERS)]


def two_devices():
    """Gives this process two devices, before TensorFlow computes anything."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * WORKERS)


def finished(*processes, log):
    """Waits for processes; raises `RuntimeError` with what they printed unless all succeeded."""
    statuses = [wait(process, 600) for process in processes]
    if any(statuses):
        raise RuntimeError(Path(log).read_text())


def difference(preset):
    """Trains a preset both ways and returns the largest difference."""
    flags = [] if "--batch-size" in RUNS[preset] else ["--batch-size", "56"]
    one, many = (Path(f"{preset}-{name}").absolute() for name in ("one", "many"))
    finished(start(preset, one, *flags, "--strategy", "mirrored", prepare=two_devices), log=f"{one}.log")
    join = [lambda config=config: os.environ.update(TF_CONFIG=json.dumps(config)) for config in configs()]
    finished(*(start(preset, many, *flags, "--strategy", "multiworker", prepare=own) for own in join), log=f"{many}.log")
    return max(relative(a, b) for a, b in zip(figures(one), figures(many), strict=True))


def figures(folder):
    """Returns every figure of the history and every saved weight of a run."""
    found = contents(folder)
    return [
        *(np.array(list(row.values())) for row in found["history.csv"]),
        *(found["model.keras"][name] for name in sorted(found["model.keras"])),
    ]


def relative(a, b):
    """Returns the largest difference of two arrays, relative to one, or to the largest value of the second if that is larger."""
    return float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b)))) if np.size(b) else 0.0


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.checks.worker_equality", description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=list(RUNS), choices=RUNS, metavar="PRESET", help="presets (default: all)")
    args = parser.parse_args(argv)
    load("keras_vaemix")
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["VAEMIX_CACHE"] = folder
        write_data()
        for preset in args.presets:
            report[preset] = difference(preset)
            print(json.dumps({preset: report[preset]}), file=sys.stderr, flush=True)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    sys.exit(main())
