"""Counters that name the first bad step of an epoch, even when read only after a compiled loop of many steps."""

import keras
import tensorflow as tf


class StepsSince(keras.metrics.Metric):
    """Counts all steps, and the steps from the first one that met a condition.

    Like every metric it is not a weight: it is not saved, and does not affect training.
    """

    def __init__(self, name):
        super().__init__(name=name, dtype="int32")
        self.has_met = self.add_variable((), "zeros", dtype="int32", name="has_met")
        self.since = self.add_variable((), "zeros", dtype="int32", name="since")
        self.steps = self.add_variable((), "zeros", dtype="int32", name="steps")

    def watch(self, is_met):
        """Records whether the condition is met, a boolean; may be called any number of times in a step."""
        self.has_met.assign(tf.maximum(self.has_met, tf.cast(is_met, "int32")))

    def update_state(self):
        """Ends a step."""
        self.since.assign_add(self.has_met)
        self.steps.assign_add(1)

    def result(self):
        return self.since

    def count(self):
        """Returns the number of steps since then, an integer, rounded up: a replica may see the others' condition one step later."""
        return -(-int(keras.ops.convert_to_numpy(self.since)) // tf.distribute.get_strategy().num_replicas_in_sync)

    def first(self):
        """Returns the number of the first step in which the condition was met, counted from one, or None."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        count = self.count()
        return int(keras.ops.convert_to_numpy(self.steps)) // replicas - count + 1 if count else None


def any_not_finite(values):
    """Returns whether any value of the tensors is not finite; a tensor that is None is left out."""
    values = [tf.convert_to_tensor(value) for value in values if value is not None]
    return ~tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in values])
