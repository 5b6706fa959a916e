"""A data set from arrays: which of them are splits and labels, and which support holds them; none is dropped silently."""

import re

import numpy as np

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import blocks
from keras_vaemix.core.part import require
from training.data.labels import classified
from training.data.rows import scale
from training.data.sources import split_of
from training.data.splits import BINARIZATION_SEED, SPLITS, Data, Split
from training.data.values import as_grey


def with_split_names(name, arrays):
    """Returns arrays of examples and labels named x, x_train, x_validation, x_test, and likewise y, whatever the splits are called."""
    named = {}
    for key, array in arrays.items():
        letter, _, rest = key.lower().partition("_")
        split = split_of(rest)
        new = f"{letter}_{split}" if split and letter in ("x", "y") else letter if key in ("X", "Y") else key
        require(new not in named, f"one array {new} in {name}: leave out or rename the other", arrays=sorted(arrays))
        named[new] = array
    return named


def from_arrays(name, arrays, rescale=as_grey):
    """Returns a set from arrays `x_train`, `x_validation`, `x_test` with labels `y_*`, or from one array `x`, split 80 / 10 / 10.

    `attributes_*`, booleans [N, A], with their `attribute_names` [A], are attributes of the examples, as CelebA has forty.

    Prints one line about what was read and what was done.

    Args:
        name: Name of the set.
        arrays: Arrays by name.
        rescale: Function from the name and the arrays of examples to rescaled arrays, and a description of what was done.

    Raises:
        ValueError: There are no such arrays, or another one looks like a split.
    """
    if "x" not in arrays and "x_train" not in arrays:
        raise ValueError(f"Expected an array x, or x_train (with x_validation and x_test), in {name}. Received: {sorted(arrays)}")
    left_out = check_used(name, arrays)
    x = {key: value for key, value in arrays.items() if key in ("x", *(f"x_{split}" for split in SPLITS))}
    flat = {key: value.shape for key, value in x.items() if value.ndim < 2}
    require(not flat, f"examples [N, ...] of at least one value each in {name}", shapes=flat)
    splits = {"train": "x"} if "x" in x else {split: f"x_{split}" for split in SPLITS if f"x_{split}" in x}
    missing = [split for split in SPLITS if split not in splits]
    for split, key in splits.items():
        check_count(name, key, x[key], [split, *missing] if split == "train" else [split])
    x, values = rescale(name, x)
    beside = lambda key, name: arrays.get(key.replace("x", name, 1))  # noqa: E731
    whole = {split: Split(channels(x[key]), beside(key, "y"), beside(key, "attributes")) for split, key in splits.items()}
    names = attribute_names(name, arrays, whole)
    for split, examples in whole.items():
        check_labels(examples, f"{name} {split}")
    num_held_out = max(1, len(whole["train"].x) // 10)
    for split in missing:
        whole["train"], whole[split] = hold_out(whole["train"], num_held_out)
    whole, labels = classified(name, whole)
    sizes = ", ".join(f"{split} {len(whole[split].x)}{' held out of train' if split in missing else ''}" for split in SPLITS)
    rest = f"; not used: {', '.join(left_out)}" if left_out else ""
    data = Data(name, *(whole[split] for split in SPLITS), support_of(whole["train"].x), attribute_names=names)
    gaps = data.share_of_gaps()
    missing = f", {100 * gaps:.3g} % of values missing" if gaps else ""
    print(f"read {name}: {sizes}, each {data.shape}; {values}{missing}; {labels}{rest}")
    return data


def check_count(name, key, x, splits):
    """Raises `ValueError` unless an array of examples has at least one for each of the splits that are made of it."""
    require(len(x) >= len(splits), f"examples for {', '.join(splits)} in {key} of {name}, at least {len(splits)}", **{key: x.shape})


def attribute_names(name, arrays, splits):
    """Returns the names of attributes, none if there are none; raises `ValueError` unless each split has booleans [N, A] for them."""
    given = {split: part.attributes for split, part in splits.items() if part.attributes is not None}
    if not given and "attribute_names" not in arrays:
        return ()
    names = tuple(map(str, arrays.get("attribute_names", ())))
    fit = {split: np.shape(value) == (len(splits[split].x), len(names)) and np.isin(value, (0, 1)).all() for split, value in given.items()}
    expected = f"attribute_names and booleans [N, {len(names)}], attributes of every split, in {name}"
    shapes = {split: np.shape(value) for split, value in given.items()}
    require(names and set(fit) == set(splits) and all(fit.values()), expected, names=len(names), attributes=shapes)
    for split, value in given.items():
        splits[split] = splits[split]._replace(attributes=np.asarray(value, bool))
    return names


def check_used(name, arrays):
    """Returns the names of arrays that are not used; raises `ValueError` if one of them looks like examples or labels of a split."""
    examples = ["x"] if "x" in arrays else [f"x_{split}" for split in SPLITS if f"x_{split}" in arrays]
    beside = {key.replace("x", name, 1) for key in examples for name in ("y", "attributes")}
    left_out = sorted(set(arrays) - {*examples, *beside, "attribute_names"})
    words = {key: [word.strip("xyXY") for word in re.split("[^A-Za-z0-9]+", key)] for key in left_out}
    like_splits = [key for key in left_out if key in ("x", "y") or any(map(split_of, words[key]))]
    expected = f"x with y, or x_train, x_validation and x_test with y_train, y_validation and y_test, in {name}: rename or leave out others"
    require(not like_splits, expected, used=examples, not_used=like_splits)
    return left_out


def hold_out(split, n):
    """Returns a split without n randomly chosen examples, and the split of those."""
    order = np.random.default_rng(BINARIZATION_SEED).permutation(len(split.x))
    return split.take(np.sort(order[n:])), split.take(np.sort(order[:n]))


def support_of(x):
    """Returns the smallest support that holds the examples."""
    if not np.issubdtype(x.dtype, np.number) and x.dtype != bool:
        raise ValueError(f"Expected arrays of numbers. Received: dtype={x.dtype}")
    if x.dtype == np.uint8:  # avoids a float32 copy of the whole array
        return supports.BINARY if all(np.all((block == 0) | (block == 255)) for _, block in blocks(x)) else supports.LEVELS
    known = (supports.BINARY, supports.LEVELS, supports.UNIT_INTERVAL, supports.REAL)
    return next(support for support in known if lies_in(x, support))


def lies_in(x, support):
    """Returns whether all examples x [N, *] lie in a support, 8-bit values divided by 255, and what is missing left out."""
    with np.errstate(invalid="ignore"):  # infinities lie in none but the real line
        return all(np.all(support.inside(block) | np.isnan(block)) for _, values in blocks(x) for block in [scale(values)])


def channels(x):
    """Returns images [N, H, W] as [N, H, W, 1], and anything else as it is."""
    return x[..., None] if x.ndim == 3 else x


def check_labels(split, name):
    """Raises `ValueError` unless a split has no labels, or one for each example."""
    n = len(split.x)
    require(split.y is None or np.shape(split.y)[:1] == (n,), f"one label for each of {n} examples in {name}", labels=np.shape(split.y))
