"""The one train step of all models: every optimizer minimises its own loss."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.labels import are_categories
from keras_vaemix.core.part import require
from keras_vaemix.core.replicas import reducible, replica_batch, replica_weight
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.models.base import inputs
from keras_vaemix.models.base.compiled import CompiledModel
from keras_vaemix.models.base.counters import any_not_finite
from keras_vaemix.models.base.optimization import global_gradients


def all_of(batch):
    """Returns the batch as it is."""
    return batch


class Update(NamedTuple):
    """One update within a train step: one or more optimizers each take a gradient step down their own loss, from the same weights.

    Attributes:
        variables: The variables that each optimizer updates, a list by its name: "model", or a name in `compile(optimizers={...})`.
        losses: Function of a `Batch` that `inputs` returned, a stateless seed [2] and `training` that returns the `Terms` of each optimizer
            by its name. It records nothing, and changes no weights except those that networks update themselves in training, such as
            running moments.
        steps: Number of times the update is made.
        inputs: Function of a `Batch` of examples that returns that of the losses, whose x [B, ...] may be what a network makes of them
            that the update does not move. It is called once for all steps: on a GPU, XLA would leave it in their loop.
    """

    variables: dict
    losses: Callable
    steps: int = 1
    inputs: Callable = all_of


class SteppedModel(CompiledModel):
    """Abstract: a model that is trained by `updates()`.

    Attributes:
        couples_examples: Whether a loss depends on the batch as a whole, so that examples cannot be weighted.
        epochs_done, steps_done: Weights that count the epochs of `fit` and the train steps.
    """

    couples_examples = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps_done, self.epochs_done = (
            self.add_weight((), "zeros", name=name, trainable=False, dtype="int32", aggregation="only_first_replica")
            for name in ("steps_done", "epochs_done")
        )

    # What a subclass implements.

    @abc.abstractmethod
    def next_seed(self) -> Tensor:
        """Returns a fresh stateless seed [2] for training."""

    @abc.abstractmethod
    def evaluation_seed(self, batch: Batch) -> Tensor:
        """Returns the stateless seed [2] for batch number `batch` of an evaluation: the same in every evaluation."""

    # The step.

    def train_step(self, data):
        batch = self._batch_of(data)
        # If the data end unexpectedly there is no batch, and nothing must be counted.
        with tf.control_dependencies([batch.x]), replica_batch(batch.x):
            self.unsupported.watch(self._is_outside(batch))
            for update in self.updates():
                given = update.inputs(batch)
                repeat(update.steps, lambda update=update, given=given: self.minimize(update, given))
            for counter in (self.unsupported, self.not_finite):
                counter.update_state()
            self.steps_done.assign_add(1)
        return reducible(self.get_metrics_result())

    def test_step(self, data):
        batch = self._batch_of(data)
        with tf.control_dependencies([batch.x]), replica_batch(batch.x):
            self.evaluated.watch(self._is_outside(batch))
            seed = self.evaluation_seed(tf.convert_to_tensor(self.evaluated.steps))
            for i, update in enumerate(self.updates()):
                with keras.StatelessScope():  # a critic's or a penalty's networks may be in training mode, but nothing is to change
                    losses = update.losses(update.inputs(batch), fold_in(seed, i), False)
                for terms in losses.values():
                    self.record(batch, terms.figures)
            self.evaluated.update_state()
        return reducible(self.get_metrics_result())

    def _batch_of(self, data):
        """Returns what Keras passes to a step as a `Batch`."""
        x, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        given = inputs.named(self, x)
        inputs.require_alike(self, given)
        expected = f"no sample_weight: the loss of {type(self).__name__} depends on the batch as a whole"
        require(weight is None or not self.couples_examples, expected, sample_weight=weight)
        batch = self.as_batch(given.map(lambda one: tf.cast(one, tf.float32)))
        return batch._replace(labels=labels, weight=None if weight is None else tf.reshape(tf.cast(weight, tf.float32), [-1]))

    def as_batch(self, x):
        """Returns examples [B, *], or a dict of them with what accompanies them, as a `Batch`; with a mask, if the model takes gaps."""
        batch = Batch.of(x)
        return batch.filled() if self._takes_gaps else batch

    def predict_step(self, data):
        return self.call(self._batch_of(data).inputs())  # `self(...)` would round to half precision what is to stay in float32

    def _is_outside(self, batch: Batch) -> bool:
        """Returns whether any observed value of x is outside the support, any weight below zero, or any label that is used not a category.

        What is not finite is outside too.
        """
        outside = ~tf.reduce_all(tf.math.is_finite(batch.x) & self.support.inside(batch.x))
        if batch.condition is not None:
            outside |= ~tf.reduce_all(tf.math.is_finite(batch.condition))
        if batch.weight is not None:
            outside |= ~tf.reduce_all(tf.math.is_finite(batch.weight) & (batch.weight >= 0))
        if self.label_weight is None or batch.labels is None:
            return outside
        return outside | ~tf.reduce_all(are_categories(batch.labels, self.num_components))

    def minimize(self, update, batch):
        """Takes one step of each optimizer of an update down its own loss, on gradients of the global batch, and records the figures.

        Keras's regularizers of the weights that an optimizer updates are added to its loss, but to no figure.
        """
        seed, optimizers = self.next_seed(), {name: self.optimizer_of(name) for name in update.variables}
        with tf.GradientTape(persistent=len(optimizers) > 1) as tape:
            losses = update.losses(batch, seed, True)
            require_no_added_losses(self)
            minimised = {name: terms.total + weight_penalty(update.variables[name]) for name, terms in losses.items()}
            # Keras sums gradients over replicas, so each gives its share of the mean.
            scaled = {name: optimizers[name].scale_loss(total * replica_weight()) for name, total in minimised.items()}
        gradients = {name: tape.gradient(scaled[name], own) for name, own in update.variables.items()}
        for name, optimizer in optimizers.items():
            # With a scaled loss the optimizer skips steps whose gradients are not finite.
            is_checked = self.check_gradients and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            total = tf.where(replica_weight() > 0, losses[name].total, 0.0)  # a mean over no examples is NaN
            self.not_finite.watch(any_not_finite([total, *(gradients[name] if is_checked else ())]))
            optimizer.apply(global_gradients(optimizer, gradients[name]), update.variables[name])
            self.record(batch, losses[name].figures)

    def record(self, batch, figures):
        """Adds figures to their means over the examples of an epoch: each is [B], and weighted, or a mean over this replica's batch."""
        count = tf.cast(tf.shape(batch.x)[0], tf.float32)
        for name, value in figures.items():
            value = tf.stop_gradient(tf.convert_to_tensor(value))
            if value.shape.rank == 0:
                self._trackers[name].update_state(tf.where(count > 0, value, 0.0), count)
            else:
                self._trackers[name].update_state(value, batch.weight)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: constructors build models, and Keras's way fails on a batch that is split unevenly over replicas."""


def weight_penalty(variables):
    """Returns the sum of the penalties of Keras's regularizers, `kernel_regularizer=` and the like, on the variables that have one."""
    penalties = [variable.regularizer(variable) for variable in variables if variable.regularizer is not None]
    return tf.add_n(penalties) if penalties else 0.0


def require_no_added_losses(model):
    """Raises `ValueError` if a layer has just added a loss of its own, which is not part of any bound."""
    added = [layer.name for layer in model._flatten_layers() if layer._losses]
    expected = "layers without add_loss and activity_regularizer, which no bound contains; regularizers of weights are added to the loss"
    require(not added, expected, layers=added)


def repeat(n, move):
    """Calls `move()` n times: in a graph loop, traced once, or unrolled under a strategy, whose replicas cannot synchronise in a loop."""
    if n == 1 or tf.distribute.has_strategy():
        for _ in range(n):
            move()
    else:
        tf.while_loop(lambda i: i < n, lambda i: (move(), i + 1)[1:], [tf.constant(0)])
