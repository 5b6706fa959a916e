"""The synthetic manifolds: of the dimension that they say, curved, and the same each time."""

import numpy as np
import pytest
from scipy.special import expit

from keras_vaemix.core import supports
from training.data import load, manifolds


@pytest.fixture(scope="module", params=[8, 16])
def dim(request):
    return request.param


@pytest.fixture(scope="module")
def data(dim):
    return load(f"manifold{dim}")


def jacobians(z):
    """Returns the derivatives [N, n, 128] of `embed`, by the chain rule in float64."""
    *layers, (last, bias) = [(w.astype("float64"), b.astype("float64")) for w, b in manifolds.weights(z.shape[1])]
    jacobian, h = np.eye(z.shape[1]), z
    for weight, shift in layers:
        h = np.tanh(h @ weight + shift)
        jacobian = (jacobian @ weight) * (1 - h**2)[:, None]
    x = expit(h @ last + bias)
    return (jacobian @ last) * (x * (1 - x))[:, None]


def test_splits(data, dim):
    assert [split.x.shape for split in data[1:4]] == [(50_000, 128), (5000, 128), (10_000, 128)]
    assert data.support is supports.UNIT_INTERVAL
    assert data.sha256() == manifolds.manifold(dim).sha256()
    assert data.sha256() != manifolds.manifold(dim, seed=1).sha256()
    assert len(np.unique(np.concatenate([split.x[:, :2] for split in data[1:4]]), axis=0)) > 64_900


def test_values_are_never_binarised(data):
    assert not data.binarizes(supports.BINARY)
    np.testing.assert_array_equal(data.arrays("test", supports.BINARY), data.test.x)


def test_outputs_have_similar_variance(data):
    stddev = data.train.x.std(axis=0)
    assert stddev.min() > 0.9 * stddev.max() > 0.1
    assert 0 < data.train.x.min() < 0.05
    assert 0.95 < data.train.x.max() < 1


def test_derivatives_are_those_of_finite_differences(dim):
    z = np.random.default_rng(0).standard_normal((5, dim))
    step = 1e-3 * np.eye(dim)
    received = [(manifolds.embed(one + step) - manifolds.embed(one - step)) / 2e-3 for one in z]
    np.testing.assert_allclose(received, jacobians(z), atol=1e-5)


def test_local_dimension_is_that_of_the_latents(dim):
    """The smallest of the n singular values is never near zero against the largest: where z is drawn, and three times as far out."""
    rng = np.random.default_rng(0)
    for spread, least in ((1, 0.1), (3, 0.01)):
        singular = np.linalg.svd(jacobians(spread * rng.standard_normal((500, dim))), compute_uv=False)
        assert singular.shape == (500, dim)
        assert np.min(singular[:, -1] / singular[:, 0]) > least


def test_manifold_is_no_flat_one(data, dim):
    """A plane of n dimensions leaves much of the variance over; it takes more than 3 n directions for 99 % of it."""
    x = data.test.x - data.test.x.mean(axis=0)
    variance = np.linalg.svd(x, compute_uv=False) ** 2
    kept = np.cumsum(variance) / variance.sum()
    assert kept[dim - 1] < 0.95
    assert np.sum(kept < 0.99) > 3 * dim
