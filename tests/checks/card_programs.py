"""Makes all that `tests.checks.card` needs: the programs to train, to time, and to compare with the CPU, with their lists.

    VAEMIX_DATA=/DATA python -m tests.checks.card_programs DIR                         what is timed and compared
    VAEMIX_DATA=/DATA python -m tests.checks.card_programs DIR --table gmmp_table1     the rows that the table lacks, too

A program that DIR has is not made again: the same command resumes. Timed programs have the presets' batch, and eight times it; those
that are compared take a few steps of small batches. Faces are random ones.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from export.shell.later import load
from tests.benchmarks.gpu_presets import GPU_PRESETS
from training import reproduce
from training.jobs.queue import is_measured
from training.papers.registry import TABLES
from training.papers.result_rows import known_rows

FACTOR = 8  # of the presets' batch
NUM_IMAGES = 1024  # random faces to train on, two of the largest batches
NUM_STEPS, SMALL = 3, {28: 100, 64: 8, 256: 2}  # of what is compared: steps, and examples in a batch by the side of an image


def write_faces(side):
    """Writes random images of a side into the working folder, and returns the flags of `training.train` for them."""
    path, rng, counts = Path(f"random{side}.npz"), np.random.default_rng(0), {"train": NUM_IMAGES, "validation": 64, "test": 64}
    if not path.exists():
        np.savez(path, **{f"x_{split}": rng.integers(0, 256, (n, side, side, 3), "uint8") for split, n in counts.items()})
    return ["--dataset", f"npz:{path}"]


def of_row(row):
    """Yields, for each program of a row, the list that it is in, its name, and the arguments of `training.train`."""
    ours = GPU_PRESETS[row]
    argv = [*ours.command_line(), *(write_faces(ours.side) if ours.side > 28 else []), "--features", "none"]
    size, several = SMALL[ours.side], FACTOR * ours.batch_size
    yield "timing", row, argv
    yield "timing", f"{row}.{FACTOR}", [*argv, "--batch-size", str(several)]
    yield "checks", f"{row}.small", [*argv, "--batch-size", str(size), "--train-examples", str(NUM_STEPS * size)]


def of_table(name):
    """Yields the same for each row of a table that is not measured."""
    args, table, queue = reproduce.parse([name])
    for row, seed in queue:
        if not is_measured(known_rows(table.name), row, seed, args):
            yield "rows", f"{table.name}-{row.name}", row.command_line()


def make(folder, which, name, argv):
    """Makes a program and adds its name to its list, unless they are there."""
    path = folder / f"{which}.txt"
    names = path.read_text().split() if path.exists() else []
    if not (folder / f"{name}.npz").exists():
        keras.backend.clear_session()
        load("tests.checks.portable.dump").dump(folder, name, argv, timing=which != "rows")
    if name not in names:
        path.write_text("".join(f"{one}\n" for one in [*names, name]))


def main(argv=None):
    """Makes the programs, and reports those that cannot be made. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.checks.card_programs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder for the programs")
    parser.add_argument(
        "--only", nargs="*", default=list(GPU_PRESETS), choices=GPU_PRESETS, metavar="ROW", help="what is timed and compared"
    )
    parser.add_argument("--table", choices=TABLES, metavar="TABLE", help="table of papers whose missing rows are trained")
    args = parser.parse_args(argv)
    folder, failed = args.folder.absolute(), False
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as images, contextlib.chdir(images):
        for which, name, words in [*(of_table(args.table) if args.table else ()), *(one for row in args.only for one in of_row(row))]:
            try:
                make(folder, which, name, words)
            except ValueError as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
