"""Imputation of real tables with half of the values missing, by a VAE, by scikit-learn's `IterativeImputer`, and by means.

    python -m training.findings.imputation

As in MIWAE (P.-A. Mattei, J. Frellsen, 2019): 50 % of the values of a standardised table are missing completely at random, the model is
trained on what is left with an importance-weighted bound of 20 samples and 10 latents, and imputes that same table. The error is the mean
squared error of the missing values, divided by that of imputing the mean of a column.
"""

import sys

import numpy as np

from export.shell.later import Later

keras, vm = Later("keras"), Later("keras_vaemix")
datasets, impute = Later("sklearn.datasets"), Later("sklearn.impute")

TABLES = {"breast cancer": "load_breast_cancer", "wine": "load_wine", "digits": "load_digits"}
SEEDS, MISSING, STEPS, BATCH = (0, 1, 2), 0.5, 3000, 64


def table_of(name):
    """Returns a table of scikit-learn, standardised, without its constant columns."""
    x = getattr(datasets, TABLES[name])().data.astype("float32")
    x = x[:, x.std(axis=0) > 0]
    return (x - x.mean(axis=0)) / x.std(axis=0)


def with_gaps(x, seed, share=MISSING):
    """Returns the table with NaN for values that are missing completely at random."""
    return np.where(np.random.default_rng(seed).random(x.shape) < share, np.nan, x).astype("float32")


def by_means(x, seed):
    """Returns the table with the means of its columns for what is missing."""
    return impute.SimpleImputer().fit_transform(x)


def by_regressions(x, seed):
    """Returns the table as scikit-learn's `IterativeImputer` completes it: each column by a Bayesian ridge regression on the others."""
    import sklearn.experimental.enable_iterative_imputer  # noqa: F401

    return impute.IterativeImputer(max_iter=20, tol=1e-2, random_state=seed).fit_transform(x)


def model_of(width, latent_dim=10, hidden=(128, 128), seed=0):
    """Returns a VAE of a table with gaps."""
    encoder = vm.networks.mlp((2 * width,), 2 * latent_dim, hidden)
    encoder = vm.networks.named_inputs(encoder, x=(width,), mask=(width,))
    decoder, prior = vm.networks.mlp((latent_dim,), width, hidden), vm.StandardNormal(latent_dim)
    return vm.VAE(encoder, decoder, prior, vm.LearnedScaleNormal(0.5), objective=vm.ImportanceWeighted(20), seed=seed)


def by_model(x, seed, steps=STEPS, num_samples=1000):
    """Returns the table as a VAE trained on it completes it."""
    keras.utils.set_random_seed(seed)
    model = model_of(x.shape[1], seed=seed)
    model.compile(keras.optimizers.Adam(1e-3), steps_per_execution=50)
    model.fit(np.resize(x, (steps * BATCH, x.shape[1])), batch_size=BATCH, verbose=0)  # one epoch over many copies
    return model.impute(x, num_samples, seed=seed).mean


METHODS = {"mean": by_means, "IterativeImputer": by_regressions, "VAE": by_model}


def errors_of(name, seed):
    """Returns the mean squared error of the missing values of each method, by its name."""
    x = table_of(name)
    gaps = with_gaps(x, seed)
    return {method: float(np.mean(np.square(complete(gaps, seed) - x)[np.isnan(gaps)])) for method, complete in METHODS.items()}


def main():
    """Prints the table and returns the exit status."""
    print(f"Mean squared error of imputation relative to the mean of the column, {100 * MISSING:.0f} % missing, {len(SEEDS)} seeds:\n")
    print(f"{'table':15} {'IterativeImputer':>18} {'VAE':>18}")
    for name in TABLES:
        rows = [errors_of(name, seed) for seed in SEEDS]
        ratios = [np.array([row[method] / row["mean"] for row in rows]) for method in ("IterativeImputer", "VAE")]
        print(f"{name:15} " + " ".join(f"{ratio.mean():10.3f} ± {ratio.std(ddof=1):.3f}" for ratio in ratios), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
