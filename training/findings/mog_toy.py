"""The MoG-VAE paper's toy, measured by quadrature: which of a mixture posterior and a mixture prior comes closer to the truth.

    python -m training.reproduce mog_toy --seeds 0 1 2 3 4

For each preset and seed: the ELBO, the exact log p(y) of the learned decoder, and KL(q || exact posterior of the learned decoder), all
over the test examples and by quadrature; and E log p(y) over the process itself, without the noise of test examples. An estimate of the
ELBO by draws has to agree. Two more models have the true decoder and train only their encoder: what could q do, if the decoder were right?
The figure, for seed 0, shows decoders, densities of y, and posteriors at values of y inside the data and at the paper's own 1 and -3,
which are outside: P(y > 0.6) is about 1e-5.
"""

import datetime
import statistics
import time

import keras
import numpy as np
from scipy.stats import norm

import keras_vaemix as vm
from keras_vaemix.evaluation import quadrature
from keras_vaemix.evaluation.likelihood import bound_parts, standard_error
from keras_vaemix.storage.versions import versions
from training.data import load, toys
from training.presets import PRESETS

INSIDE, OUTSIDE = (0.0, 0.1, 0.2, 0.25), (1.0, -3.0)
DRAWS = 200  # of the ELBO, for each example


def fit(preset, data, seed, epochs=None, change=None):
    """Returns the trained model of a preset, or its model after `change`, trained for the preset's number of epochs by default."""
    keras.utils.set_random_seed(seed)
    experiment = PRESETS[preset].build(data)
    model = change(experiment.model) if change else experiment.model
    model.seed = seed
    steps = len(data.train.x) // experiment.batch_size * (epochs or experiment.epochs)
    model.compile(experiment.optimizer, steps_per_execution=max(n for n in range(1, min(steps, 500) + 1) if steps % n == 0))
    batches = data.batches(experiment.batch_size, model.support, seed)
    model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
    return model


def figures_of(model, data, seed):
    """Returns the figures of a trained model over the test examples, exact by quadrature; the ELBO by draws has to agree."""
    y = data.test.x
    parts, exact = quadrature.exact_parts(model, y), quadrature.exact_log_likelihood(model, y)
    drawn = bound_parts(model, np.repeat(y, DRAWS, 0), 20_000, seed)["elbo"].astype("float64").reshape(len(y), DRAWS)
    error = float(np.sqrt(np.sum(drawn.var(axis=1, ddof=1)) / DRAWS) / len(y))
    if abs(drawn.mean() - parts["elbo"].mean()) > 5 * error + 1e-5:
        raise ArithmeticError(
            f"Expected the ELBO by quadrature, {parts['elbo'].mean():.5f}. Received: {drawn.mean():.5f} +- {error:.5f} by draws"
        )
    return {
        **{name: float(values.mean()) for name, values in parts.items()},
        "elbo_se": standard_error(parts["elbo"]),
        "elbo_of_draws": float(drawn.mean()),
        "elbo_sampling_error": error,
        "log_likelihood": float(exact.mean()),
        "log_likelihood_se": standard_error(exact),
        "true_log_likelihood": float(toys.true_log_likelihood(y[:, 0].astype("float64")).mean()),
        "expected_log_likelihood": toys.expectation(quadrature.exact_log_likelihood(model, toys.OUTCOMES[:, None].astype("float32"))),
        "posterior_kl": float(quadrature.posterior_kl(model, y).mean()),
        "posterior_modes": max(modes(quadrature.exact_posterior(model, np.array(INSIDE, "float32")[:, None]))),
        "num_samples": DRAWS,
        "num_examples": len(y),
        "split": "test",
    }


def modes(densities):
    """Returns the number of local maxima of densities on a grid [N, G], above a hundredth of the highest."""
    middle = densities[:, 1:-1]
    is_mode = (middle > densities[:, :-2]) & (middle >= densities[:, 2:]) & (middle > 0.01 * middle.max(axis=1, keepdims=True))
    return is_mode.sum(axis=1).tolist()


def row_of(preset, model, data, seed, epochs, command, seconds, stopped, settings=None):
    """Returns the row of a trained model, as in `training.record`, without its verdict; `settings` are added to the preset's flags."""
    return {
        "preset": preset,
        "arguments": {flag.name: flag.default for flag in PRESETS[preset].flags()} | (settings or {}),
        "dataset": data.name,
        "data_sha256": data.sha256(),
        "seed": seed,
        "epochs": epochs,
        "stopped": stopped,
        "command": command,
        "versions": versions(),
        "date": datetime.date.today().isoformat(),
        "seconds": round(seconds),
        **figures_of(model, data, seed),
        "paper": PRESETS[preset].paper,
    }


def verdict(rows, row, plain):
    """Returns the verdict on measured rows: E log p(y) compared with the truth's, and with `plain`, a plain VAE's rows, seed by seed."""
    if "decoder" in row.flags:
        return "not comparable: the decoder is the true one, only the encoder is trained"
    key = "expected_log_likelihood"
    mean, true = statistics.mean(r[key] for r in rows), toys.expected_log_likelihood()
    says = f"not comparable: E log p(y) {mean:.4f}, of {true:.4f} for the true process"
    of_seed = {r["seed"]: r for r in plain}
    gains = [r[key] - of_seed[r["seed"]][key] for r in rows if r["seed"] in of_seed]
    if len(gains) < 2:
        return says
    error = statistics.stdev(gains) / len(gains) ** 0.5
    return f"{says}; {statistics.mean(gains):+.4f} ± {error:.4f} (standard error over seeds) against `{plain[0]['preset']}`"


def at_the_truth(model):
    """Returns a VAE with a model's other parts around the true decoder f(Phi(z)), which is not trained."""

    class TrueDecoder(keras.layers.Layer):
        def call(self, z):
            u = 0.5 * (1 + keras.ops.erf(z / 2**0.5))
            return keras.ops.square(2 * u - keras.ops.where(u < 0.5, 0.5, 1.5))

    decoder = keras.Sequential([keras.Input((1,)), TrueDecoder()])
    return vm.VAE(model.encoder, decoder, model.prior, model.likelihood, model.posterior)


def draw(preset, model, data, path):
    """Writes the figure of a trained model: decoder, density of y, posteriors."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure((12, 6), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    grid = quadrature.points()
    inside = grid[np.abs(grid) < 3.5]
    axes[0].plot(inside, toys.curve(norm.cdf(inside)), "k:", label="true, of z ~ N(0, 1)")
    axes[0].plot(inside, np.asarray(model.decode(inside[:, None].astype("float32"))), "C1", label="learned")
    axes[0].set(title="decoder: mean of y given z", xlabel="z", ylabel="y")
    y = np.linspace(-0.4, 0.7, 400)
    axes[1].hist(data.test.x[:, 0], 60, density=True, color="0.85", label="test data")
    axes[1].plot(y, np.exp(toys.true_log_likelihood(y)), "k:", label="true")
    axes[1].plot(y, np.exp(quadrature.exact_log_likelihood(model, y[:, None].astype("float32"))), "C1", label="generated")
    axes[1].set(title="density of y", xlabel="y", ylabel="density")
    for axis, value in zip(axes[2:], (*INSIDE, *OUTSIDE), strict=True):
        at = np.full((1, 1), value, "float32")
        show = np.abs(grid) < (3.5 if value in INSIDE else 8)
        if value in INSIDE:
            axis.plot(grid[show], toys.true_posterior(at[0].astype("float64"), grid)[0, show], "k:", label="of the true process")
        axis.plot(grid[show], quadrature.exact_posterior(model, at)[0, show], "C0", label="exact, of the learned decoder")
        axis.plot(grid[show], quadrature.learned_posterior(model, at)[0, show], "C1--", label="learned q")
        axis.set(title=f"p(z | y = {value:g})", xlabel="z", ylabel="density")
        if value in OUTSIDE:
            axis.set_title(f"p(z | y = {value:g}): outside the data", color="C3", fontsize="medium")
            axis.set_facecolor("#fff4f2")
    for axis in axes[:3]:
        axis.set_ylim(top=axis.get_ylim()[1] * 1.35)
        axis.legend(fontsize=8, loc="upper right")
    figure.suptitle(f"{preset}: decoder, density, and posteriors against the true ones")
    figure.savefig(path, dpi=100)


def draw_truth(data, path):
    """Writes the paper's Figure 1: the process, the density of its draws, and posteriors p(z | y) with several modes inside the data."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure((12, 3.4), layout="constrained")
    process, density, posteriors = figure.subplots(1, 3)
    z, y = np.linspace(0, 1, 401), np.linspace(-0.4, 0.7, 400)
    mean, noise = toys.curve(z), 2 * toys.NOISE
    process.fill_between(z, mean - noise, mean + noise, color="0.85", label="two standard deviations")
    process.plot(z, mean, "k", label="mean, f(z)")
    process.set(title="y given z", xlabel="z, uniform", ylabel="y", ylim=(-0.4, 0.7))
    density.hist(data.train.x[:, 0], 60, density=True, color="0.85", label="training data")
    density.plot(y, np.exp(toys.true_log_likelihood(y)), "k:", label="true")
    density.set(title="density of y", xlabel="y", ylabel="density")
    grid = quadrature.points()  # of a standard normal z, and so of a uniform one
    for value in INSIDE:
        posteriors.plot(norm.cdf(grid), toys.true_posterior(np.array([value]), grid)[0] / norm.pdf(grid), label=f"y = {value:g}")
    posteriors.set(title="p(z | y)", xlabel="z, uniform", ylabel="density", ylim=(0, 4))
    for axis in (process, density, posteriors):
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def measure(row, seed, epochs, out):
    """Trains a row of `mog_toy` and returns it measured, without its verdict; the figure of seed 0 goes to `out`."""
    data, is_given = load("mog_toy"), "decoder" in row.flags
    limit = f" --epochs {epochs}" if epochs else ""
    command = f"python -m training.reproduce mog_toy --rows {row.name} --seeds {seed}{limit}"
    of_protocol, start = PRESETS[row.preset].build(data).epochs, time.monotonic()
    epochs = epochs or of_protocol
    stopped = "maximum" if epochs >= of_protocol else "unfinished"
    model = fit(row.preset, data, seed, epochs, at_the_truth if is_given else None)
    measured = row_of(row.preset, model, data, seed, epochs, command, time.monotonic() - start, stopped, dict(row.flags))
    if seed == 0 and not is_given:
        out.mkdir(parents=True, exist_ok=True)
        draw(row.preset, model, data, out / f"{row.preset}.png")
        draw_truth(data, out / "mog_toy_truth.png")
    return measured
