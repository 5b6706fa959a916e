"""A few labels: the categories that are observed for some examples of a batch, and -1 for the others."""

import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import require

UNLABELLED = -1
IMPOSSIBLE = -1e30  # a log-probability that is finite, so that it times zero is zero


def check_observed(labels, num_examples, num_categories, name):
    """Raises `ValueError` unless labels are whole numbers [N] from -1, which stands for none, to K - 1."""
    labels = np.asarray(labels)
    expected = f"labels of {name}: one whole number for each of {num_examples} examples, from -1 (none) to {num_categories - 1}"
    is_column = labels.dtype.kind in "biuf" and len(labels.shape) in (1, 2) and labels.size == len(labels) == num_examples
    require(is_column, expected, shape=labels.shape, dtype=str(labels.dtype))
    is_category = np.asarray(are_categories(labels, num_categories))
    require(is_category.all(), expected, first_wrong=next(iter(labels[~is_category].ravel().tolist()), None))


def are_categories(labels, num_categories):
    """Returns for each label whether it is a whole number from -1 to K - 1."""
    labels = tf.cast(labels, tf.float32)
    return (labels == tf.round(labels)) & (labels >= UNLABELLED) & (labels < num_categories)


def are_observed(labels):
    """Returns for each of the labels [B] whether there is one."""
    return labels > UNLABELLED


def as_observed(labels, num_examples):
    """Returns the labels of a batch as integers [B]; None, and no label, is -1."""
    return tf.fill([num_examples], UNLABELLED) if labels is None else tf.cast(tf.reshape(labels, [-1]), tf.int32)


def given_labels(log_q, labels):
    """Returns log q(c|x) [B, K] where the category is unknown, and all probability on the label [B] where there is one."""
    is_label = tf.one_hot(labels, log_q.shape[-1], on_value=True, off_value=False)
    return tf.where(are_observed(labels)[:, None], tf.where(is_label, 0.0, IMPOSSIBLE), log_q)


def at_labels(values, labels):
    """Returns the values [..., B, K] at the labels [B], and zero where there is none, [..., B]."""
    chosen = tf.one_hot(labels, values.shape[-1], on_value=True, off_value=False)  # all false for -1
    return tf.reduce_sum(tf.where(chosen, values, 0.0), axis=-1)
