"""Clusters of synthetic cells whose totals vary by more than their kinds: by a VAE, with the totals and without, and by scikit-learn.

    python -m training.findings.cells

Four kinds of cells differ in some of 40 genes; a count is negative binomial with inverse dispersion 2, and a cell's total is log-normal.
The figure is the adjusted Rand index of the clusters and the true kinds. The VAE is trained for 60 epochs, its prior starts from a
Gaussian mixture of the latents, and it is trained for 40 more.
"""

import sys

import numpy as np

from export.shell.later import Later

keras, vm = Later("keras"), Later("keras_vaemix")
cluster, metrics, mixture = Later("sklearn.cluster"), Later("sklearn.metrics"), Later("sklearn.mixture")

SEEDS, CELLS, GENES, KINDS, LATENTS, EPOCHS = (0, 1, 2), 600, 40, 4, 4, (60, 40)


def cells_of(seed, num_cells=CELLS):
    """Returns the kinds of cells [N], and their counts [N, G]."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, KINDS, num_cells)
    shares = np.exp(rng.normal(0, 1.5, GENES) + 0.6 * rng.normal(0, 1, (KINDS, GENES)))
    means = np.exp(rng.normal(5, 1, num_cells))[:, None] * (shares / shares.sum(1, keepdims=True))[y]
    return y, rng.poisson(rng.gamma(2.0, means / 2.0)).astype("float32")


def model_of(counts, knows_totals):
    """Returns a VAE of the counts, given the totals of its rows or not."""
    likelihood = vm.NegativeBinomial(GENES)
    if knows_totals:
        likelihood = vm.LibrarySize(likelihood, float(np.median(counts.sum(1))))
    inputs = keras.Input((GENES,))
    scaled = vm.networks.ScaledColumns.from_data(counts, are_counts=True)(inputs)
    encoder = keras.Model(inputs, vm.networks.mlp((GENES,), 2 * LATENTS, (64,))(scaled))
    decoder = vm.networks.mlp((LATENTS,), likelihood.params_size(GENES), (64,))
    return vm.VAE(encoder, decoder, vm.NormalMixture(LATENTS, KINDS, learn_weights=True, initial_stddev=1e-3), likelihood)


def by_model(counts, seed, knows_totals, epochs=EPOCHS):
    """Returns the clusters of a VAE, [N]."""
    keras.utils.set_random_seed(seed)
    model, (before, after) = model_of(counts, knows_totals), epochs
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False, steps_per_execution=5)
    model.fit(counts, epochs=before, batch_size=120, verbose=0)
    vm.pretraining.initialize_from_gaussian_mixture(model, counts, seed=seed)
    model.fit(counts, epochs=after, batch_size=120, verbose=0)
    return model.cluster(counts)


def logs(counts):
    """Returns log(1 + x)."""
    return np.log1p(counts)


def shares(counts):
    """Returns the logarithms of counts that have been divided by the total of their row, times the median total."""
    totals = counts.sum(1, keepdims=True)
    return np.log1p(counts / totals * np.median(totals))


def by_means(x):
    return cluster.KMeans(KINDS, n_init=10, random_state=0).fit_predict(x)


def by_mixture(x):
    return mixture.GaussianMixture(KINDS, n_init=3, reg_covar=1e-3, random_state=0).fit_predict(x)


METHODS = {
    "the VAE, given the totals by `LibrarySize`": lambda counts, seed: by_model(counts, seed, True),
    "the VAE without them": lambda counts, seed: by_model(counts, seed, False),
    "`KMeans` of log counts": lambda counts, seed: by_means(logs(counts)),
    "`GaussianMixture` of log counts": lambda counts, seed: by_mixture(logs(counts)),
    "`KMeans` of log counts, first divided by the totals": lambda counts, seed: by_means(shares(counts)),
    "`GaussianMixture` of log counts, first divided by the totals": lambda counts, seed: by_mixture(shares(counts)),
}


def main():
    """Prints the table and returns the exit status."""
    cells = {seed: cells_of(seed) for seed in SEEDS}
    print("| clusters of | first | second | third |\n|---|---|---|---|")
    for name, find in METHODS.items():
        found = [metrics.adjusted_rand_score(y, find(counts, seed)) for seed, (y, counts) in cells.items()]
        print(f"| {name} | " + " | ".join(f"{one:.2f}" for one in found) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
