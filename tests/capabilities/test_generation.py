"""Figures of generation against closed forms and toys whose answers are known."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

import keras_vaemix as vm
from keras_vaemix import evaluation
from keras_vaemix.evaluation import FeatureMoments, PRDCurve
from tests import catalogue


def normal_features(n, size, seed=0, loc=0.0):
    """Correlated features [n, size]."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, size)) @ rng.normal(size=(size, size)) + loc


class Pixels:
    """Features that are the values of an image themselves."""

    name = "pixels"

    def __call__(self, images):
        return np.asarray(images).reshape(len(images), -1)


class Repeater:
    """Reconstructs exactly, and draws from given images in turn: every image once in as many draws."""

    def __init__(self, images):
        self.images, self.start, self.sizes, self.seeds = images, 0, [], []

    def sample(self, n, seed):
        self.sizes.append(n)
        self.seeds.append(seed)
        self.start += n
        return self.images[self.start - n : self.start]

    def reconstruct(self, x):
        return x


# Fréchet distance.


def test_frechet_distance_of_normals_that_commute_is_known():
    one, other = np.array([1.0, 4.0, 0.25]), np.array([9.0, 4.0, 0.0])
    rotation = np.linalg.qr(normal_features(3, 3))[0]
    moments = [
        FeatureMoments(rotation @ loc, rotation @ np.diag(v) @ rotation.T, 10) for loc, v in ((np.zeros(3), one), (np.ones(3), other))
    ]
    assert evaluation.frechet_distance(*moments) == pytest.approx(3 + np.sum((np.sqrt(one) - np.sqrt(other)) ** 2))


def test_frechet_distance_is_that_of_the_matrix_root():
    real, fake = normal_features(60, 7, seed=1), normal_features(50, 7, seed=2, loc=0.5)
    s1, s2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    exact = np.sum((real.mean(0) - fake.mean(0)) ** 2) + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)
    assert evaluation.frechet_distance(real, fake) == pytest.approx(exact)
    assert evaluation.frechet_distance(FeatureMoments.of(fake), real) == pytest.approx(exact)


def test_identical_sets_are_at_no_distance_though_their_covariance_is_singular():
    x = normal_features(40, 5)
    x = np.concatenate([x, x[:, :3], np.ones((40, 1))], axis=1)
    assert evaluation.frechet_distance(x, x) == pytest.approx(0, abs=1e-10)
    assert evaluation.frechet_distance(x, x + 1) == pytest.approx(9, abs=1e-9)


def test_one_feature_is_enough():
    x = normal_features(30, 1)
    assert evaluation.frechet_distance(x, 3 * x) == pytest.approx(4 * np.mean(x) ** 2 + 4 * np.var(x, ddof=1))


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (normal_features(5, 5), normal_features(9, 5), r"at least 6 real samples for 5 features: .*Received: num_samples=5"),
        (normal_features(9, 5), normal_features(3, 5), r"at least 6 fake samples .*Received: num_samples=3"),
        (normal_features(9, 5), np.full((9, 5), np.nan), r"finite fake features: .*not_finite=45"),
        (normal_features(9, 5), normal_features(9, 4), r"the same size F on both sides"),
        (np.zeros(9), normal_features(9, 4), r"real features \[N, F\]\. Received: shape=\(9,\)"),
    ],
)
def test_features_without_a_distance_are_refused(real, fake, message):
    with pytest.raises(ValueError, match=message):
        evaluation.frechet_distance(real, fake)


# Precision and recall of distributions.


def test_prd_of_identical_histograms_is_one():
    curve = evaluation.prd_curve([0.2, 0.5, 0.3], [0.2, 0.5, 0.3])
    assert curve.precision.max() == curve.recall.max() == 1
    assert curve.f_beta(8) == curve.f_beta(1 / 8) == pytest.approx(1)
    assert curve.f_beta(1) == pytest.approx(1)


def test_prd_of_disjoint_histograms_is_zero():
    curve = evaluation.prd_curve([1, 0], [0, 1])
    assert not np.any(curve)
    assert curve.f_beta(8) == curve.f_beta(1 / 8) == 0


def f_beta(beta, precision, recall):
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


@pytest.mark.parametrize("dropped", [True, False], ids=["modes-dropped", "modes-invented"])
def test_prd_of_half_of_the_modes_is_known(dropped):
    """Where half of the modes are dropped recall is one half at most, where as many are invented precision is."""
    half, whole = [0.5, 0.5, 0, 0], [0.25] * 4
    curve = evaluation.prd_curve(whole, half, 4001) if dropped else evaluation.prd_curve(half, whole, 4001)
    precision, recall = (1, 0.5) if dropped else (0.5, 1)
    assert (curve.precision.max(), curve.recall.max()) == pytest.approx((precision, recall))
    for beta in (8, 1 / 8):
        assert curve.f_beta(beta) == pytest.approx(f_beta(beta, precision, recall), rel=2e-3)
    assert (curve.f_beta(8) < curve.f_beta(1 / 8)) == dropped


def test_prd_changes_its_names_with_its_sides():
    p, q = np.random.default_rng(0).dirichlet(np.ones(6), 2)
    one, other = evaluation.prd_curve(p, q, 101), evaluation.prd_curve(q, p, 101)
    np.testing.assert_allclose(one.precision, other.recall[::-1])
    np.testing.assert_allclose(one.recall, other.precision[::-1])


def test_f_beta_is_the_largest_of_the_curve():
    curve = PRDCurve(np.array([0.2, 0.6, 0.0]), np.array([0.9, 0.6, 1.0]))
    assert curve.f_beta(1) == pytest.approx(0.6)
    assert curve.f_beta(8) == pytest.approx(f_beta(8, 0.2, 0.9))


def modes(num, n, seed):
    """n points about each of `num` far corners."""
    corners = 100 * np.eye(4)[:num]
    return np.concatenate([corner + np.random.default_rng([seed, i]).normal(size=(n, 4)) for i, corner in enumerate(corners)])


def test_prd_of_features_counts_modes():
    """Real images of four modes and generated ones of two of them; four clusters are the four modes."""
    curve = evaluation.precision_recall_distributions(modes(4, 50, 0), modes(2, 100, 1), num_clusters=4, num_runs=3)
    assert (curve.precision.max(), curve.recall.max()) == pytest.approx((1, 0.5))
    same = evaluation.precision_recall_distributions(modes(4, 50, 0), modes(4, 50, 0), num_runs=2)
    assert same.f_beta(8) == pytest.approx(1)


def test_prd_is_a_function_of_the_seed():
    sides = modes(2, 40, 0), modes(3, 40, 1)[:80]
    first = evaluation.precision_recall_distributions(*sides, num_runs=2, seed=3)
    np.testing.assert_array_equal(first, evaluation.precision_recall_distributions(*sides, num_runs=2, seed=3))
    assert np.any(first.precision != evaluation.precision_recall_distributions(*sides, num_runs=2, seed=4).precision)


def test_prd_refuses_sides_of_different_sizes():
    with pytest.raises(ValueError, match=r"as many generated samples as real ones\. Received: real=30, fake=29"):
        evaluation.precision_recall_distributions(normal_features(30, 2), normal_features(29, 2))
    with pytest.raises(ValueError, match=r"at least 20 samples, one for each cluster"):
        evaluation.precision_recall_distributions(normal_features(19, 2), normal_features(19, 2))
    with pytest.raises(ValueError, match=r"fake shares that sum to one\. Received: sum=2\.0"):
        evaluation.prd_curve([1.0], [2.0])


# Improved precision and recall.


@pytest.mark.parametrize("batch_size", [2, 500])
def test_improved_precision_and_recall_of_points_on_a_line(batch_size):
    """Balls about 0, 1, 2, 3 and 10 have the radii 1, 1, 1, 1 and 7; those about 0.5, 4.5, 5, 30 have 4, 0.5, 0.5 and 25."""
    real, fake = np.array([[0.0], [1], [2], [3], [10]]), np.array([[0.5], [4.5], [5], [30]])
    precision, recall = evaluation.improved_precision_recall(real, fake, k=1, batch_size=batch_size)
    assert (precision, recall) == pytest.approx((3 / 4, 5 / 5))  # 10 is 20 from 30, inside 25
    precision, recall = evaluation.improved_precision_recall(real, fake[:3], k=1, batch_size=batch_size)
    assert (precision, recall) == pytest.approx((3 / 3, 4 / 5))


def test_improved_precision_and_recall_of_sets_that_are_alike_and_of_such_that_are_not():
    x = normal_features(50, 3).repeat(2, axis=0)
    assert evaluation.improved_precision_recall(x, x, k=1) == (1, 1)
    assert evaluation.improved_precision_recall(x + 1e4, x) == (0, 0)
    assert evaluation.improved_precision_recall(modes(4, 50, 0), modes(2, 50, 0)) == (1, 0.5)


@pytest.mark.parametrize("where", [1e6, 1e9])
def test_an_outlier_does_not_widen_the_balls_of_others(where):
    rng = np.random.default_rng(0)
    real, fake = (1e-3 * rng.standard_normal((300, 4)) + middle for middle in (0, 0.05))
    fake[0] = where
    assert evaluation.improved_precision_recall(real, fake)[0] == 0


def test_distances_hold_far_from_zero():
    """Of two tight groups, far apart, each point is in the balls of its own."""
    rng, groups = np.random.default_rng(0), np.repeat([[0.0], [1e6]], 100, axis=0)
    real, fake = (groups + 1e-3 * rng.standard_normal((200, 4)) for _ in range(2))
    near = evaluation.improved_precision_recall(*((side - groups) + np.sign(groups) for side in (real, fake)))
    assert evaluation.improved_precision_recall(real, fake) == pytest.approx(near, abs=0.01)
    assert evaluation.improved_precision_recall(real, fake + 0.1) == (0, 0)


def test_improved_precision_and_recall_need_neighbours():
    with pytest.raises(ValueError, match=r"more than k=3 samples on each side\. Received: real=3, fake=9"):
        evaluation.improved_precision_recall(normal_features(3, 2), normal_features(9, 2))


# Neighbours.


def test_nearest_neighbours_are_those_of_all_distances():
    x, train = np.random.default_rng(0).random((7, 3, 2, 1)), np.random.default_rng(1).random((30, 3, 2, 1))
    indices, distances = evaluation.nearest_neighbors(x, train, k=5)
    exact = np.sqrt(np.sum((x[:, None] - train) ** 2, axis=(2, 3, 4)))
    np.testing.assert_array_equal(indices, np.argsort(exact, axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :5])
    indices, distances = evaluation.nearest_neighbors(train[[4, 2]].astype("float32"), train.astype("float32"), k=1)
    assert indices.tolist() == [[4], [2]]
    np.testing.assert_allclose(distances, 0, atol=1e-6)


def test_neighbours_with_gaps_are_those_of_their_observed_values():
    x, train = np.random.default_rng(0).random((3, 2, 2, 1)), np.random.default_rng(1).random((20, 2, 2, 1))
    train[::2, 0, 1] = np.nan
    indices, distances = evaluation.nearest_neighbors(x, train, k=4)
    exact = np.sqrt(4 * np.nanmean((x[:, None] - train) ** 2, axis=(2, 3, 4)))
    np.testing.assert_array_equal(indices, np.argsort(exact, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :4])


def test_neighbours_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"x of shape \(N, 3, 2\), as train"):
        evaluation.nearest_neighbors(np.zeros((4, 3)), np.zeros((9, 3, 2)))
    with pytest.raises(ValueError, match=r"at least k=4 training examples\. Received: train=3"):
        evaluation.nearest_neighbors(np.zeros((4, 3)), np.zeros((3, 3)))


# The report.


def images(n, seed=0):
    return np.random.default_rng(seed).random((n, 2, 2, 1)).astype("float32")


def test_report_of_a_model_that_draws_the_real_images():
    x = images(60)
    model = Repeater(x)
    report = evaluation.generation_report(model, x, Pixels(), batch_size=25)
    assert report.pop("feature_network") == "pixels"
    assert report.pop("num_generated") == 60
    names = ["fd_generation", "fd_reconstruction", "prd_f8", "prd_f1_8", "precision", "recall"]
    assert list(report) == names
    assert list(report.values()) == pytest.approx([0, 0, 1, 1, 1, 1], abs=1e-9)
    assert model.sizes == [25, 25, 10]
    assert len(set(model.seeds)) == 3


def test_report_keeps_generation_and_reconstruction_apart():
    x = images(60)
    report = evaluation.generation_report(Repeater(x / 100), x, Pixels(), num_samples=50)
    assert report["num_generated"] == 50
    assert report["fd_reconstruction"] == pytest.approx(0, abs=1e-9)
    kept = x[evaluation.sample_of(60, 50, 0)].reshape(50, -1)
    assert report["fd_generation"] == pytest.approx(evaluation.frechet_distance(kept, x[:50].reshape(50, -1) / 100))
    assert report["recall"] < 0.1


def test_report_takes_real_features_or_their_moments():
    x, grey = images(60), images(60, seed=1) / 2
    features = grey.reshape(60, -1)
    of_moments = evaluation.generation_report(Repeater(x), x, Pixels(), real=FeatureMoments.of(features))
    given = evaluation.generation_report(Repeater(x), x, Pixels(), real=features)
    distance = evaluation.frechet_distance(features, x.reshape(60, -1))
    for report in (of_moments, given):
        assert report["fd_generation"] == report["fd_reconstruction"] == pytest.approx(distance)
    assert of_moments["precision"] == 1 > given["precision"]
    with pytest.raises(ValueError, match=r"moments of 50 real images, as many as are generated\. Received: count=60"):
        evaluation.generation_report(Repeater(x), x, Pixels(), num_samples=50, real=FeatureMoments.of(features))
    with pytest.raises(ValueError, match=r"features of 60 real images, one for each of x\. Received: real=59"):
        evaluation.generation_report(Repeater(x), x, Pixels(), real=features[1:])


def test_report_of_a_model_is_a_function_of_the_seed(binary):
    model = catalogue.make("NormalMixture")
    reports = [vm.evaluation.generation_report(model, binary, Pixels(), batch_size=16, seed=seed) for seed in (0, 0, 1)]
    assert reports[0] == reports[1]
    assert reports[0]["fd_generation"] != reports[2]["fd_generation"]
    assert reports[0]["num_generated"] == len(binary)
