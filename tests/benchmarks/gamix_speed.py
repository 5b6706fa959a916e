"""How fast a training step of GAMIX-VAE is, against PyTorch, what of it is the discriminator's, and the memory that it takes.

    python -m tests.benchmarks.gamix_speed --out gamix_speed.json

Steps of `gamix_faces` as it is, on batches of 64 random images of 64x64 in colour. Both sides have the same networks, losses, order and
optimizers; the table has what each trains. Every cell is a process of its own, warm before it is measured; they take turns, and the best
of each counts. Memory is the peak of the process, with the library and with what compilation took. The discriminator's share is what a
step is longer by than one without it, which decodes no draws of the prior either. Needs `pip install -r requirements-bench.txt`.
"""

import argparse
import os
import sys

import numpy as np

from tests.benchmarks.harness import measure, missing, peak_memory, report, use_cores
from tests.benchmarks.training_speed import ours

PRESET, BATCH_SIZE, NUM_IMAGES, WARM_UP = "gamix_faces", 64, 640, 2
OURS, ALONE, EAGER, COMPILED = "keras_vaemix", "keras_vaemix without the discriminator", "PyTorch eager", "PyTorch compiled"


def images():
    """Returns random 8-bit images [N, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 64, 64, 3), dtype="uint8")


def figures(model, logs):
    """Returns what our side reports beside its seconds."""
    losses = {name: logs[name] for name in ("reconstruction", "discriminator_loss") if name in logs}
    parameters = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
    return {**losses, "parameters": parameters, "peak_mebibytes": peak_memory()}


def keras_vaemix(stopwatch, steps, keywords):
    """Times training steps as a user takes them."""
    from keras_vaemix import supports
    from training.splits import Data, Split

    data = Data("random", *[Split(images())] * 3, supports.LEVELS)
    ours(stopwatch, data, steps, PRESET, keywords, figures, at_once=1)


def pytorch(stopwatch, steps, is_compiled):
    """Times training steps of the same model in plain PyTorch."""

    from tests.benchmarks import gamix_rival as rival

    use_cores()
    x, model = rival.pixels(images()), rival.GAMIX(is_compiled)
    rival.train(model, x, WARM_UP, BATCH_SIZE)
    while True:
        with stopwatch:
            reconstruction, discriminator_loss = rival.train(model, x, steps, BATCH_SIZE)
        losses = {"reconstruction": reconstruction, "discriminator_loss": discriminator_loss}
        stopwatch.value = {**losses, "parameters": model.num_parameters(), "peak_mebibytes": peak_memory()}


def cells(steps):
    """Returns the cells by name."""
    return {
        (OURS,): (keras_vaemix, (steps, {})),
        (ALONE,): (keras_vaemix, (steps, {"adversarial_weight": 0.0})),
        (EAGER,): (pytorch, (steps, False)),
        (COMPILED,): (pytorch, (steps, True)),
    }


def table(best, values):
    """Returns the lines of a Markdown table from the seconds of a step and what each side reports."""
    lines = ["| step of GAMIX-VAE in | milliseconds | ours is faster by | parameters | peak memory, MiB |", "|---|---|---|---|---|"]
    for name, seconds in best.items():
        ratio = "" if name == ALONE else f"{seconds / best[OURS]:.2f}"
        memory, parameters = values[name]["peak_mebibytes"], values[name]["parameters"]
        lines.append(f"| {name} | {1000 * seconds:.1f} | {ratio} | {parameters:,} | {memory:,.0f} |")
    return [*lines, "", f"The discriminator's share of a step: {1 - best[ALONE] / best[OURS]:.0%}"]


def main(argv=None):
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gamix_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20, help="steps in a turn")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each cell, of which the best counts")
    parser.add_argument("--cores", type=int, help="use so many cores: PyTorch's threads wait for each other on cores that others use too")
    parser.add_argument("--out", help="JSON file for the figures, with the command, the versions and the machine")
    args = parser.parse_args(argv)
    if missing():
        parser.exit(2, missing() + "\n")
    for name in ("steps", "repetitions", "cores"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"Expected --{name} of at least 1. Received: {getattr(args, name)}")
    if args.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.cores :])

    turns = measure(cells(args.steps), args.repetitions)
    best = {name: min(seconds for seconds, _ in t) / args.steps for (name,), t in turns.items()}
    results = [{"cell": list(cell), "seconds": [s for s, _ in t], "values": [v for _, v in t]} for cell, t in turns.items()]
    command = " ".join([parser.prog, *(sys.argv[1:] if argv is None else argv)])
    report(command, table(best, {name: t[-1][1] for (name,), t in turns.items()}), results, args.out)


if __name__ == "__main__":
    main()
