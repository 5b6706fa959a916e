"""The speed of a training step, against plain PyTorch and pythae: epochs of MNIST per second.

    python -m tests.benchmarks.training_speed --data-dir DIR --out training_speed.json

Every cell is a separate process, warmed up and compiled before anything is measured; the cells then take turns of `--steps` steps on
all cores, and the best turn of each counts. Needs `pip install -r requirements-bench.txt`.
"""

import sys

from tests.benchmarks import harness

BATCH_SIZE, LEARNING_RATE, STEPS_PER_EXECUTION = 100, 5e-4, 50
OURS = "keras_vaemix"
ROWS = {  # the name of a row: preset, its keywords
    "vae_mnist": ("vae_mnist", {}),
    "mog_prior_mnist K=10": ("mog_prior_mnist", {"num_components": 10}),
    "mog_prior_mnist K=500": ("mog_prior_mnist", {"num_components": 500}),
    "vamp_mnist K=500": ("vamp_mnist", {"num_components": 500}),
}


def ours(stopwatch, data, steps, preset, keywords, figures=None, steps_per_execution=STEPS_PER_EXECUTION):
    """Trains a preset as `training.train` does.

    Args:
        figures: Function of model and logs that returns what is reported; None reports the loss.
        steps_per_execution: Number of steps per call.
    """
    import keras

    from training.presets import PRESETS

    experiment = PRESETS[preset].build(data, **keywords)
    model = experiment.model
    model.compile(experiment.optimizer, experiment.optimizers, experiment.jit_compile, steps_per_execution=steps_per_execution)
    batches = data.batches(experiment.batch_size, model.support, seed=0)

    def stop(epoch, logs):
        stopwatch.__exit__()
        stopwatch.value = figures(model, logs) if figures else logs["loss"]

    turns = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: stopwatch.__enter__(), on_epoch_end=stop)
    model.fit(batches, steps_per_epoch=steps_per_execution, shuffle=False, verbose=0)
    model.fit(batches, steps_per_epoch=steps, epochs=sys.maxsize, shuffle=False, verbose=0, callbacks=[turns])


def pytorch(stopwatch, x, steps, preset, keywords, compiled):
    """Trains the same model in plain PyTorch."""
    import torch

    from tests.benchmarks import torch_rival as rival

    harness.use_cores()
    priors = {"vae_mnist": rival.StandardNormal, "mog_prior_mnist": rival.NormalMixture, "vamp_mnist": rival.VampPrior}
    model = rival.VAE(priors[preset](**keywords))
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    turns(stopwatch, x, steps, rival.train, torch.compile(model) if compiled else model, optimizer)


def pythae(stopwatch, x, steps, preset, keywords):
    """Trains the same model in pythae."""
    import torch

    from tests.benchmarks import pythae_rival as rival

    harness.use_cores()
    model = {"vae_mnist": rival.vae, "vamp_mnist": rival.vamp}[preset](**keywords)
    turns(stopwatch, x, steps, rival.train, model, torch.optim.Adam(model.parameters(), LEARNING_RATE))


def turns(stopwatch, x, steps, train, model, optimizer):
    """Takes as many steps as ours to warm up, and then a turn of `steps` steps whenever requested."""
    import torch

    from tests.benchmarks.torch_rival import binarized_batches

    x = torch.tensor(x.reshape(len(x), -1)).float() / 255
    train(model, optimizer, binarized_batches(x, STEPS_PER_EXECUTION, BATCH_SIZE))
    while True:
        with stopwatch:
            stopwatch.value = train(model, optimizer, binarized_batches(x, steps, BATCH_SIZE))


def cells(data, steps, rows):
    """Returns the cells by (row, column). pythae's only mixture prior is the VampPrior."""
    x, found = data.train.x, {}
    for row in rows:
        preset, keywords = ROWS[row]
        found[row, OURS] = ours, (data, steps, preset, keywords)
        found[row, "PyTorch eager"] = pytorch, (x, steps, preset, keywords, False)
        found[row, "PyTorch compiled"] = pytorch, (x, steps, preset, keywords, True)
        if preset != "mog_prior_mnist":
            found[row, "pythae"] = pythae, (x, steps, preset, keywords)
    return found


def table(speeds):
    """Returns the lines of a Markdown table from epochs per second by (row, column)."""
    rivals = ("PyTorch eager", "PyTorch compiled", "pythae")
    lines = [
        f"| epochs per second | {OURS} | {' | '.join(f'{rival} | ours / {rival}' for rival in rivals)} |",
        "|---" * (2 + 2 * len(rivals)) + "|",
    ]
    for row in dict.fromkeys(row for row, _ in speeds):
        own = speeds[row, OURS]
        others = [speeds.get((row, rival)) for rival in rivals]
        pairs = [f"{other:.3f} | {own / other:.2f}" if other else " | " for other in others]
        lines.append(f"| {row} | {own:.3f} | {' | '.join(pairs)} |")
    few, many = (speeds.get((f"mog_prior_mnist K={k}", OURS)) for k in (10, 500))
    return [*lines, "", f"Cost of a step with a mixture of K=500 over K=10: {few / many:.2f}"] if few and many else lines


def main(argv=None):
    parser = harness.parser("training_speed", __doc__)
    harness.add_data_dir(parser)
    harness.add_steps(parser, 500, STEPS_PER_EXECUTION)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS), help="rows to measure")
    args = harness.parse(parser, argv, rivals=["torch", "pythae"])

    from training.data import load

    data = load("mnist", args.data_dir)
    measured = harness.measure(cells(data, args.steps, args.rows), args.repetitions)
    epoch = len(data.train.x) // BATCH_SIZE
    speeds = {cell: args.steps / epoch / seconds for cell, seconds in harness.best_of(measured).items()}
    results = [
        {
            "row": row,
            "column": column,
            "epochs_per_second": speeds[row, column],
            "seconds": [s for s, _ in turns],
            "losses": [v for _, v in turns],
        }
        for (row, column), turns in measured.items()
    ]
    harness.report(args.command, table(speeds), results, args.out)


if __name__ == "__main__":
    main()
