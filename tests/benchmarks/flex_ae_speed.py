"""How fast a training step of FlexAE is, against eager PyTorch: four players, of whom the critic moves five times.

    python -m tests.benchmarks.flex_ae_speed --out flex_ae_speed.json

Steps of `flex_ae_mnist` with InfoGAN networks of 256 hidden units, critic and generator of four layers of 256, 32 latents and batches of
128 random images of 28x28. Both sides have the same networks, players, order and optimizers; the table has what each trains. Cells are
warm before they are measured; they take turns, and the best of each counts. Needs `pip install -r requirements-bench.txt`.
"""

import argparse
import os
import sys

import numpy as np

from tests.benchmarks.harness import measure, missing, report, use_cores
from tests.benchmarks.training_speed import STEPS_PER_EXECUTION, ours

PRESET, BATCH_SIZE, NUM_IMAGES = "flex_ae_mnist", 128, 12_800
SIZES = {"latent_dim": 32, "hidden": 256, "critic_units": 256}
OURS, RIVAL = "keras_vaemix", "PyTorch eager"


def images():
    """Returns random 8-bit images [N, 28, 28, 1]."""
    return np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 28, 28, 1), dtype="uint8")


def figures(model, logs):
    """Returns what our side reports beside its seconds."""
    return {"cost": logs["cost"], "parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)}


def keras_vaemix(stopwatch, steps):
    """Times training steps as a user takes them."""
    from keras_vaemix import supports
    from training.splits import Data, Split

    data = Data("random", *[Split(images())] * 3, supports.LEVELS)
    ours(stopwatch, data, steps, PRESET, SIZES, figures)


def pytorch(stopwatch, steps):
    """Times training steps of the same model in plain PyTorch."""
    import torch

    from tests.benchmarks import flex_ae_rival as rival

    use_cores()
    x, model = torch.tensor(images()).permute(0, 3, 1, 2).float() / 255, rival.FlexAE(**SIZES)
    rival.train(model, x, STEPS_PER_EXECUTION, BATCH_SIZE)
    while True:
        with stopwatch:
            cost = rival.train(model, x, steps, BATCH_SIZE)
        stopwatch.value = {"cost": cost, "parameters": model.num_parameters()}


def table(best, values):
    """Returns the lines of a Markdown table from the seconds of a step and what each side reports."""
    lines = ["| step of FlexAE in | milliseconds | ours is faster by | parameters |", "|---|---|---|---|"]
    return lines + [f"| {name} | {1000 * s:.2f} | {s / best[OURS]:.2f} | {values[name]['parameters']:,} |" for name, s in best.items()]


def main(argv=None):
    parser = argparse.ArgumentParser("python -m tests.benchmarks.flex_ae_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help=f"steps in a turn, a multiple of {STEPS_PER_EXECUTION}")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each cell, of which the best counts")
    parser.add_argument("--cores", type=int, help="use so many cores: PyTorch's threads wait for each other on cores that others use too")
    parser.add_argument("--out", help="JSON file for the figures, with the command, the versions and the machine")
    args = parser.parse_args(argv)
    if missing():
        parser.exit(2, missing() + "\n")
    if args.steps < 1 or args.steps % STEPS_PER_EXECUTION:
        parser.error(f"Expected --steps of a multiple of {STEPS_PER_EXECUTION}. Received: {args.steps}")
    if args.cores is not None and args.cores < 1:
        parser.error(f"Expected --cores of at least 1. Received: {args.cores}")
    if args.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.cores :])

    turns = measure({(OURS,): (keras_vaemix, (args.steps,)), (RIVAL,): (pytorch, (args.steps,))}, args.repetitions)
    best = {name: min(seconds for seconds, _ in turns[name,]) / args.steps for name in (OURS, RIVAL)}
    results = [{"cell": list(cell), "seconds": [s for s, _ in t], "values": [v for _, v in t]} for cell, t in turns.items()]
    command = " ".join([parser.prog, *(sys.argv[1:] if argv is None else argv)])
    report(command, table(best, {name: turns[name,][-1][1] for name in best}), results, args.out)


if __name__ == "__main__":
    main()
