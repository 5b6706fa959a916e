"""Labels of a user's arrays as classes, integers from zero, whatever form they come in."""

import numpy as np

from keras_vaemix.core.part import require


def classified(name, splits):
    """Returns splits by their names with labels as classes, and in words what they are; labels that are no classes stay as they are.

    Raises:
        ValueError: The labels of one split are of another kind or shape than those of another.
    """
    given = {split: column(np.asarray(part.y)) for split, part in splits.items() if part.y is not None}
    if not given:
        return splits, "no labels"
    kinds = {split: (y.shape[1:], "text" if y.dtype.kind in "US" else "numbers") for split, y in given.items()}
    require(len(set(kinds.values())) == 1, f"labels of one kind and shape in all splits of {name}", labels=kinds)
    y, words = as_classes(np.concatenate(list(given.values())), len(splits["train"].x))
    if y is None:
        return splits, f"labels {words}: no classes, left out"
    ends = np.cumsum([len(y) for y in given.values()])
    parts = dict(zip(given, np.split(y, ends[:-1]), strict=True))
    return {split: part._replace(y=parts.get(split)) for split, part in splits.items()}, f"labels {words}, {len(np.unique(y))} classes"


def column(y):
    """Returns labels [N, 1] as [N], and others as they are."""
    return y.reshape(-1) if y.ndim > 1 and y.size == len(y) else y


def as_classes(y, num_train):
    """Returns labels as integers [N] below `num_train` and in words what they are, or None and what is in the way."""
    if not y.size:
        return None, "of no examples"
    if y.ndim == 2 and is_one_hot(y):
        return np.argmax(y, axis=1), "in one-hot form"
    if y.ndim != 1:
        return None, f"of shape {y.shape[1:]} for an example"
    if y.dtype.kind in "US":
        return numbered(y, "of text")
    if y.dtype.kind == "f" and np.all(np.abs(y) < 2**53) and np.all(y == np.round(y)):
        y = y.astype(int)
    if y.dtype.kind not in "biu":
        return None, f"of {y.dtype} that are no whole numbers"
    y = y.astype(int) if y.dtype == bool else y
    if y.min() < 0:
        return None, f"from {y.min()} on (number classes from zero)"
    return (y, f"from {y.min()} to {y.max()}") if y.max() < num_train else numbered(y, f"from {y.min()} to {y.max()}")


def numbered(y, words):
    """Returns the place of each label in the sorted list of those there are, if any is that of two examples."""
    names, place = np.unique(y, return_inverse=True)
    return (place, words) if len(names) < len(y) else (None, f"{words}, another for each example")


def is_one_hot(y):
    """Returns whether the rows of y [N, C] have a single one each and else zeros."""
    return y.dtype.kind in "biuf" and bool(np.all((y == 0) | (y == 1)) and np.all(np.sum(y == 1, axis=1) == 1))
