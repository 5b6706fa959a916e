"""The size of each preset, and how long its protocol takes on one core.

    python -m tests.benchmarks.preset_sizes --data-dir DIR --out preset_sizes.json

It trains a few steps of each preset as `training.train` does, after a first call that compiles. Presets that the file has are not measured
again unless they are named, so that a run that was killed goes on, and a new preset is added to the others. CIFAR-10 and CelebA are
replaced by random images of their shape, and where a batch of images is large, a part of it is measured and the time is scaled.
"""

import concurrent.futures
import functools
import math
import multiprocessing
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from export.freeze import frozen
from export.storage.files import read_json
from keras_vaemix.core import supports
from tests.benchmarks import harness
from training.data import load
from training.data.rows import Rows
from training.data.splits import Data, Split
from training.distributed.strategy import steps_per_execution
from training.presets import PRESETS

MADE_UP = {  # shape and number of training examples
    "cifar10": ((32, 32, 3), 41_667),
    "celeb_a": ((64, 64, 3), 162_770),
    "celeb_a_hq": ((256, 256, 3), 21_600),
}
MOST_VALUES = 2**17  # of a batch that is measured as a whole
TURN = 0.5  # least seconds of a turn
IN_PROCESS = 12  # presets, since TensorFlow keeps what it has compiled
COLUMNS = ("preset", "latents", "components", "weights", "decoder, MB", "batch", "epochs", "ms a step", "hours")


class Pace(keras.callbacks.Callback):
    """Ends training after some turns of at least `TURN` seconds, the first call not counted.

    Attributes:
        turns: Seconds per call, of each turn.
    """

    def __init__(self, num_turns):
        super().__init__()
        self.num_turns, self.turns, self.start, self.calls = num_turns, [], None, 0

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        seconds = 0.0 if self.start is None else now - self.start
        self.calls += 1
        if seconds >= TURN:
            self.turns.append(seconds / self.calls)
        if self.start is None or seconds >= TURN:
            self.start, self.calls = now, 0
        self.model.stop_training = len(self.turns) == self.num_turns


@functools.lru_cache(1)
def data_of(name, data_dir):
    """Returns a data set, or for one of `MADE_UP` random images of its shape, as many."""
    if name not in MADE_UP:
        return load(name, data_dir)
    shape, n = MADE_UP[name]
    few = np.random.default_rng(0).integers(0, 256, (64, *shape), dtype="uint8")
    return Data(name, Split(Rows(few, np.arange(n) % len(few))), Split(few), Split(few), supports.LEVELS)


def decoder_weights(model):
    """Returns the number of weights that the exported decoder has, each once."""
    graphs = frozen(model, None).graphs().values()
    traced = [tf.function(graph.named, autograph=False).get_concrete_function(*graph.inputs) for graph in graphs]
    weights = {id(variable.handle): variable for one in traced for variable in one.graph.variables}
    return sum(variable.shape.num_elements() for variable in weights.values())


def measure(name, data_dir, num_turns):
    """Returns the row of a preset."""
    data = data_of(PRESETS[name].dataset, data_dir)
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return {"preset": name, "dataset": PRESETS[name].dataset, **measured(PRESETS[name].build(data), data, num_turns)}


def measured(experiment, data, num_turns):
    """Returns the sizes of an experiment, and the seconds of a step."""
    model, size, values, steps = experiment.model, experiment.batch_size, math.prod(data.shape), len(data.train.x) // experiment.batch_size
    row = {
        "shape": list(data.shape),
        "train_examples": len(data.train.x),
        "latents": [latents for latents in model.latent_sizes.values() if latents is not None],
        "components": model.num_components,
        "weights": model.count_params(),
        "decoder_weights": decoder_weights(model),
        "batch_size": size,
        "measured_batch_size": min(size, max(2, MOST_VALUES // values)),
        "epochs": experiment.epochs,
        "pretraining_epochs": getattr(experiment.start, "epochs", 0),
    }
    most = 1 if experiment.jit_compile is False else max(1, min(50, 8000 // values))  # large networks need no calls of many steps
    in_call, pace = steps_per_execution(steps, most), Pace(num_turns)
    model.compile(experiment.optimizer, experiment.optimizers, experiment.jit_compile, steps_per_execution=in_call)
    batches = data.batches(row["measured_batch_size"], model.support, seed=0, augment=experiment.augment)
    model.fit(batches, steps_per_epoch=sys.maxsize // 2, shuffle=False, verbose=0, callbacks=[pace])
    per_step = min(pace.turns) / in_call * size / row["measured_batch_size"]
    return row | {"seconds_per_step": per_step, "steps_per_execution": in_call, "hours": per_step * steps * experiment.epochs / 3600}


def table(rows):
    """Returns the lines of a Markdown table for each data set, in order of the size of an example."""
    lines = []
    for dataset in dict.fromkeys(row["dataset"] for row in sorted(rows, key=lambda row: math.prod(row["shape"]))):
        own = [row for row in rows if row["dataset"] == dataset]
        source = ", here random ones" if dataset in MADE_UP else ""
        lines += [f"## {dataset}", "", f"{own[0]['train_examples']:,} training examples of shape {own[0]['shape']}{source}.", ""]
        lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *map(line, own), ""]
    return lines[:-1]


def line(row):
    """Returns the line of a row; what is scaled from a part of a batch is marked, and pretraining is added to the epochs."""
    about = "" if row["measured_batch_size"] == row["batch_size"] else "≈ "
    cells = (
        f"`{row['preset']}`",
        " + ".join(map(str, row["latents"])),
        f"{row['components']}",
        f"{row['weights']:,}",
        f"{4 * row['decoder_weights'] / 1e6:.2f}",
        f"{row['batch_size']}",
        " + ".join(f"{n:,}" for n in (row["pretraining_epochs"], row["epochs"]) if n),
        about + rounded(1000 * row["seconds_per_step"]),
        about + rounded(row["hours"]),
    )
    return f"| {' | '.join(cells)} |"


def rounded(value):
    """Returns a positive number with two digits, or as a whole number if it is larger."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.{max(1, 1 - math.floor(math.log10(value)))}f}"


def main(argv=None):
    parser = harness.parser("preset_sizes", __doc__, repetitions=2)
    harness.add_data_dir(parser)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="presets to measure (default: those that --out does not have)")
    parser.set_defaults(cores=1)
    args = harness.parse(parser, argv)
    unknown = [name for name in args.presets if name not in PRESETS]
    if unknown:
        parser.error(f"Expected presets of training.train --list. Received: {', '.join(unknown)}")
    known = read_json(Path(args.out))["results"] if args.out and Path(args.out).exists() else []
    rows = {row["preset"]: row for row in known if row["preset"] in PRESETS}
    wanted = args.presets or [name for name in PRESETS if name not in rows]
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, spawn, max_tasks_per_child=IN_PROCESS) as pool:
        for name in sorted(wanted, key=lambda name: (PRESETS[name].dataset in MADE_UP, PRESETS[name].dataset)):
            print("measuring", name, file=sys.stderr)
            rows[name] = pool.submit(measure, name, args.data_dir, args.repetitions).result()
            print(line(rows[name]), file=sys.stderr)
            of_all = [rows[name] for name in PRESETS if name in rows]
            harness.write(parser.prog, table(of_all), of_all, args.out)
    print("\n".join(table([rows[name] for name in PRESETS if name in rows])))


if __name__ == "__main__":
    main()
