"""The cost of categories: a training step of CP-VAE with K of them against one of the VAE.

    python -m tests.benchmarks.category_speed --data-dir DIR --out category_speed.json

Steps of `vae_mnist`, and of `cp_vae_mnist` with one decoding (`straight_through`) for K = 10 and 500 and all K (`enumerated`)
for K = 10. Cells are warmed up before they are measured; they take turns, and the best turn of each counts.
"""

from tests.benchmarks import harness

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
    parser = harness.parser("category_speed", __doc__)
    harness.add_data_dir(parser)
    harness.add_steps(parser, 100, 50)
    args = harness.parse(parser, argv)

    from training.data import load

    data = load("mnist", args.data_dir)
    turns = harness.measure({(name,): (steps, (data, args.steps, *cell)) for name, cell in CELLS.items()}, args.repetitions)
    best = {name: seconds / args.steps for (name,), seconds in harness.best_of(turns).items()}
    lines = ["| step of | milliseconds | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {1000 * best[name]:.2f} | {best[name] / best['`vae_mnist`']:.2f} |" for name in CELLS]
    harness.report(args.command, lines, harness.recorded(turns), args.out)


if __name__ == "__main__":
    main()
