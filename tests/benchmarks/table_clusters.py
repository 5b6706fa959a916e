"""Clusters and densities of tables: a VAE with a mixture prior, scikit-learn's `KMeans` and `GaussianMixture`, and ClustPy's `VaDE`.

    python -m tests.benchmarks.table_clusters --out table_clusters.json

Every method is fitted to four fifths of the rows, and assigns all rows to as many clusters as there are classes. Classes judge the
clusters, and are used for nothing else. Settings are the same for all tables: ten starts of every mixture and of the means, and otherwise
the defaults of each library. Those of ours are `MixtureVAE`'s, but with 10 latents, as `VaDE` has, instead of 4. A `GaussianMixture` adds
0.001 to variances. A seed chooses the rows that are fitted, the cells, and the starts. ClustPy is in `requirements-bench.txt`; where it is
not installed, its `VaDE` is left out.
"""

import hashlib
import importlib.util
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from export.shell.later import Later
from tests.benchmarks import harness
from tests.benchmarks.class_tables import TABLES

keras, vm = Later("keras"), Later("keras_vaemix")  # not in the process of ClustPy

STARTS, REGULARIZATION = 10, 1e-3
EPOCHS, BATCH, LATENTS, HIDDEN, RATE = 200, 128, 10, (64, 64), 3e-3


class MixturePriorVAE:
    """A VAE of a table with as many components in its prior as the table has classes, as an estimator.

    The first half of the epochs trains components that are all alike, under a warm-up of the KL divergence; then they start from a Gaussian
    mixture of the latents.
    """

    def __init__(self, table, num_clusters, seed):
        keras.utils.set_random_seed(seed)
        num_columns, inputs, posterior = table.x.shape[1], keras.Input((table.x.shape[1],)), vm.DiagonalNormal()
        scaled = inputs if table.x is table.columns else vm.networks.ScaledColumns.from_data(table.x, are_counts=True)(inputs)
        encoder = keras.Model(inputs, vm.networks.mlp((num_columns,), posterior.params_size(LATENTS), HIDDEN)(scaled))
        decoder = vm.networks.mlp((LATENTS,), table.likelihood.params_size(num_columns), HIDDEN)
        prior = vm.NormalMixture(LATENTS, num_clusters, learn_weights=True, initial_stddev=1e-3)
        self.model, self.seed = vm.VAE(encoder, decoder, prior, table.likelihood, posterior, seed=seed), seed

    def fit(self, x):
        half = EPOCHS // 2
        self.model.compile(keras.optimizers.Adam(RATE), jit_compile=False, steps_per_execution=-(-len(x) // BATCH))
        self.model.fit(x, epochs=half, batch_size=BATCH, verbose=0, callbacks=[vm.callbacks.KLWarmUp(half)])
        vm.pretraining.initialize_from_gaussian_mixture(self.model, x, STARTS, seed=self.seed)
        self.model.fit(x, epochs=half, batch_size=BATCH, verbose=0)
        return self

    def predict(self, x):
        return self.model.cluster(x)

    def score_samples(self, x):
        return self.model.log_likelihood(x, num_samples=1000)


def k_means(table, num_clusters, seed):
    return KMeans(num_clusters, n_init=STARTS, random_state=seed)


def gaussian_mixture(covariance):
    """Returns a function that makes a Gaussian mixture."""
    return lambda table, num_clusters, seed: GaussianMixture(
        num_clusters, covariance_type=covariance, n_init=STARTS, reg_covar=REGULARIZATION, random_state=seed
    )


class ClustPyVaDE:
    """ClustPy's `VaDE`, in a process of its own: in one that had imported TensorFlow it crashed."""

    def __init__(self, table, num_clusters, seed):
        self.num_clusters, self.seed = num_clusters, seed
        self.pool = ProcessPoolExecutor(1, get_context("spawn"))
        self.pool.submit(import_clustpy).result()  # so that its time is not counted

    def fit(self, x):
        self.x = x

    def predict(self, x):
        with self.pool:
            return self.pool.submit(clusters_by_vade, self.x, x, self.num_clusters, self.seed).result()


def import_clustpy():
    import clustpy.deep  # noqa: F401


def clusters_by_vade(fitted, x, num_clusters, seed):
    """Returns the clusters of rows x; the default loss of `VaDE` takes columns in [0, 1]."""
    from clustpy.deep import VaDE

    return make_pipeline(MinMaxScaler(clip=True), VaDE(num_clusters, random_state=seed)).fit(fitted).predict(x)


OURS = "`VAE` with a mixture prior"
METHODS = {
    "`KMeans`": k_means,
    "`GaussianMixture`, full": gaussian_mixture("full"),
    "`GaussianMixture`, diagonal": gaussian_mixture("diag"),
    "ClustPy's `VaDE`": ClustPyVaDE,
    OURS: MixturePriorVAE,
}
FIGURES = {"ari": "ARI", "nmi": "NMI", "accuracy": "accuracy", "log_likelihood": "log p(x), held out", "seconds": "seconds"}


def methods():
    """Returns the methods that can be measured here."""
    if importlib.util.find_spec("clustpy"):
        return METHODS
    print("ClustPy is not installed, so its VaDE is left out: pip install -r requirements-bench.txt", file=sys.stderr)
    return {name: make for name, make in METHODS.items() if make is not ClustPyVaDE}


def figures_of(make, table, seed):
    """Returns the figures of a method: of the clusters of all rows, and of the density of those held out if it can be compared."""
    data = table.x if make is MixturePriorVAE else table.columns
    num_clusters, is_fitted = len(np.unique(table.y)), np.random.default_rng(seed).permutation(len(data)) < 0.8 * len(data)
    method, start = make(table, num_clusters, seed), time.perf_counter()
    method.fit(data[is_fitted])
    clusters, seconds = method.predict(data), time.perf_counter() - start
    is_density = table.is_continuous and hasattr(method, "score_samples")
    return {
        "ari": adjusted_rand_score(table.y, clusters),
        "nmi": normalized_mutual_info_score(table.y, clusters),
        "accuracy": float(np.mean(vm.evaluation.match_categories(clusters, table.y, num_clusters).one_to_one[clusters] == table.y)),
        "log_likelihood": float(np.mean(method.score_samples(data[~is_fitted]))) if is_density else None,
        "seconds": seconds,
        "data_sha256": hashlib.sha256(np.ascontiguousarray(data)).hexdigest(),
    }


def cell(values):
    """Returns the mean of a figure over seeds, and its standard deviation, as text."""
    if None in values:
        return "-"
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def lines_of(results):
    """Returns the lines of a Markdown table of results."""
    lines = [f"| table | method | {' | '.join(FIGURES.values())} |", "|---|---|" + "---|" * len(FIGURES)]
    for name, method in dict.fromkeys((result["table"], result["method"]) for result in results):
        own = [result for result in results if (result["table"], result["method"]) == (name, method)]
        lines += [f"| {name} | {method} | " + " | ".join(cell([one[figure] for one in own]) for figure in FIGURES) + " |"]
    return lines


def main(argv=None):
    parser = harness.plain_parser("table_clusters", __doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds (default: 0 1 2)")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), metavar="TABLE", help=", ".join(TABLES))
    args, results = harness.parse(parser, argv), []
    for name in args.tables:
        for method, make in methods().items():
            for seed in args.seeds:
                results.append({"table": name, "method": method, "seed": seed, **figures_of(make, TABLES[name](seed), seed)})
                print(results[-1], file=sys.stderr, flush=True)
    harness.report(args.command, lines_of(results), results, args.out)


if __name__ == "__main__":
    main()
