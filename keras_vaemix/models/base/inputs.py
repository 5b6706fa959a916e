"""Checks on what users pass to `fit`, `evaluate` and `predict`, with one clear error before Keras sees it."""

from types import NoneType

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import ACCOMPANYING, Batch, further_inputs
from keras_vaemix.core.labels import UNLABELLED, check_observed
from keras_vaemix.core.part import require
from keras_vaemix.core.supports import expected_shape, require_dense
from keras_vaemix.core.warned import warn_caller

ONE_ARRAY = (
    "to be one array of examples [N, *], or a data set of batches of them: pass np.asarray(x) for a list, and x['image'] for a dict; "
    "a dict may hold 'x' with a 'mask' and a 'condition'"
)
TAKERS = {
    "mask": "a VAE, CPVAE or GMVAE takes one if its encoders have an input named 'mask', see networks.named_inputs",
    "condition": "a VAE, CPVAE or GMVAE takes one if its networks have an input named 'condition', see networks.named_inputs",
}


def named(model, x, name="x", y=None):
    """Returns examples, or a dict of them with what accompanies them, as a `Batch`; y [A] or [N, A] becomes their condition.

    Raises:
        ValueError: x is a list, a tuple or another dict, or the model does not take what accompanies x, or y.
    """
    if not isinstance(x, Batch):
        is_known = {"x"} <= set(x) <= {"x", *ACCOMPANYING} if isinstance(x, dict) else not isinstance(x, (list, tuple, NoneType))
        require(is_known, f"{name} {ONE_ARRAY}", **{name: sorted(x) if isinstance(x, dict) else type(x).__name__})
    batch = Batch.of(x)
    require_dense(batch.x, name)
    if y is not None:
        require(batch.condition is None, f"y, or a condition in {name}, not both", given=["condition", "y"])
        batch = batch._replace(condition=condition_of(model, len(batch.x), y))
    for one in ACCOMPANYING:
        is_taken = one in model.accompanied_by or getattr(batch, one) is None
        require(is_taken, f"no {one} for this {type(model).__name__}: {TAKERS[one]}", given=one)
    is_conditioned = batch.condition is not None or "condition" not in model.accompanied_by
    remedy = f"a dict {{'x': x, 'condition': y}} as {name}, or y= where it does not stand for labels, as in fit"
    expected = f"{remedy}, of this {type(model).__name__}, which is conditioned"
    require(is_conditioned, expected, given=["x"])
    return batch


def condition_of(model, n, y):
    """Returns y [A] or [n, A] as a condition [n, A], or None for a model without; raises `ValueError` unless it fits the model."""
    if model.condition_size is None:
        require(y is None, f"no y for this {type(model).__name__}, which is not conditioned", y=np.shape(y))
        return None
    size, y = model.condition_size, np.asarray(np.nan if y is None else y, "float32")
    expected = f"y of shape ({size},) or ({n}, {size}), finite: what this {type(model).__name__} is conditioned on"
    require(y.shape in ((size,), (n, size)) and np.isfinite(y).all(), expected, shape=y.shape)
    return tf.broadcast_to(y, [n, size])


def further_inputs_of(model, encoder):
    """Returns the names of an encoder's inputs after x; raises `ValueError` unless the model takes them, a mask in the shape of x."""
    names, taken = tuple(further_inputs(encoder)), " or ".join(model.accompaniments) or "nothing"
    is_known = len(set(names)) == len(names) and set(names) <= set(model.accompaniments)
    expected = f"an encoder with inputs x and, named by networks.named_inputs, what a {type(model).__name__} takes beside it, {taken}"
    require(is_known, expected, inputs=names)
    shapes = [one.shape for one in encoder.inputs if one.name == "mask"]
    require(shapes in ([], [encoder.inputs[0].shape]), f"a mask with the shape of x, {encoder.inputs[0].shape[1:]}", shapes=shapes)
    return names


def require_examples(x, shape, name="x"):
    """Raises `ValueError` unless a tensor or array of examples has the given shape, where its own is known."""
    received = getattr(x, "shape", None)
    if received is not None and getattr(received, "rank", 0) is not None:
        is_alike = len(received) == len(shape) + 1 and all(None in (a, b) or a == b for a, b in zip(received[1:], shape, strict=True))
        require(is_alike, expected_shape(name, received, shape), shape=tuple(received))


def require_alike(model, batch, name="x"):
    """Raises `ValueError` unless the examples of a batch have the model's shape, and its mask and condition go with them."""
    require_examples(batch.x, model.example_shape, name)
    require_examples(batch.mask, model.example_shape, f"the mask of {name}")
    require_examples(batch.condition, (model.condition_size,), f"the condition of {name}")
    if isinstance(batch.mask, np.ndarray):
        first = next(iter(batch.mask[(batch.mask != 0) & (batch.mask != 1)].tolist()), None)
        require(first is None, f"the mask of {name} to be 1 where a value is observed and 0 where it is missing", value=first)
    for one in ACCOMPANYING:
        lengths = length(batch.x), length(getattr(batch, one))
        is_alike = None in lengths or lengths[0] == lengths[1]
        require(is_alike, f"a {one} of as many examples as {name}", examples=lengths)


def check_condition(condition, name):
    """Raises `ValueError` unless all values of a condition, an array [N, A] or None, are finite."""
    is_finite = np.ones(1, bool) if condition is None else np.isfinite(condition)
    first = np.argwhere(~is_finite)[:1].tolist()
    require(is_finite.all(), f"finite values in the condition of {name}", index=first)


def length(x):
    """Returns the number of examples in a tensor or array, or None if it is not known."""
    shape = getattr(x, "shape", None)
    return None if shape is None or not getattr(shape, "rank", len(shape)) else shape[0]


def as_arrays(x):
    """Returns what converts itself to an array, such as a data frame, as one, also in a dict; anything else as it is."""
    if isinstance(x, dict):
        return {name: as_arrays(one) for name, one in x.items()}
    return np.asarray(x) if hasattr(x, "__array__") and not isinstance(x, (np.ndarray, tf.Tensor)) else x


def check_given(model, x, y=None, sample_weight=None, name="x", is_training=False):
    """Checks whole arrays and the first batch of data sets; returns the `Batch` checked, or None for what a check would use up."""
    if isinstance(x, keras.utils.PyDataset):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(x[0])
    elif isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
        require(batch is not None, f"{name} to hold at least one batch", batch=batch)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    x = as_arrays(x)
    if not (isinstance(x, (dict, list, tuple, NoneType)) or hasattr(x, "shape")):  # a generator, whose batches the steps check
        return None
    if not isinstance(named(model, x, name).x, (np.ndarray, tf.Tensor)):
        return None
    given = model.checked(x, name)
    check_labels(model, y, len(given.x), name, is_training)
    check_weights(model, sample_weight, len(given.x))
    return given


def check_labels(model, y, num_examples, name, is_training):
    """Raises `ValueError` for text labels, which a tensor cannot hold, and for what are no categories of a model that uses labels.

    Warns in training if the model could learn from labels, but does not.
    """
    is_text = isinstance(y, (np.ndarray, list)) and np.asarray(y).dtype.kind in "USO"
    expected = f"labels of {name} as numbers: np.unique(labels, return_inverse=True)[1] numbers them"
    require(not is_text, expected, dtype=str(np.asarray(y).dtype) if is_text else None)
    is_forgotten = is_training and y is None and model.learns_labels and model.label_weight is not None
    if is_forgotten:
        expected = f"labels of {name}, fit(x, y) with {UNLABELLED} for none, for a {type(model).__name__} with label_weight="
        warn_caller(f"Expected {expected}. Received: y=None")
    if y is None or not model.learns_labels:
        return
    if model.label_weight is not None:
        check_observed(y, num_examples, model.num_components, name)
    elif is_training and np.any(np.asarray(y) != UNLABELLED):
        expected = f"no labels, or a {type(model).__name__} with label_weight=, which learns from them"
        warn_caller(f"Expected {expected}. Received: labels, which are ignored")


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
    return np.full(len(Batch.of(x).x), -1) if y is None and sample_weight is not None else y


def check_batches(counter, model, where):
    """Raises `ValueError` for the first batch whose examples are not what the model takes, as a `StepsSince` counted them."""
    first, support = counter.first(), model.support
    labels = "" if model.label_weight is None else f", and labels from -1 to {model.num_components - 1}"
    weights = "" if model.couples_examples else ", and a sample_weight, if any, that is finite and at least 0"
    conditions = "" if model.condition_size is None else ", and finite values in every condition"
    expected = f"finite values in {support.name} in every batch: {support.remedy}{conditions}{weights}{labels}"
    require(first is None, expected, batch=f"number {first} {where}")
