"""The CP-VAE paper's two modes: which models recover them, compared with the true density.

    python -m training.reproduce cp_vae_toy

For each model: E log p(x) over the true density, by quadrature over x, and over the latent if there is one, otherwise with importance
samples; and the Wasserstein-1 distance between the
true density and as many samples as the paper's. Samples of a CP-VAE have c drawn from the aggregate posterior q(c), and from its uniform
p(c), as in the paper's Figure 4.
"""

import statistics

import numpy as np
from scipy.stats import wasserstein_distance

from keras_vaemix import CPVAE
from keras_vaemix.evaluation import exact_log_likelihood, exact_parts
from keras_vaemix.evaluation.likelihood import standard_error
from keras_vaemix.storage.loading import load_model
from training.data import load
from training.data.toys import TWO_MODES, two_modes_expectation, two_modes_expected_log_density, two_modes_log_density

GRID = (-12.0, 12.0, 601)  # of z, where it is one latent
NUM_SAMPLES = 500  # of more latents, for each x
SAMPLES = 50_000
OF_SAMPLING = (  # figures of a log-likelihood of some examples by draws, which an exact one of all does not have
    "num_samples",
    "num_likelihood_examples",
    "log_likelihood_sampling_error",
    "effective_sample_size",
    "log_likelihood_histogram",
)


def samplers(model):
    """Returns the models whose samples are compared, by the distribution of c; that of the model's own sampler comes first."""
    if not isinstance(model, CPVAE):
        return {"prior": model}
    parts = {name: getattr(model, name) for name in ("encoder", "decoder", "prior", "likelihood", "heads")}
    return {"aggregate": model.with_sampling_prior(), "uniform": CPVAE(**parts)}


def samples(model, n=SAMPLES, seed=0):
    """Returns draws of x, [n]; the decoder's output is the mean of the likelihood."""
    mean = model.sample(n, seed=seed)
    return np.asarray(model.likelihood.draw(mean, np.random.default_rng(seed).standard_normal(mean.shape).astype("float32")))[:, 0]


def log_density(model, x):
    """Returns log p(x) of the decoder, [N]: exact by quadrature over one latent, or estimated by importance sampling over more."""
    x = np.reshape(x, (-1, 1)).astype("float32")
    if model.prior.latent_dim == 1:
        return exact_log_likelihood(model, x, np.linspace(*GRID))
    return model.log_likelihood(x, NUM_SAMPLES)


def figures_of(model):
    """Returns the figures of a sampler: E log p(x) under the true density, and its samples' distance from it."""
    log_p = log_density(model, TWO_MODES)
    true = np.exp(two_modes_log_density(TWO_MODES))
    distance = float(wasserstein_distance(samples(model), TWO_MODES, v_weights=true))
    return {"expected_log_likelihood": two_modes_expectation(log_p), "wasserstein": distance}


def measure(run, measured, row, out):
    """Returns the measured row of a run with its figures, exact if there is one latent, and draws the densities of seed 0 in `out`."""
    model = load_model(run / "model.keras")
    by_sampler = {name: figures_of(one) for name, one in samplers(model).items()}
    if measured["seed"] == 0:
        out.mkdir(parents=True, exist_ok=True)
        draw(row.name, model, out / f"cp_vae_toy_{row.name}.png")
    exact = exact_figures(model, load("cp_vae_toy").test.x) if model.prior.latent_dim == 1 else {}
    kept = {key: value for key, value in measured.items() if not exact or key not in OF_SAMPLING}
    return {**kept, **exact, **next(iter(by_sampler.values())), "samplers": by_sampler}


def exact_figures(model, x):
    """Returns the bound and the log-likelihood of examples by quadrature over the latent."""
    grid = np.linspace(*GRID)
    parts, exact = exact_parts(model, x, grid), exact_log_likelihood(model, x, grid)
    return {
        **{name: float(values.mean()) for name, values in parts.items()},
        "elbo_se": standard_error(parts["elbo"]),
        "log_likelihood": float(exact.mean()),
        "log_likelihood_se": standard_error(exact),
    }


def verdict(group):
    """Returns the verdict on the rows of one model, given the paper's figure."""
    means = {key: statistics.mean(row[key] for row in group) for key in ("expected_log_likelihood", "wasserstein")}
    says = f"E log p(x) {means['expected_log_likelihood']:.4f}, of {two_modes_expected_log_density():.4f} for the true density"
    other = [row["samplers"]["uniform"] for row in group if "uniform" in row["samplers"]]
    if other:
        uniform = {key: statistics.mean(one[key] for one in other) for key in means}
        says += f"; with c from the uniform p(c) {uniform['expected_log_likelihood']:.4f}, Wasserstein-1 {uniform['wasserstein']:.4f}"
    return f"not comparable: the paper has no number; {says}"


def draw(name, model, path):
    """Writes the figure of a model: for each of its samplers, its density and a histogram of its samples against the truth."""
    import matplotlib.figure

    several = samplers(model)
    figure = matplotlib.figure.Figure((4.5 * len(several), 3), layout="constrained")
    learned = "learned" if model.prior.latent_dim == 1 else "learned, estimated"
    for axis, (law, one) in zip(figure.subplots(1, len(several), squeeze=False)[0], several.items(), strict=True):
        log_p = log_density(one, TWO_MODES)
        axis.hist(samples(one), 100, range=(-0.5, 1.6), density=True, color="0.85", label="samples")
        axis.plot(TWO_MODES, np.exp(two_modes_log_density(TWO_MODES)), "k:", label="true")
        axis.plot(TWO_MODES, np.exp(log_p), "C1", label=learned)
        title = f"{name}: density of x" if law == "prior" else f"{name}: density of x, c from its {law} distribution"
        axis.set(xlabel="x", ylabel="density", xlim=(-0.5, 1.6), ylim=(0, max(2.7, 1.25 * float(np.exp(log_p).max()))))
        axis.set_title(title, fontsize="medium")
        axis.legend(fontsize=8, loc="upper center", ncols=3)
    figure.savefig(path, dpi=100)
