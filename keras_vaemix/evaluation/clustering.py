"""Clustering figures: categories are matched with labels on the training set and evaluated on other examples."""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import require

DEAD_SHARE = 0.1  # fraction of 1/K, the share of a category if all are used equally
UNMATCHED = -1
ROUNDING = 1e-3  # tolerance for the sum of a row of responsibilities


class LabelAssignment(NamedTuple):
    """The label of each category, integer [K]; -1 for a category without one.

    Attributes:
        one_to_one: The assignment with the most hits in which no two categories share a label (the Hungarian algorithm).
        majority: The most common label among each category's examples.
    """

    one_to_one: Any
    majority: Any


def match_categories(categories: Array, labels: Array, num_categories: int) -> LabelAssignment:
    """Matches categories with labels by the examples that they have in common, which should be training examples.

    If the numbers of categories and labels differ, some stay unmatched, as does a category without an example of its label. Ties go to
    the lowest indices.

    Args:
        categories: Category of each example, integer [N].
        labels: Label of each example, integer [N] from zero.
        num_categories: Number of categories K.

    Returns:
        A `LabelAssignment`.

    Reference: H. Kuhn, *The Hungarian Method for the Assignment Problem*, 1955.
    """
    table = category_table(categories, labels, num_categories)
    k, num_labels = table.shape
    # All preferences together count less than one example.
    preference = np.outer(np.arange(k, 0, -1), np.arange(num_labels, 0, -1)) / (1 + min(k, num_labels) * k * num_labels)
    rows, columns = linear_sum_assignment(table + preference, maximize=True)
    one_to_one = np.full(k, UNMATCHED)
    one_to_one[rows] = np.where(table[rows, columns] > 0, columns, UNMATCHED)
    return LabelAssignment(one_to_one, np.where(table.any(axis=1), np.argmax(table, axis=1), UNMATCHED))


def category_table(categories: Array, labels: Array, num_categories: int | None = None, num_labels: int | None = None) -> np.ndarray:
    """Returns the number of examples for each category and label, integer [K, L].

    Args:
        categories: Category of each example, integer [N].
        labels: Label of each example, integer [N] from zero.
        num_categories: Number of categories K; None for the largest category plus one.
        num_labels: Number of labels L; None for the largest label plus one.

    Raises:
        ValueError: Categories or labels are not indices, or they differ in number.
    """
    categories, labels = check_indices("categories", categories, num_categories), check_indices("labels", labels, num_labels)
    check_labels(labels, len(categories))
    table = np.zeros([num_categories or categories.max() + 1, num_labels or labels.max() + 1], int)
    np.add.at(table, (categories, labels), 1)
    return table


def usage(responsibilities: Array, weights: Array | None = None) -> dict[str, Any]:
    r"""Returns how the categories are used, a dict: `perplexity`, `dead_categories` and `clusters_by_assignment`.

    The perplexity is :math:`\exp H(q(c))` of :math:`q(c) = \frac1N \sum_i q(c|x_i)` (the CP-VAE paper, eq. 14): K if all are
    used equally. A category is dead if its share q(c) is less than :math:`0.1 / K`. The clusters in use are counted by assignment, those
    to which an example is assigned, and by weight, with the prior's weights: `clusters_by_weight`, those of at least :math:`0.1 / K`.

    Args:
        responsibilities: Responsibilities for N examples, [N, K].
        weights: Weights of the categories in the prior, [K], or None.

    Raises:
        ValueError: A row is not a distribution.
    """
    responsibilities = check_responsibilities(responsibilities)
    use, limit = np.mean(responsibilities, axis=0), DEAD_SHARE / responsibilities.shape[1]
    entropy = -np.sum(use * np.log(np.maximum(use, 1e-30)))
    return {
        "perplexity": float(np.exp(entropy)),
        "dead_categories": int(np.sum(use < limit)),
        "clusters_by_assignment": len(np.unique(np.argmax(responsibilities, axis=1))),
        **({} if weights is None else {"clusters_by_weight": int(np.sum(np.asarray(weights) >= limit))}),
    }


def cluster_report(
    train_responsibilities: Array, train_labels: Array, test_responsibilities: Array, test_labels: Array, weights: Array | None = None
) -> dict[str, Any]:
    """Evaluates a clustering on test examples, each assigned to the category with the largest responsibility.

    Args:
        train_responsibilities: Responsibilities for training examples [N, K], on which categories are matched with labels.
        train_labels: Their labels, integer [N] from zero, or None.
        test_responsibilities: Responsibilities for the examples to evaluate, [N', K].
        test_labels: Their labels, or None.
        weights: Weights of the categories in the prior, [K], or None.

    Returns:
        A dict: the figures of `usage`, and with labels `cluster_accuracy` (one category per label), `cluster_accuracy_majority` (any number
        of categories per label), `cluster_accuracy_merged` (as many, by the VampPrior mixture's code: a category has the label of the
        training example that has the most of it), `nmi` and `ari` (which need no matching).

    Raises:
        ValueError: The numbers of labels and examples differ, a row of responsibilities is not a distribution, or the numbers of
            categories differ.
    """
    report, num_categories = usage(test_responsibilities, weights), np.shape(test_responsibilities)[1]
    if train_labels is None or test_labels is None:
        return report
    same = check_responsibilities(train_responsibilities).shape[1] == num_categories
    require(
        same, f"train_responsibilities of {num_categories} categories, as test_responsibilities", shape=np.shape(train_responsibilities)
    )
    matching = match_categories(np.argmax(train_responsibilities, axis=1), train_labels, num_categories)
    merged = np.asarray(train_labels)[np.argmax(train_responsibilities, axis=0)]
    categories, labels = np.argmax(test_responsibilities, axis=1), check_indices("test_labels", test_labels)
    check_labels(labels, len(categories))
    return {
        "cluster_accuracy": float(np.mean(matching.one_to_one[categories] == labels)),
        "cluster_accuracy_majority": float(np.mean(matching.majority[categories] == labels)),
        "cluster_accuracy_merged": float(np.mean(merged[categories] == labels)),
        "nmi": float(normalized_mutual_info_score(labels, categories)),
        "ari": float(adjusted_rand_score(labels, categories)),
        **report,
    }


def check_labels(labels, num_examples):
    """Raises `ValueError` unless there is one label for each example."""
    require(len(labels) == num_examples, f"one label for each of {num_examples} examples", labels=len(labels))


def check_responsibilities(responsibilities):
    """Returns responsibilities as an array [N, K]; raises `ValueError` unless each row is a distribution, to `ROUNDING`."""
    responsibilities = np.asarray(responsibilities)
    require(responsibilities.ndim == 2 and responsibilities.size > 0, "responsibilities of categories [N, K]", shape=responsibilities.shape)
    sums = responsibilities.sum(axis=1, dtype="float64")
    is_distribution = (responsibilities >= 0).all(axis=1) & (np.abs(sums - 1) <= ROUNDING)  # false for NaN
    first = responsibilities[np.argmin(is_distribution), :5].tolist()
    expected = "responsibilities of at least 0 that sum to one in each row"
    require(is_distribution.all(), expected, other_rows=f"{np.sum(~is_distribution)} of {len(responsibilities)}", first=first)
    return responsibilities


def check_indices(name, values, num=None):
    """Returns `values` as integers [N] in 0..num-1; raises `ValueError` for anything else."""
    values = np.asarray(values)
    is_vector = values.ndim == 1 and values.size > 0 and np.issubdtype(values.dtype, np.integer)
    require(is_vector, f"{name} to be integers [N]", shape=values.shape, dtype=str(values.dtype))
    values, low, high = values.astype(int), int(values.min()), int(values.max())
    expected = f"{name} from 0" if num is None else f"{name} from 0 to {num - 1}"
    require(low >= 0 and (num is None or high < num), expected, minimum=low, maximum=high)
    return values
