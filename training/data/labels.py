"""Labels of a user's arrays as classes, integers from zero, whatever form they come in."""

import numpy as np

from keras_vaemix.core.part import require


def classified(name, splits):
    """Returns splits by name with labels as classes, and a description of the labels; labels that are not classes stay as they are.

    Raises:
        ValueError: The labels of different splits differ in kind or shape.
    """
    given = {split: column(np.asarray(part.y)) for split, part in splits.items() if part.y is not None}
    if not given:
        return splits, "no labels"
    kinds = {split: (y.shape[1:], "text" if y.dtype.kind in "US" else "numbers") for split, y in given.items()}
    require(len(set(kinds.values())) == 1, f"labels of one kind and shape in all splits of {name}", labels=kinds)
    y, words = as_classes(np.concatenate(list(given.values())), len(splits["train"].x))
    if y is None:
        return splits, f"labels {words}: not classes, left out"
    ends = np.cumsum([len(y) for y in given.values()])
    parts = dict(zip(given, np.split(y, ends[:-1]), strict=True))
    return {split: part._replace(y=parts.get(split)) for split, part in splits.items()}, f"labels {words}, {len(np.unique(y))} classes"


def column(y):
    """Returns labels [N, 1] as [N], and others as they are."""
    return y.reshape(-1) if y.ndim > 1 and y.size == len(y) else y


def as_classes(y, num_train):
    """Returns labels as integers [N] below `num_train` and a description of them, or None and the reason."""
    if not y.size:
        return None, "of no examples"
    if y.ndim == 2 and is_one_hot(y):
        return np.argmax(y, axis=1), "in one-hot form"
    if y.ndim != 1:
        return None, f"of shape {y.shape[1:]} per example"
    if y.dtype.kind in "US":
        return numbered(y, "of text")
    if y.dtype.kind == "f" and np.all(np.abs(y) < 2**53) and np.all(y == np.round(y)):
        y = y.astype(int)
    if y.dtype.kind not in "biu":
        return None, f"of {y.dtype} that are not whole numbers"
    y = y.astype(int) if y.dtype == bool else y
    if y.min() < 0:
        return None, f"from {y.min()} on (number classes from zero)"
    return (y, f"from {y.min()} to {y.max()}") if y.max() < num_train else numbered(y, f"from {y.min()} to {y.max()}")


def numbered(y, words):
    """Returns the index of each label in the sorted list of distinct ones, unless all are distinct, and a description."""
    names, place = np.unique(y, return_inverse=True)
    return (place, words) if len(names) < len(y) else (None, f"{words}, a different one for each example")


def is_one_hot(y):
    """Returns whether each row of y [N, C] has a single one, and zeros elsewhere."""
    return y.dtype.kind in "biuf" and bool(np.all((y == 0) | (y == 1)) and np.all(np.sum(y == 1, axis=1) == 1))


def balanced(labels, num, seed):
    """Returns labels [N] with all but `num` of them replaced by -1; those that are kept are drawn by the seed, alike for every class.

    Raises:
        ValueError: There are fewer examples of a class, or fewer labels than classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    wanted = num // len(classes) + (np.arange(len(classes)) < num % len(classes))
    most = len(classes) * int(counts.min()) + int(np.argmin(counts))
    shares = f"as many of each of {len(classes)} classes, of which the rarest has {counts.min()} examples"
    require(len(classes) <= num <= most, f"--num-labels from {len(classes)} to {most}: {shares}", num_labels=num)
    rng, kept = np.random.default_rng(seed), np.full(len(labels), -1)
    for one, n in zip(classes, wanted, strict=True):
        chosen = rng.permutation(np.flatnonzero(labels == one))[:n]
        kept[chosen] = one
    return kept
