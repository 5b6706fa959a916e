"""Tables with classes by which clusters are judged: three of scikit-learn, and counts of synthetic cells."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.preprocessing import StandardScaler

from export.shell.later import Later

vm = Later("keras_vaemix")

GENES, KINDS = 40, 4


class Table(NamedTuple):
    """A table with its classes.

    Attributes:
        y: Class of each row, [N].
        x: What the VAE learns, [N, C].
        likelihood: Its likelihood.
        columns: What the others cluster, [N, C].
        is_continuous: Whether x and columns are the same continuous values, so that densities of both can be compared.
    """

    y: Any
    x: Any
    likelihood: Any
    columns: Any
    is_continuous: bool = False


def standardised(load):
    """Returns a table of scikit-learn with columns of mean zero and variance one."""
    x, y = load(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype("float32")
    return Table(y, x, vm.LearnedScaleNormal(), x, is_continuous=True)


def digits():
    """Returns 8x8 images with pixels in [0, 1]."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    return Table(y, x, vm.LearnedScaleNormal(), x)


def cells(seed, knows_totals, num_cells=600):
    """Returns counts of cells of four kinds: negative binomial of inverse dispersion 2, with totals that vary by more than the kinds do.

    With the totals, the VAE is given them by `LibrarySize`, and the others cluster log counts of rows that were divided by them.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, KINDS, num_cells)
    shares = np.exp(rng.normal(0, 1.5, GENES) + 0.6 * rng.normal(0, 1, (KINDS, GENES)))
    means = np.exp(rng.normal(5, 1, num_cells))[:, None] * (shares / shares.sum(1, keepdims=True))[y]
    counts = rng.poisson(rng.gamma(2.0, means / 2.0)).astype("float32")
    totals, likelihood = counts.sum(1, keepdims=True), vm.NegativeBinomial(GENES)
    if not knows_totals:
        return Table(y, counts, likelihood, np.log1p(counts))
    size = float(np.median(totals))
    return Table(y, counts, vm.LibrarySize(likelihood, size), np.log1p(counts / totals * size))


TABLES = {
    "wine": lambda seed: standardised(load_wine),
    "breast cancer": lambda seed: standardised(load_breast_cancer),
    "digits": lambda seed: digits(),
    "cells, with the totals": lambda seed: cells(seed, knows_totals=True),
    "cells, without the totals": lambda seed: cells(seed, knows_totals=False),
}
