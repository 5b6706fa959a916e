"""Findings hold; that of averaged samples is in `test_verify`."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vaemix import divergences
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
