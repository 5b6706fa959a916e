"""What categories cost: a training step of CP-VAE with K of them against one of the VAE.

    python -m tests.benchmarks.category_speed --data-dir DIR --out category_speed.json

Steps of `vae_mnist`, and of `cp_vae_mnist` with one decoding (`straight_through`) for K = 10 and 500 and all K (`enumerated`)
for K = 10. Cells are warm before they are measured; they take turns, and the best of each counts.
"""

import argparse
import os
import sys

from tests.benchmarks.harness import measure, report

CELLS = {
    "`vae_mnist`": ("vae_mnist", {}),
    "`cp_vae_mnist`, K = 10, one decoding": ("cp_vae_mnist", {"num_components": 10, "estimator": "straight_through"}),
    "`cp_vae_mnist`, K = 500, one decoding": ("cp_vae_mnist", {"num_components": 500, "estimator": "straight_through"}),
    "`cp_vae_mnist`, K = 10, all decodings": ("cp_vae_mnist", {"num_components": 10, "estimator": "enumerated"}),
    "`hvae_mnist`": ("hvae_mnist", {}),
}


def steps(stopwatch, data, num_steps, preset, keywords):
    """Times `num_steps` training steps of a preset; reports the loss."""
    from tests.benchmarks.training_speed import ours

    ours(stopwatch, data, num_steps, preset, keywords)


def main(argv=None):
    parser = argparse.ArgumentParser("python -m tests.benchmarks.category_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA"), help="folder with mnist.npz; TensorFlow Datasets without it")
    parser.add_argument("--steps", type=int, default=100, help="steps in a turn, a multiple of 50")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each cell, of which the best counts")
    parser.add_argument("--out", help="JSON file for the figures, with the command, the versions and the machine")
    args = parser.parse_args(argv)

    from training.data import load

    data = load("mnist", args.data_dir)
    turns = measure({(name,): (steps, (data, args.steps, *cell)) for name, cell in CELLS.items()}, args.repetitions)
    best = {name: min(seconds for seconds, _ in turns[name,]) / args.steps for name in CELLS}
    lines = ["| step of | milliseconds | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {1000 * best[name]:.2f} | {best[name] / best['`vae_mnist`']:.2f} |" for name in CELLS]
    results = [{"cell": list(cell), "seconds": [s for s, _ in t], "values": [v for _, v in t]} for cell, t in turns.items()]
    report(" ".join([parser.prog, *(sys.argv[1:] if argv is None else argv)]), lines, results, args.out)


if __name__ == "__main__":
    main()
