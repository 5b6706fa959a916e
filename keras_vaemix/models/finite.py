"""Whether every loss of the train steps was a finite number, and since when not."""

import keras
import tensorflow as tf


class StepsSinceNotFinite(keras.metrics.Metric):
    """Counts the train steps from the first one on whose loss, or one of whose gradients if they are checked, was not finite.

    Like every metric it is no weight: it is not saved, and leaves training as it is. A compiled loop of many steps says by it which.
    """

    def __init__(self, name="steps_since_not_finite"):
        super().__init__(name=name, dtype="int32")
        self.has_met = self.add_variable((), "zeros", dtype="int32", name="has_met")
        self.steps = self.add_variable((), "zeros", dtype="int32", name="steps")

    def watch(self, loss, gradients=()):
        """Takes a loss, a scalar, and gradients of any shapes, in a step."""
        gradients = [tf.convert_to_tensor(g) for g in gradients if g is not None]
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in (loss, *gradients)])
        self.has_met.assign(tf.maximum(self.has_met, tf.cast(~finite, "int32")))

    def update_state(self):
        """Ends a step."""
        self.steps.assign_add(self.has_met)

    def result(self):
        return self.steps

    def count(self):
        """Returns the number of steps, as an integer: a replica whose own loss was finite meets the others' gradient one step later."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return -(-int(keras.ops.convert_to_numpy(self.steps)) // replicas)
