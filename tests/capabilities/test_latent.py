"""Figures of latents against closed forms."""

import numpy as np
import pytest

from keras_vaemix import evaluation
from keras_vaemix.evaluation.latent import MMD_SCALES


def test_correlation_of_codes_that_are_known():
    """Of three pairs of dimensions one goes together wholly, and two not at all."""
    z = np.array([[1.0, -2, 1], [-1, 2, 1], [1, -2, -1], [-1, 2, -1]])
    assert evaluation.normalized_absolute_correlation(z) == pytest.approx(1 / 3)
    assert evaluation.normalized_absolute_correlation(z, [True, True, False]) == pytest.approx(1)
    assert evaluation.normalized_absolute_correlation(z, [False, True, True]) == pytest.approx(0, abs=1e-12)


def test_correlation_is_that_of_the_covariance_whatever_the_scales():
    rng = np.random.default_rng(0)
    z = rng.multivariate_normal(np.zeros(2), [[1, -0.6], [-0.6, 1]], 20_000)
    assert evaluation.normalized_absolute_correlation(z * [1e3, 1e-3] + 7) == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize(
    ("z", "active", "message"),
    [
        (np.eye(3), [True, False, False], r"at least two active dimensions.*Received: num_active=1"),
        (np.eye(3)[:, :1], None, r"at least two active dimensions"),
        (np.array([[0.0, 1, 5], [1, 0, 5]]), None, r"active dimensions that vary: .*Received: constant=\[2\]"),
        (np.eye(3), [True, True], r"active \[D\] with D=3\. Received: shape=\(2,\)"),
        (np.array([[0.0, np.inf], [1, 2]]), None, r"finite z features"),
    ],
)
def test_codes_without_correlations_are_refused(z, active, message):
    with pytest.raises(ValueError, match=message):
        evaluation.normalized_absolute_correlation(z, active)


def test_active_dimensions_are_those_above_the_threshold():
    assert evaluation.active_dimensions([0, 0.1, 0.2, 1]).tolist() == [False, False, True, True]
    assert evaluation.active_dimensions([0, 0.1, 0.2, 1], 0.5).tolist() == [False, False, False, True]
    for mask in ([0, 2], [[0, 1]], [0, np.nan]):
        with pytest.raises(ValueError, match=r"a mask \[D\] of values in \[0, 1\]"):
            evaluation.active_dimensions(mask)


def kernel(x, y):
    return sum(2 * len(x) * s / (2 * len(x) * s + np.sum((x - y) ** 2)) for s in MMD_SCALES)


def test_mmd_is_the_sum_over_pairs():
    x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
    same = sum(kernel(side[i], side[j]) for side in (x, y) for i in range(6) for j in range(6) if i != j) / 30
    cross = np.mean([kernel(one, other) for one in x for other in y])
    assert evaluation.mmd(x, y) == pytest.approx(same - 2 * cross)
    mixed, others = (one[np.random.default_rng(seed).permutation(6)] for seed, one in enumerate((x, y)))
    blocks = [evaluation.mmd(mixed[i : i + 2], others[i : i + 2]) for i in (0, 2, 4)]
    assert evaluation.mmd(x, y, block_size=2) == pytest.approx(np.mean(blocks))
    assert np.isfinite(evaluation.mmd(x[:3], y[:3], block_size=1))


def test_mmd_of_points_is_known():
    x = np.zeros((5, 2))
    assert evaluation.mmd(x, x) == pytest.approx(0, abs=1e-12)
    y = x + 1  # all at the squared distance 2 = D
    assert evaluation.mmd(x, y) == pytest.approx(2 * sum(1 - 2 * s / (2 * s + 1) for s in MMD_SCALES))


def test_mmd_is_unbiased():
    """Over many draws of one law it is zero in the mean, and often below."""
    rng = np.random.default_rng(0)
    values = np.array([evaluation.mmd(*rng.normal(size=(2, 20, 2)), block_size=10) for _ in range(400)])
    assert abs(values.mean()) < 4 * values.std() / 20
    assert np.mean(values < 0) > 0.3
    assert evaluation.mmd(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 2) > values.max()


def test_mmd_of_sets_that_are_sorted_by_class():
    rng, centers = np.random.default_rng(0), np.repeat(3 * np.eye(5), 80, axis=0)
    x, y = centers + rng.normal(size=(400, 5)), rng.permutation(centers) + rng.normal(size=(400, 5))
    whole, in_blocks = evaluation.mmd(x, y), evaluation.mmd(x, y, block_size=80)
    assert abs(whole) < 0.01
    assert abs(in_blocks) < 0.02  # consecutive blocks, each of one class, would give 2


def test_mmd_refuses_sets_of_different_sizes():
    with pytest.raises(ValueError, match=r"as many of y as of x, at least two\. Received: x=3, y=4"):
        evaluation.mmd(np.zeros((3, 2)), np.zeros((4, 2)))


def test_report_of_codes():
    rng = np.random.default_rng(0)
    z, draws = rng.normal(size=(2, 3000, 3))
    codes = z * [1, 2, 0.001]
    report = evaluation.latent_report(codes, draws)
    assert list(report) == ["active_dimensions", "nac", "mmd", "latent_fd"]
    assert report["active_dimensions"] == 2
    assert report["nac"] == pytest.approx(abs(np.corrcoef(z[:, 0], z[:, 1])[0, 1]))
    assert report["latent_fd"] == pytest.approx((2 - 1) ** 2 + (1 - 0.001) ** 2, rel=0.1)
    assert report["mmd"] > 10 * abs(evaluation.latent_report(z, draws)["mmd"])


def test_report_of_codes_of_one_dimension_has_no_correlation():
    z, draws = np.random.default_rng(0).normal(size=(2, 50, 2))
    assert set(evaluation.latent_report(z * [1, 0], draws)) == {"active_dimensions", "mmd", "latent_fd"}
