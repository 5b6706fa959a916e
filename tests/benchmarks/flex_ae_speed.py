"""The speed of a training step of FlexAE, against eager PyTorch: four optimizers, of which the critic's takes five steps.

    python -m tests.benchmarks.flex_ae_speed --out flex_ae_speed.json

Steps of `flex_ae_mnist` with InfoGAN networks of 256 hidden units, critic and generator of four layers of 256, 32 latents and batches of
128 random 28x28 images. Both sides have the same networks, order and optimizers; the table has their numbers of trained values. Cells are
warmed up before they are measured; they take turns, and the best turn of each counts. Needs `pip install -r requirements-bench.txt`.
"""

import numpy as np

from tests.benchmarks import harness
from tests.benchmarks.training_speed import STEPS_PER_EXECUTION, ours

PRESET, BATCH_SIZE, NUM_IMAGES = "flex_ae_mnist", 128, 12_800
SIZES = {"latent_dim": 32, "hidden": 256, "critic_units": 256}
OURS, RIVAL = "keras_vaemix", "PyTorch eager"


def images():
    """Returns random 8-bit images [N, 28, 28, 1]."""
    return np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, 28, 28, 1), dtype="uint8")


def figures(model, logs):
    """Returns what our side reports besides its seconds."""
    return {"cost": logs["cost"], "parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)}


def keras_vaemix(stopwatch, steps):
    """Times training steps as a user takes them."""
    from keras_vaemix.core import supports
    from training.data.splits import Data, Split

    data = Data("random", *[Split(images())] * 3, supports.LEVELS)
    ours(stopwatch, data, steps, PRESET, SIZES, figures)


def pytorch(stopwatch, steps):
    """Times training steps of the same model in plain PyTorch."""
    import torch

    from tests.benchmarks import flex_ae_rival as rival

    harness.use_cores()
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
    parser = harness.parser("flex_ae_speed", __doc__)
    harness.add_steps(parser, 100, STEPS_PER_EXECUTION)
    args = harness.parse(parser, argv, rivals=["torch"])

    turns = harness.measure({(OURS,): (keras_vaemix, (args.steps,)), (RIVAL,): (pytorch, (args.steps,))}, args.repetitions)
    best = {name: seconds / args.steps for (name,), seconds in harness.best_of(turns).items()}
    values = {name: of_cell[-1][1] for (name,), of_cell in turns.items()}
    harness.report(args.command, table(best, values), harness.recorded(turns), args.out)


if __name__ == "__main__":
    main()
