"""The speed of a training step of GAMIX-VAE, against PyTorch, the discriminator's share of it, and its peak memory.

    python -m tests.benchmarks.gamix_speed --out gamix_speed.json

Steps of `gamix_faces` as it is, on batches of 64 random 64x64 images in colour. Both sides have the same networks, losses, order and
optimizers; the table has their numbers of trained values. Every cell is a separate process, warmed up before it is measured; they take
turns, and the best turn of each counts. Memory is the peak of the process, including the library and compilation. The discriminator's
share is the time saved by a step without it, which also decodes no draws from the prior. Needs `pip install -r requirements-bench.txt`.
"""

import numpy as np

from tests.benchmarks import harness
from tests.benchmarks.training_speed import ours

PRESET, BATCH_SIZE, NUM_IMAGES, WARM_UP = "gamix_faces", 64, 640, 2
OURS, ALONE, EAGER, COMPILED = "keras_vaemix", "keras_vaemix without the discriminator", "PyTorch eager", "PyTorch compiled"


def images():
    """Returns random 8-bit images [N, 64, 64, 3]."""
    return np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 64, 64, 3), dtype="uint8")


def figures(model, logs):
    """Returns what our side reports besides its seconds."""
    losses = {name: logs[name] for name in ("reconstruction", "discriminator_loss") if name in logs}
    parameters = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
    return {**losses, "parameters": parameters, "peak_mebibytes": harness.peak_memory()}


def keras_vaemix(stopwatch, steps, keywords):
    """Times training steps as a user takes them."""
    from keras_vaemix.core import supports
    from training.data.splits import Data, Split

    data = Data("random", *[Split(images())] * 3, supports.LEVELS)
    ours(stopwatch, data, steps, PRESET, keywords, figures, steps_per_execution=1)


def pytorch(stopwatch, steps, adversarial_weight, is_compiled):
    """Times training steps of the same model in plain PyTorch."""

    from tests.benchmarks import gamix_rival as rival

    harness.use_cores()
    x, model = rival.pixels(images()), rival.GAMIX(adversarial_weight, is_compiled)
    rival.train(model, x, WARM_UP, BATCH_SIZE)
    while True:
        with stopwatch:
            reconstruction, discriminator_loss = rival.train(model, x, steps, BATCH_SIZE)
        losses = {"reconstruction": reconstruction, "discriminator_loss": discriminator_loss}
        stopwatch.value = {**losses, "parameters": model.num_parameters(), "peak_mebibytes": harness.peak_memory()}


def adversarial_weight():
    """Returns the preset's weight, read outside the cells: a cell of PyTorch has no TensorFlow in its memory."""
    from training.presets import PRESETS

    return next(flag.default for flag in PRESETS[PRESET].flags() if flag.name == "adversarial_weight")


def cells(steps):
    """Returns the cells by name."""
    weight = adversarial_weight()
    return {
        (OURS,): (keras_vaemix, (steps, {})),
        (ALONE,): (keras_vaemix, (steps, {"adversarial_weight": 0.0})),
        (EAGER,): (pytorch, (steps, weight, False)),
        (COMPILED,): (pytorch, (steps, weight, True)),
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
    parser = harness.parser("gamix_speed", __doc__)
    harness.add_steps(parser, 20)
    args = harness.parse(parser, argv, rivals=["torch"])

    turns = harness.measure(cells(args.steps), args.repetitions)
    best = {name: seconds / args.steps for (name,), seconds in harness.best_of(turns).items()}
    values = {name: of_cell[-1][1] for (name,), of_cell in turns.items()}
    harness.report(args.command, table(best, values), harness.recorded(turns), args.out)


if __name__ == "__main__":
    main()
