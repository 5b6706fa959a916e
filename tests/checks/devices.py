"""Checks TensorFlow itself on a GPU, or on two virtual devices of a CPU where there is none: one command, which resumes.

    python -m tests.checks.devices OUT --minutes 8 [--parts steps mirrored replicas settings calls kills]

Parts, the most valuable first; OUT/PART.json has the result of each of its items, written at once:
steps      a step of each preset family with XLA and without: milliseconds, and the difference of their figures after three steps
mirrored   `fit` on two virtual devices under `MirroredStrategy`, with XLA and without
replicas   how far three steps on two virtual devices are from those on one, as in `tests.checks.replica_equality`
settings   milliseconds of a step, by XLA, in float32, with TF32, in mixed_bfloat16, and with op determinism
calls      milliseconds of a step of `training.train`, with its input, by the number of steps in a call
kills      runs with op determinism, killed and resumed, as in `tests.checks.kills`: whether every bit is that of a run left alone

An item whose process dies or hangs is reported as such, and the next one has a new process.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from export.shell.later import Later, load
from export.storage.files import read_json, write_json

tf, keras, np = Later("tensorflow"), Later("keras"), Later("numpy")
families, kills, replica_equality = (Later(f"tests.{name}") for name in ("families", "checks.kills", "checks.replica_equality"))
device_steps = Later("tests.checks.device_steps")
SETTINGS, CALLS = ("float32", "tf32", "mixed_bfloat16", "deterministic"), ("1", "10", "50", "250")
BEGUN = {"error": "its process did not end"}
KILLED = ("mog_prior_digits", "cp_vae_digits", "flex_ae_mnist", "gamix_faces")


class Part(NamedTuple):
    """A part of the check.

    Attributes:
        items: Function that returns the names of its items.
        measure: Function of such a name that returns its result, a dict.
        limit: Seconds after which an item has failed.
        num_devices: Number of virtual devices into which the first device is split, if there are several.
    """

    items: Callable
    measure: Callable
    limit: float = 120.0
    num_devices: int = 1


def replicas(name):
    """Returns the largest relative difference of a model on two devices from the same on one."""
    return {"difference": replica_equality.differences(replica_equality.MODELS[name], [2])[2]}


def killed(preset):
    """Kills two runs of a preset that has op determinism, and resumes them."""
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # on a GPU it says where CUDA is
    load("keras_vaemix")  # once for all runs
    prepare = lambda: tf.config.experimental.enable_op_determinism()  # noqa: E731
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["VAEMIX_CACHE"] = folder
        kills.write_data()
        return kills.kill(preset, 2, random.Random(0), prepare)


PARTS = {
    "steps": Part(lambda: [*device_steps.rows(), *families.FAMILIES], lambda item: device_steps.with_and_without_xla(item)),
    "mirrored": Part(
        lambda: [f"{name} {how}" for name in ("prior-VampPrior", "autoencoder-flex", "gamix") for how in ("plain", "xla")],
        lambda item: device_steps.mirrored_fit(*item.split()),
        num_devices=2,
    ),
    "replicas": Part(lambda: list(replica_equality.MODELS), replicas, num_devices=2),
    "settings": Part(
        lambda: [f"{row} {setting}" for setting in SETTINGS for row in device_steps.rows()],
        lambda item: device_steps.in_setting(*item.split()),
    ),
    "calls": Part(lambda: list(CALLS), lambda item: device_steps.in_calls(int(item))),
    "kills": Part(lambda: list(KILLED), killed, 300.0),
}


def results(out, part):
    """Returns the results of a part by item."""
    path = out / f"{part}.json"
    return read_json(path) if path.exists() else {}


def work(out, part, items, end):
    """Measures the items of a part that OUT/PART.json lacks, in this process, and marks each one before it begins."""
    path, own = out / f"{part}.json", PARTS[part]
    if own.num_devices > 1:
        replica_equality.split_device(own.num_devices)
    for item in items or own.items():
        found = results(out, part)
        if item in found or time.time() > end:
            continue
        write_json(path, found | {item: BEGUN})
        began = time.monotonic()
        try:
            result = own.measure(item)
        except Exception as error:  # any error is the item's result
            result = {"error": f"{type(error).__name__}: {str(error)[-500:]}"}
        write_json(path, found | {item: result | {"seconds": round(time.monotonic() - began, 1)}})
        print(part, item, result, flush=True)


def supervise(out, part, items, end):
    """Runs a part in a process of its own, and starts it again after an item whose process died or took too long."""
    words, status, before = ["--only", part, "--end", str(end), *(["--items", *items] if items else [])], None, None
    while status != 0 and time.time() < end and before != results(out, part):
        before = seen = results(out, part)
        process, since = subprocess.Popen([sys.executable, "-m", "tests.checks.devices", str(out), *words]), time.monotonic()
        while (status := process.poll()) is None:
            now = results(out, part)
            seen, since = now, since if now == seen else time.monotonic()
            if time.monotonic() > since + PARTS[part].limit or time.time() > end + 5:
                process.kill()
            time.sleep(0.5)
    if time.time() > end:  # the item that was cut off is measured another time
        write_json(out / f"{part}.json", {item: result for item, result in results(out, part).items() if result != BEGUN})


def main(argv=None):
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.checks.devices", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the results")
    parser.add_argument("--minutes", type=float, default=8.0, help="time limit for everything (default: %(default)g)")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help="in this order (default: all)")
    parser.add_argument("--items", nargs="+", default=[], metavar="ITEM", help="items of a single part (default: all)")
    parser.add_argument("--only", choices=PARTS, help=argparse.SUPPRESS)  # what the processes of parts are started with
    parser.add_argument("--end", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    args.out = args.out.absolute()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.only:
        work(args.out, args.only, args.items, args.end)
        return 0
    end = time.time() + 60 * args.minutes
    for part in args.parts:
        supervise(args.out, part, args.items, end)
        found = results(args.out, part)
        print(f"{part}: {len(found)} measured, failed: {[item for item, one in found.items() if 'error' in one]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
