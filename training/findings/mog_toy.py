"""The MoG-VAE paper's toy, held against quadrature: which of a mixture posterior and a mixture prior comes closer to the truth.

    python -m training.findings.mog_toy --seeds 5 --steps 20000 --out DIR

For each preset and seed: the ELBO, the exact log p(y) of the learned decoder, and KL(q || exact posterior of the learned decoder), all
over the test examples. The figure shows decoders, densities of y, and posteriors, at values of y inside the data and at the paper's own
1 and -3, which are not: P(y > 0.6) is about 1e-5.
"""

import argparse
import datetime
import sys
import time
from pathlib import Path

from training.quiet import import_tensorflow

PRESETS = ("mfg_toy", "mog_posterior_toy", "mog_prior_toy")
INSIDE, OUTSIDE = (0.0, 0.1, 0.2, 0.25), (1.0, -3.0)
STEPS_PER_EPOCH = 500


def fit(preset, data, seed, num_steps):
    """Returns the trained model of a preset."""
    import keras

    from training.presets import PRESETS as ALL

    keras.utils.set_random_seed(seed)
    experiment = ALL[preset].build(data)
    model = experiment.model
    model.seed = seed
    model.compile(experiment.optimizer, steps_per_execution=STEPS_PER_EPOCH)
    batches = data.batches(experiment.batch_size, model.likelihood.support, seed)
    model.fit(batches, steps_per_epoch=STEPS_PER_EPOCH, epochs=num_steps // STEPS_PER_EPOCH, shuffle=False, verbose=0)
    return model


def row_of(preset, model, data, seed, num_steps, seconds):
    """Returns the row of a trained model, as in `training.record`, with exact figures by quadrature."""
    import numpy as np

    from keras_vaemix.evaluation import quadrature
    from keras_vaemix.evaluation.likelihood import bound_parts, standard_error
    from training.presets import PRESETS as ALL
    from training.run import versions
    from training.toys import true_log_likelihood

    y = data.test.x
    exact, kl = quadrature.exact_log_likelihood(model, y), quadrature.posterior_kl(model, y)
    parts = {name: float(np.mean(value)) for name, value in bound_parts(model, np.repeat(y, 20, 0), 5000, seed).items()}
    return {
        "preset": preset,
        "arguments": {flag.name: flag.default for flag in ALL[preset].flags()},
        "dataset": data.name,
        "data_sha256": data.sha256(),
        "seed": seed,
        "epochs": round(num_steps * 256 / len(data.train.x)),
        "command": f"python -m training.findings.mog_toy --steps {num_steps}",
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
        "seconds": round(seconds),
        **parts,
        "elbo": float((exact - kl).mean()),  # without the noise of draws
        "elbo_se": standard_error(exact - kl),
        "log_likelihood": float(exact.mean()),
        "log_likelihood_se": standard_error(exact),
        "posterior_kl": float(kl.mean()),
        "true_log_likelihood": float(true_log_likelihood(y[:, 0].astype("float64")).mean()),
        "num_samples": 0,
        "num_examples": len(y),
        "split": "test",
        "paper": ALL[preset].paper,
        "verdict": "not comparable: the paper has no number; log p(y) is exact, by quadrature",
    }


def draw(preset, model, data, path):
    """Writes the figure of a trained model: decoder, density of y, posteriors."""
    import matplotlib.figure
    import numpy as np
    from scipy.special import logsumexp
    from scipy.stats import norm

    from keras_vaemix.evaluation import quadrature
    from training.toys import curve, true_log_joint

    figure = matplotlib.figure.Figure((11, 6), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    grid = np.linspace(-10, 10, 4001)
    show = np.abs(grid) < 3.5
    axes[0].plot(grid[show], curve(norm.cdf(grid[show])), label="true")
    axes[0].plot(grid[show], np.asarray(model.decode(grid[show, None].astype("float32"))), label="learned")
    axes[0].set(title="decoder: mean of y given z", xlabel="z", ylabel="y")
    y = np.linspace(-0.4, 0.7, 400)
    axes[1].plot(y, np.exp(logsumexp(true_log_joint(y, grid), axis=1)) * (grid[1] - grid[0]), label="true")
    axes[1].plot(y, np.exp(quadrature.exact_log_likelihood(model, y[:, None].astype("float32"), grid)), label="learned")
    axes[1].hist(data.test.x[:, 0], 60, density=True, alpha=0.3, label="test data")
    axes[1].set(title="p(y)", xlabel="y")
    for axis, value in zip(axes[2:], (*INSIDE, *OUTSIDE), strict=True):
        at = np.full((1, 1), value, "float32")
        axis.plot(grid[show], quadrature.exact_posterior(model, at, grid)[0, show], label="exact, of the learned decoder")
        axis.plot(grid[show], quadrature.learned_posterior(model, at, grid)[0, show], label="learned")
        axis.set(title=f"p(z | y = {value:g})" + " outside the data" * (value in OUTSIDE), xlabel="z")
        axis.title.set_fontsize(10)
    for axis in axes[:3]:
        axis.legend(fontsize=7)
    figure.suptitle(preset)
    figure.savefig(path, dpi=70)


def main(argv=None):
    """Prints the table and returns the exit status."""
    parser = argparse.ArgumentParser("python -m training.findings.mog_toy", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--steps", type=int, default=20_000, help=f"training steps, a multiple of {STEPS_PER_EPOCH}")
    parser.add_argument("--out", type=Path, default=Path("mog_toy"), help="folder for mog_toy.json and the figures")
    args = parser.parse_args(argv)
    if args.seeds < 1 or args.steps < 1 or args.steps % STEPS_PER_EPOCH:
        parser.error(f"Expected --seeds of at least 1 and --steps of a multiple of {STEPS_PER_EPOCH}. Received: {args.seeds}, {args.steps}")
    import_tensorflow()
    from training.data import load
    from training.files import write_json

    data, rows = load("mog_toy"), []
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{'preset':20} {'seed':>4} {'ELBO':>8} {'log p(y)':>9} {'KL(q || exact)':>15}   of {len(data.test.x)} test examples, in nats")
    for seed in range(args.seeds):
        for preset in PRESETS:
            start = time.monotonic()
            model = fit(preset, data, seed, args.steps)
            row = row_of(preset, model, data, seed, args.steps, time.monotonic() - start)
            print(f"{preset:20} {seed:4} {row['elbo']:8.4f} {row['log_likelihood']:9.4f} {row['posterior_kl']:15.4f}", flush=True)
            if seed == 0:
                draw(preset, model, data, args.out / f"{preset}.png")
            rows.append(row)
            write_json(args.out / "mog_toy.json", sorted(rows, key=lambda row: (PRESETS.index(row["preset"]), row["seed"])))
    print(f"the true process: log p(y) {rows[0]['true_log_likelihood']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
