"""Findings hold; that of averaged samples is in `test_verify`."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import adjusted_rand_score

from keras_vaemix import divergences
from training.findings import cells
from training.findings.mean_bound import fit_prior


@pytest.mark.parametrize(
    ("divergence", "collapses"), [(divergences.MeanBound(), True), (divergences.SoftminBound(), False), (divergences.Variational(), False)]
)
def test_components_under_the_mean_are_all_the_same(divergence, collapses):
    z = tf.constant(np.repeat([-3.0, 3.0], 100), tf.float32)
    loc, scale = fit_prior(divergence, z, steps=1500)
    if collapses:
        np.testing.assert_allclose(loc, 0, atol=0.1)
        np.testing.assert_allclose(scale, 3.0, atol=0.1)
    else:
        np.testing.assert_allclose(np.sort(loc), [-3, 3], atol=0.1)
        np.testing.assert_allclose(scale, 0.3, atol=0.1)


def test_totals_hide_the_kinds_of_cells():
    """Divided by the totals, the counts show four kinds; as they are they do not, and a VAE that is given the totals has finite figures."""
    y, counts = cells.cells_of(0, 300)
    found = {make: adjusted_rand_score(y, cells.by_means(make(counts))) for make in (cells.logs, cells.shares)}
    assert found[cells.logs] < 0.1 < 0.5 < found[cells.shares]
    assert set(cells.by_model(counts, 0, knows_totals=True, epochs=(1, 1))) <= set(range(cells.KINDS))
