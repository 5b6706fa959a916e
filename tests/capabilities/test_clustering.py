"""Clusterings judged against labels, and the divergence split at the aggregate posterior: exact cases and closed forms."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import keras_vaemix as vm
from export.storage.files import read_json
from keras_vaemix import evaluation
from keras_vaemix.core import supports
from keras_vaemix.visualization import plots
from tests import catalogue
from training.data.splits import Data, Split
from training.jobs.evaluate import describe, evaluate
from training.jobs.reports import component_report

MIXTURES = ["model-CPVAE", "model-HierarchicalVAE-vamp", "model-GMVAE", "kl-Variational"]


def shares_of(categories, num_categories):
    """Responsibilities that are certain of one category each."""
    return np.eye(num_categories)[np.asarray(categories)]


def report_of(categories, labels, num_categories):
    """The report of examples on which the categories are matched too."""
    shares = shares_of(categories, num_categories)
    return evaluation.cluster_report(shares, labels, shares, labels)


def test_one_to_one_is_not_the_commonest_label_of_each():
    categories = np.repeat([0, 1], [5, 5])
    labels = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 1])
    matching = evaluation.match_categories(categories, labels, 2)
    assert matching.one_to_one.tolist() == [1, 0]
    assert matching.majority.tolist() == [0, 0]
    np.testing.assert_array_equal(evaluation.category_table(categories, labels), [[3, 2], [4, 1]])
    report = report_of(categories, labels, 2)
    assert report["cluster_accuracy"] == pytest.approx(6 / 10)
    assert report["cluster_accuracy_majority"] == pytest.approx(7 / 10)


def test_more_categories_than_labels_leave_some_without_one():
    matching = evaluation.match_categories([0, 0, 1, 1, 1, 2], [0, 0, 1, 1, 1, 1], 5)
    assert matching.one_to_one.tolist() == [0, 1, -1, -1, -1]
    assert matching.majority.tolist() == [0, 1, 1, -1, -1]


def test_fewer_categories_than_labels():
    matching = evaluation.match_categories([0, 0, 0, 1, 1, 1], [3, 3, 0, 2, 2, 1], 2)
    assert matching.one_to_one.tolist() == matching.majority.tolist() == [3, 2]


def test_ties_go_to_the_lowest_indices():
    for labels in ([0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]):
        matching = evaluation.match_categories([0, 0, 1, 1, 2, 2], labels, 3)
        assert matching.one_to_one.tolist() == [0, 1, -1]
        assert matching.majority.tolist() == [0, 0, 0]


def test_matching_is_learned_on_the_training_examples():
    train, test = shares_of([0, 0, 1, 1], 2), shares_of([0, 0, 0, 1], 2)
    report = evaluation.cluster_report(train, [5, 5, 7, 7], test, [7, 7, 5, 5])
    assert report["cluster_accuracy"] == report["cluster_accuracy_majority"] == pytest.approx(1 / 4)
    assert report["nmi"] == pytest.approx(evaluation.cluster_report(train, [7, 7, 5, 5], test, [7, 7, 5, 5])["nmi"])


def test_perfect_clusters_have_ones():
    report = report_of([2, 2, 0, 0, 1], [0, 0, 1, 1, 2], 3)
    assert [report[name] for name in ("cluster_accuracy", "cluster_accuracy_majority", "nmi", "ari")] == pytest.approx([1, 1, 1, 1])


def test_usage_of_shares_that_are_known():
    assert evaluation.usage(np.full((7, 4), 0.25)) == {"perplexity": pytest.approx(4), "dead_categories": 0, "clusters_by_assignment": 1}
    one = {"perplexity": pytest.approx(1), "dead_categories": 2, "clusters_by_assignment": 1}
    assert evaluation.usage(shares_of([1, 1], 3)) == one
    assert evaluation.usage(shares_of([1, 1], 3), [0.03, 0.5, 0.47]) == {**one, "clusters_by_weight": 2}
    # The limit is a tenth of a quarter.
    assert evaluation.usage(np.array([[0.026, 0.024, 0.45, 0.5]]))["dead_categories"] == 1


def test_without_labels_only_usage_is_reported():
    shares = shares_of([0, 1], 2)
    assert set(evaluation.cluster_report(shares, None, shares, None)) == {"perplexity", "dead_categories", "clusters_by_assignment"}


def test_a_merged_category_has_the_label_of_its_most_certain_example():
    train, test = np.array([[0.7, 0.3], [0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]), shares_of([0, 0, 1, 1], 2)
    report = evaluation.cluster_report(train, [0, 0, 1, 1], test, [1, 1, 1, 0])
    assert (report["cluster_accuracy_merged"], report["cluster_accuracy_majority"]) == pytest.approx((3 / 4, 1 / 4))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_numbers_of_categories_mean_nothing(data):
    k, num_labels, n = (data.draw(st.integers(1, high)) for high in (6, 5, 30))
    categories = np.array(data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)))
    labels = np.array(data.draw(st.lists(st.integers(0, num_labels - 1), min_size=n, max_size=n)))
    permuted = np.array(data.draw(st.permutations(range(k))))[categories]
    one, other = report_of(categories, labels, k), report_of(permuted, labels, k)
    assert one == pytest.approx(other)
    assert one["cluster_accuracy"] <= one["cluster_accuracy_majority"] + 1e-12


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"one label for each of 3 examples\. Received: labels=2"),
        ([0, 1, -1], r"labels from 0\. Received: minimum=-1"),
        ([0.0, 1.0, 2.0], r"labels to be integers \[N\]"),
        ([[0], [1], [1]], r"labels to be integers \[N\]"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        report_of([0, 1, 1], labels, 2)
    good = shares_of([0, 1, 1], 2)
    with pytest.raises(ValueError, match=message):
        evaluation.cluster_report(good, [0, 1, 1], good, labels)


def test_bad_shares_are_refused():
    with pytest.raises(ValueError, match=r"responsibilities of categories \[N, K\]"):
        evaluation.usage([0.5, 0.5])
    with pytest.raises(ValueError, match=r"train_responsibilities of 2 categories"):
        evaluation.cluster_report(shares_of([0], 3), [0], shares_of([0], 2), [0])
    with pytest.raises(ValueError, match=r"categories from 0 to 1"):
        evaluation.match_categories([0, 2], [0, 1], 2)


@pytest.mark.parametrize("row", [[np.nan, 0.5], [np.inf, 0.0], [0.2, 0.2], [1.5, -0.5], [0.0, 0.0], [1.0, 1.0]])
def test_shares_that_are_no_distributions_are_refused(row):
    good, bad = shares_of([0, 1, 1], 2), np.array([[0.5, 0.5], row, [1.0, 0.0]])
    message = r"responsibilities of at least 0 that sum to one in each row\. Received: other_rows='1 of 3', first="
    for judge in (
        lambda: evaluation.usage(bad),
        lambda: evaluation.cluster_report(good, [0, 1, 1], bad, [0, 1, 1]),
        lambda: evaluation.cluster_report(bad, [0, 1, 1], good, [0, 1, 1]),
    ):
        with pytest.raises(ValueError, match=message):
            judge()


def test_shares_may_be_rounded():
    shares = np.random.default_rng(0).dirichlet(np.ones(300), 50).astype("float16")
    assert evaluation.usage(shares)["perplexity"] > 200


@pytest.mark.parametrize("name", ["model-CPVAE", "model-GMVAE", "prior-VampPrior", "model-HierarchicalVAE-vamp"])
def test_a_model_whose_weights_are_not_finite_clusters_nothing(name, binary):
    model = catalogue.make(**catalogue.COMBINATIONS[name])
    for weight in model.trainable_weights:
        weight.assign(np.full(weight.shape, np.nan))
    for ask in (model.responsibilities, model.cluster):
        with pytest.raises(ValueError, match=r"finite responsibilities: restore finite weights.*examples_without='30 of 30'"):
            ask(binary)


@pytest.mark.parametrize("name", MIXTURES)
def test_split_sums_to_the_divergence(name, binary):
    model = catalogue.make(**catalogue.COMBINATIONS[name])
    split = evaluation.divergence_split(model, binary, num_samples=30)
    rest = [split[part] for part in ("aggregate_kl", "conditional_kl", "category_kl") if part in split]
    assert split["mutual_information"] + sum(rest) == pytest.approx(split["kl"], abs=1e-9)
    assert 0 < split["mutual_information"] < split["mutual_information_limit"] == math.log(30)
    assert len(rest) == (2 if "CPVAE" in name else 1)
    if "Hierarchical" not in name:
        d = model.draws(tf.constant(binary), vm.ELBO(30, kl=vm.divergences.MonteCarlo()), [0, 1])
        kl, weight = (d.log_qz - d.log_pz).numpy(), np.exp(d.log_weight)
        assert split["kl"] == pytest.approx(float(np.mean(np.sum(weight * kl, axis=0))), abs=6 * float(np.std(kl)) / math.sqrt(900))


def test_split_of_categories_is_exact_in_them(binary):
    model = catalogue.make(model="CPVAE-aggregate")
    model.adapt_aggregate(binary)
    split, use = evaluation.divergence_split(model, binary), np.mean(model.responsibilities(binary), axis=0)
    assert split["negative_entropy"] == pytest.approx(np.sum(use * np.log(use)), abs=1e-5)
    assert split["category_kl"] == pytest.approx(0, abs=1e-5)
    model = catalogue.make(model="CPVAE-paper")
    split = evaluation.divergence_split(model, binary)
    assert split["category_kl"] == pytest.approx(math.log(4) + split["negative_entropy"], abs=1e-5)


def linear_vae(loc, scale):
    """A VAE of one latent whose posterior is N(loc[x], scale^2), for examples that are one-hot."""
    encoder = keras.Sequential([keras.Input((len(loc),)), keras.layers.Dense(2)])
    encoder.layers[0].set_weights([np.stack([loc, np.full(len(loc), 2 * math.log(scale))], axis=1).astype("float32"), np.zeros(2)])
    return vm.VAE(encoder, vm.networks.mlp((1,), (len(loc),), (2,)), vm.StandardNormal(1), vm.Bernoulli())


def test_split_of_distant_posteriors_is_known():
    """Posteriors that do not overlap tell all of x: log N, and the aggregate has log N less than the mean divergence."""
    loc = 20.0 * np.arange(8) - 70
    model = linear_vae(loc, 0.5)
    split = evaluation.divergence_split(model, np.eye(8, dtype="float32"), num_samples=100)
    assert split["mutual_information"] == pytest.approx(math.log(8), abs=1e-5)
    exact = np.mean(0.5 * (loc**2 + 0.25 - 1) - math.log(0.5))
    assert split["kl"] == pytest.approx(exact, rel=1e-2)


def test_split_of_posteriors_that_make_the_prior_is_known():
    r"""With locations of variance 1 - s^2 and scale s, q(z) is the standard normal and I(z; x) = -log s."""
    scale, n = 0.6, 400
    loc = math.sqrt(1 - scale**2) * norm.ppf((np.arange(n) + 0.5) / n)
    split = evaluation.divergence_split(linear_vae(loc, scale), np.eye(n, dtype="float32"), num_samples=50)
    assert split["aggregate_kl"] == pytest.approx(0, abs=5e-3)
    assert split["mutual_information"] == pytest.approx(-math.log(scale), abs=2e-2)


def test_identical_posteriors_tell_nothing():
    split = evaluation.divergence_split(linear_vae(np.full(5, 0.3), 0.5), np.eye(5, dtype="float32"), num_samples=10)
    assert split["mutual_information"] == pytest.approx(0, abs=1e-5)


def test_models_without_latents_of_these_kinds_are_refused(binary):
    assert not evaluation.has_divergence_split(keras.Sequential())
    with pytest.raises(ValueError, match=r"one or two levels or with categories, without a condition\. Received: model='Sequential'"):
        evaluation.divergence_split(keras.Sequential(), binary)


def test_heat_map_has_the_heaviest_category_on_top():
    table = np.array([[0, 1, 0], [9, 0, 0], [0, 0, 4]])
    picture = plots.heat_map(table)
    assert picture.ndim == 3
    assert picture.shape[-1] == 3
    assert picture.min() >= 0
    assert picture.max() <= 1
    np.testing.assert_array_equal(plots.heat_map(table[[1, 2, 0]])[:, -100:], picture[:, -100:])
    assert len(plots.heat_map(np.ones((500, 10)))) == len(plots.heat_map(np.ones((50, 10))))
    assert len(plots.heat_map(np.eye(50, 10))) == len(plots.heat_map(np.eye(10)))  # others are not in use


def test_heat_map_of_nothing_is_drawn():
    assert np.isfinite(plots.heat_map(np.zeros((3, 2)))).all()


def small_data(x, y):
    """The same examples in every split."""
    return Data("small", *[Split(x, y)] * 3, supports.BINARY)


def test_report_of_a_run_has_the_bound_and_the_model_that_is_sampled(binary, tmp_path):
    model = catalogue.make(model="CPVAE-paper")
    model.adapt_aggregate(binary)
    labels = model.cluster(binary)
    report = evaluate(tmp_path, model, small_data(binary, labels), "test", 50, 20)
    assert report == read_json(tmp_path / "evaluation.json")
    saved, estimate = np.load(tmp_path / "log_likelihoods.npz"), model.estimate_log_likelihood(binary[:20], 50)
    assert sorted(saved) == sorted(estimate._fields)
    np.testing.assert_array_equal(saved["log_likelihood"], estimate.log_likelihood)
    assert report["log_likelihood"] == pytest.approx(saved["log_likelihood"].mean())
    assert report["cluster_accuracy"] == report["nmi"] == pytest.approx(1)
    assert report["divergence_split"]["category_kl"] > 0
    # The aggregate posterior is the best p(c) of these examples.
    assert report["sampled"]["kl"] < report["kl"]
    assert report["sampled"]["reconstruction"] == pytest.approx(report["reconstruction"])
    lines = describe(report).splitlines()
    assert any(line.split()[:2] == ["sampled", "log_likelihood"] and "+-" in line for line in lines)
    assert any(line.split() == ["dead_categories", str(report["dead_categories"])] for line in lines)


def test_accuracy_counts_classes_that_a_split_lacks():
    """Of ten classes the test examples are of three, and half of them are taken for others."""
    chosen = np.array([0, 1, 2, 7, 8, 9])
    model = SimpleNamespace(
        support=supports.BINARY,
        responsibilities=lambda x, verbose=0: 0.9 * np.eye(10)[x[:, 0].astype(int)] + 0.01,
        log_weights=lambda: np.log(np.full(10, 0.1)),
        label_weight=1.0,
    )
    splits = [Split(values[:, None].astype("float32"), y) for values, y in ((np.arange(10), np.arange(10)), (chosen, np.zeros(6, int)))]
    data = Data("ten", splits[0], splits[0], splits[1]._replace(y=np.array([0, 1, 2, 0, 0, 0])), supports.REAL)
    assert component_report(model, data, "test")["accuracy"] == 0.5


def test_report_of_a_run_without_labels(binary, tmp_path):
    report = evaluate(tmp_path, catalogue.make("VampPrior"), small_data(binary, None), "validation", 20)
    assert {"perplexity", "dead_categories", "divergence_split"} <= set(report)
    assert not {"cluster_accuracy", "sampled"} & set(report)


def test_model_without_components_has_no_clusters(binary, tmp_path):
    report = evaluate(tmp_path, catalogue.make(), small_data(binary, np.zeros(30, int)), "test", 20)
    assert not {"perplexity", "cluster_accuracy", "divergence_split"} & set(report)
