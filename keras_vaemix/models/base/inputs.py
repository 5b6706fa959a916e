"""Checks on what users pass to `fit`, `evaluate` and `predict`, with one clear error before Keras sees it."""

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import require

ONE_ARRAY = "to be one array of examples [N, *], or a data set of such batches: take x['image'] of a dict, np.asarray(x) of nested lists"


def require_examples(x, shape, name="x"):
    """Raises `ValueError` unless x is one tensor or array of examples, of the given shape where its own is known."""
    require(not isinstance(x, (dict, list, tuple)), f"{name} {ONE_ARRAY}", **{name: type(x).__name__})
    received = getattr(x, "shape", None)
    if received is not None and getattr(received, "rank", 0) is not None:
        is_alike = len(received) == len(shape) + 1 and all(None in (a, b) or a == b for a, b in zip(received[1:], shape, strict=True))
        require(is_alike, f"{name} of shape (N, {', '.join(map(str, shape))})", shape=tuple(received))


def check_given(model, x, y=None, sample_weight=None, name="x"):
    """Checks whole arrays and the first batch of data sets; returns what it checked, or None for what a check would use up."""
    if isinstance(x, keras.utils.PyDataset):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(x[0])
    elif isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
        require(batch is not None, f"{name} to hold at least one batch", batch=batch)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    require(not isinstance(x, (dict, list, tuple)), f"{name} {ONE_ARRAY}", **{name: type(x).__name__})
    if not isinstance(x, (np.ndarray, tf.Tensor)):
        return None
    model.check(x, name)
    check_labels(y, name)
    check_weights(model, sample_weight, len(x))
    return x


def check_labels(y, name):
    """Raises `ValueError` for text labels, which a tensor cannot hold."""
    is_text = isinstance(y, (np.ndarray, list)) and np.asarray(y).dtype.kind in "USO"
    expected = f"labels of {name} as numbers: np.unique(labels, return_inverse=True)[1] numbers them"
    require(not is_text, expected, dtype=str(np.asarray(y).dtype) if is_text else None)


def check_weights(model, sample_weight, num_examples):
    """Raises `ValueError` unless sample weights are one number of at least zero for each example, and the model takes them."""
    if sample_weight is None:
        return
    weight = np.asarray(sample_weight)
    expected = f"no sample_weight: the loss of {type(model).__name__} depends on the batch as a whole"
    require(not model.couples_examples, expected, sample_weight=weight.shape)
    require(weight.size == num_examples == len(weight), f"sample_weight of shape ({num_examples},)", shape=weight.shape)
    is_weight = np.isfinite(weight) & (weight >= 0)
    require(is_weight.all(), "finite sample_weight of at least 0", first_wrong=next(iter(weight[~is_weight].ravel().tolist()), None))


def with_weights(x, y=None, sample_weight=None):
    """Returns labels for Keras, which drops the weights of examples without labels; a missing label is -1."""
    return np.full(len(x), -1) if y is None and sample_weight is not None else y


def check_batches(counter, support, where):
    """Raises `ValueError` for the first batch with values that are not finite or outside the support, as a `StepsSince` counted them."""
    first = counter.first()
    expected = f"finite values in {support.name} in every batch: {support.remedy}"
    require(first is None, expected, batch=f"number {first} {where}")
