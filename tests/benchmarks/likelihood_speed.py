"""The speed of estimating log p(x), against pythae's `VAMP.get_nll`: the same VampPrior model, the same number of importance samples.

    python -m tests.benchmarks.likelihood_speed --data-dir DIR --out likelihood_speed.json

The model is trained briefly, and both libraries get its weights and the same examples, so that their estimates can be compared, too.
pythae runs without gradients and with the best of several batch sizes, which favours it. Needs `pip install -r
requirements-bench.txt`.
"""

import itertools

from tests.benchmarks import harness

OURS, THEIRS = "keras_vaemix", "pythae"
NUM_SAMPLES = (1000, 5000)
BATCH_SIZES = (100, 250, 500, 1000)  # of pythae: samples at a time


def ours(stopwatch, data, weights, x, num_samples, num_reported):
    """Calls `log_likelihood` as a user does; reports the mean over the examples that pythae gets, too."""
    from training.presets import PRESETS

    model = PRESETS["vamp_mnist"].build(data).model
    model.set_weights(weights)
    model.log_likelihood(x, num_samples)
    while True:
        with stopwatch:
            stopwatch.value = float(model.log_likelihood(x, num_samples)[:num_reported].mean())


def pythae(stopwatch, networks, x, num_samples, batch_size):
    """Calls `VAMP.get_nll`, which returns a mean log-likelihood, despite its name."""
    import torch

    from tests.benchmarks import pythae_rival as rival

    harness.use_cores()
    model = rival.vamp(len(networks[-1]))
    rival.take_weights(model, *networks)
    model.eval()
    x = torch.tensor(x.reshape(len(x), -1))
    with torch.no_grad():
        model.get_nll(x[:1], batch_size, batch_size)
        while True:
            with stopwatch:
                stopwatch.value = float(model.get_nll(x, num_samples, batch_size))


def trained(data, steps):
    """Returns a VampPrior model that has been trained for `steps` steps."""
    from training.presets import PRESETS

    experiment = PRESETS["vamp_mnist"].build(data)
    model = experiment.model
    model.compile(experiment.optimizer)
    model.fit(data.batches(experiment.batch_size, model.likelihood.support, seed=0), steps_per_epoch=steps, shuffle=False, verbose=0)
    return model


def cells(data, args):
    """Returns the cells by (column, number of samples, batch size)."""
    model = trained(data, args.train_steps)
    x = data.arrays("test", model.likelihood.support)[: args.examples]
    u = model.prior.pseudo_inputs().numpy()
    networks = model.encoder.get_weights(), model.decoder.get_weights(), u.reshape(len(u), -1)
    found = {(OURS, n, None): (ours, (data, model.get_weights(), x, n, args.rival_examples)) for n in NUM_SAMPLES}
    for n, batch_size in itertools.product(NUM_SAMPLES, BATCH_SIZES):
        found[THEIRS, n, batch_size] = pythae, (networks, x[: args.rival_examples], n, batch_size)
    return found


def table(results):
    """Returns the lines of a Markdown table from the results of all cells."""
    header = f"| importance samples | {OURS}, s per example | {THEIRS}, s per example | batch size of {THEIRS} | {THEIRS} / ours |"
    lines = [header, "|---|---|---|---|---|"]
    for n in NUM_SAMPLES:
        own, other = (
            min((r for r in results if r["column"] == column and r["num_samples"] == n), key=lambda r: r["seconds_per_example"])
            for column in (OURS, THEIRS)
        )
        a, b = own["seconds_per_example"], other["seconds_per_example"]
        lines.append(f"| {n} | {a:.4f} | {b:.4f} | {other['batch_size']} | {b / a:.1f} |")
    return lines


def main(argv=None):
    parser = harness.parser("likelihood_speed", __doc__, repetitions=3)
    harness.add_data_dir(parser)
    parser.add_argument("--train-steps", type=int, default=1000, help="steps of training beforehand")
    parser.add_argument("--examples", type=int, default=100, help="examples per turn of ours")
    parser.add_argument("--rival-examples", type=int, default=2, help="examples per turn of pythae")
    args = harness.parse(parser, argv, rivals=["torch", "pythae"])

    from training.data import load

    measured = harness.measure(cells(load("mnist", args.data_dir), args), args.repetitions)
    results = []
    for (column, num_samples, batch_size), turns in measured.items():
        examples = args.examples if column == OURS else args.rival_examples
        best = min(seconds for seconds, _ in turns) / examples
        figures = {"seconds_per_example": best, "examples": examples, "seconds": [s for s, _ in turns], "estimates": [v for _, v in turns]}
        results.append({"column": column, "num_samples": num_samples, "batch_size": batch_size, **figures})
    harness.report(args.command, table(results), results, args.out)


if __name__ == "__main__":
    main()
