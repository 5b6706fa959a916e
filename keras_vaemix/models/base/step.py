"""The one train step: every optimizer moves down its own loss, whatever the model."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.part import require
from keras_vaemix.core.replicas import is_multiworker, reducible, replica_batch, replica_weight
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.weights import whole
from keras_vaemix.core.xla import naming_refused
from keras_vaemix.models.base import inputs
from keras_vaemix.models.base.bookkeeping import with_bookkeeping
from keras_vaemix.models.base.counters import StepsSince, any_not_finite
from keras_vaemix.models.base.optimization import accumulates, finalize_own, global_gradients

OWN_LOSS = ("loss", "loss_weights", "metrics", "weighted_metrics")


class Update(NamedTuple):
    """One move of a train step: a gradient step of each of some optimizers, from the same weights, down its own loss.

    Attributes:
        variables: What each optimizer moves, a list by the optimizer's name: "model", or a name in `compile(optimizers={...})`.
        losses: Function of a `Batch`, a stateless seed [2] and `training` that returns the `Terms` of each optimizer by its name. It
            records nothing and moves no weight but those that networks keep of their inputs, in training, such as running moments.
        steps: How often the move is made.
    """

    variables: dict
    losses: Callable
    steps: int = 1


class SteppedModel(keras.Model, abc.ABC):
    """Abstract: a model that is trained by `updates()`, and checks what it is given before Keras sees it.

    Attributes:
        couples_examples: Whether a loss is of the batch as a whole, so that examples have no weights of their own.
        epochs_done, steps_done: Weights that count the epochs of `fit`, and the train steps.
    """

    couples_examples = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps_done, self.epochs_done = (
            self.add_weight((), "zeros", name=name, trainable=False, dtype="int32", aggregation="only_first_replica")
            for name in ("steps_done", "epochs_done")
        )

    # What a model writes.

    @abc.abstractmethod
    def updates(self):
        """Returns the moves of a train step, in order."""

    @abc.abstractmethod
    def metric_names(self):
        """Returns the names of all figures of its losses."""

    @abc.abstractmethod
    def check(self, x, name="x"):
        """Raises `ValueError` unless `x` is an array of examples of this model."""

    @abc.abstractmethod
    def next_seed(self):
        """Returns a fresh stateless seed [2] for training."""

    @abc.abstractmethod
    def evaluation_seed(self, batch):
        """Returns the stateless seed [2] of a batch of an evaluation, of which `batch` is the number: the same in every evaluation."""

    @property
    @abc.abstractmethod
    def support(self):
        """The `Support` of its examples."""

    @property
    @abc.abstractmethod
    def example_shape(self):
        """Shape of one example, without the batch."""

    def default_optimizers(self):
        """Returns the optimizers, by name, beside that of the model itself."""
        return {}

    def supports_xla(self):
        """Returns whether everything in a step is in the graph, where XLA can follow."""
        return True

    # The step.

    def train_step(self, data):
        batch = self.batch_of(data)
        # Where data end unforeseen there is no batch, and nothing is to be counted.
        with tf.control_dependencies([batch.x]), replica_batch(batch.x):
            self.unsupported.watch(self.is_outside(batch.x))
            for update in self.updates():
                repeat(update.steps, lambda update=update: self.minimize(update, batch))
            for counter in (self.unsupported, self.not_finite):
                counter.update_state()
            self.steps_done.assign_add(1)
        return reducible(self.get_metrics_result())

    def test_step(self, data):
        batch = self.batch_of(data)
        with tf.control_dependencies([batch.x]), replica_batch(batch.x):
            self.evaluated.watch(self.is_outside(batch.x))
            seed = self.evaluation_seed(tf.convert_to_tensor(self.evaluated.steps))
            for i, update in enumerate(self.updates()):
                for terms in update.losses(batch, fold_in(seed, i), False).values():
                    self.record(batch, terms.figures)
            self.evaluated.update_state()
        return reducible(self.get_metrics_result())

    def batch_of(self, data):
        """Returns the `Batch` of what Keras hands to a step."""
        x, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        inputs.require_examples(x, self.example_shape)
        expected = f"no sample_weight: the loss of {type(self).__name__} is of the batch as a whole"
        require(weight is None or not self.couples_examples, expected, sample_weight=weight)
        return Batch(tf.cast(x, tf.float32), labels, None if weight is None else tf.reshape(tf.cast(weight, tf.float32), [-1]))

    def is_outside(self, x):
        """Returns whether a value of x is not finite or outside of the support."""
        return ~tf.reduce_all(tf.math.is_finite(x) & self.support.inside(x))

    def minimize(self, update, batch):
        """Takes one step of each optimizer of a move down its own loss, on gradients of the global batch, and records the figures."""
        seed, optimizers = self.next_seed(), {name: self.optimizer_of(name) for name in update.variables}
        with tf.GradientTape(persistent=len(optimizers) > 1) as tape:
            losses = update.losses(batch, seed, True)
            # Keras sums gradients over replicas, so each gives its share of the mean.
            scaled = {name: optimizers[name].scale_loss(terms.total * replica_weight()) for name, terms in losses.items()}
        gradients = {name: tape.gradient(scaled[name], own) for name, own in update.variables.items()}
        for name, optimizer in optimizers.items():
            # Where the loss is scaled, a gradient that is not finite is a step that is skipped.
            is_checked = self.check_gradients and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            total = tf.where(replica_weight() > 0, losses[name].total, 0.0)  # no example, no mean
            self.not_finite.watch(any_not_finite([total, *(gradients[name] if is_checked else ())]))
            optimizer.apply(global_gradients(optimizer, gradients[name]), update.variables[name])
            self.record(batch, losses[name].figures)

    def record(self, batch, figures):
        """Adds figures to their means over the examples of an epoch: each [B], weighted, or a mean over this replica's batch."""
        count = tf.cast(tf.shape(batch.x)[0], tf.float32)
        for name, value in figures.items():
            value = tf.stop_gradient(tf.convert_to_tensor(value))
            if value.shape.rank == 0:
                self._trackers[name].update_state(tf.where(count > 0, value, 0.0), count)
            else:
                self._trackers[name].update_state(value, batch.weight)

    @property
    def metrics(self):
        return list(self._trackers.values()) if self.compiled else []

    def reset_metrics(self):
        super().reset_metrics()
        self.evaluated.reset_state()

    # Optimizers.

    def optimizer_of(self, name):
        """Returns the optimizer of a name in `updates()`."""
        return self.optimizer if name == "model" else self.optimizers[name]

    def variables_of(self):
        """Returns the variables that each optimizer moves, by its name."""
        return {name: own for update in self.updates() for name, own in update.variables.items()}

    def compile(self, optimizer="adam", optimizers=None, jit_compile="auto", check_gradients=False, **kwargs):
        """Configures training.

        With `use_ema=True` an optimizer's averages take the place of the weights that it moves at the end of `fit`: those are evaluated,
        saved and exported afterwards. Validation during training sees the weights themselves, unless Keras's `SwapEMAWeights` is given.

        Args:
            optimizer: Optimizer of the model.
            optimizers: Further optimizers, by name; the paper's for those that are missing.
            jit_compile: XLA; `"auto"` means on one replica only, since TensorFlow on CPU fails with it on several, and never with
                a divergence that computes outside of the graph.
            check_gradients: Whether every gradient is checked to be finite in every step, and not the losses alone.
            **kwargs: Keras's own, such as `steps_per_execution`, which is one over several workers, whose collective operations
                TensorFlow cannot put into the loop of steps.

        Raises:
            ValueError: A loss or metrics are given, which the model has of its own, an optimizer has a name that the model has not, or
                gradients are to be accumulated on several replicas, which Keras cannot.
        """
        for name in OWN_LOSS:
            require(kwargs.get(name) is None, f"no {name}: the model has losses and figures of its own", **{name: kwargs.get(name)})
        self.check_optimizers(optimizers)
        self.compile_options = {"jit_compile": jit_compile, "check_gradients": check_gradients, **kwargs}
        if is_multiworker(self.distribute_strategy):
            kwargs["steps_per_execution"] = 1
        replicas = self.distribute_strategy.num_replicas_in_sync
        if jit_compile == "auto":
            jit_compile = self.supports_xla() and not kwargs.get("run_eagerly") and replicas == 1
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self.check_gradients = check_gradients
        given = {**self.default_optimizers(), **(optimizers or {})}
        self.optimizers = {name: self.scaled(keras.optimizers.get(one)) for name, one in given.items()}
        with self.distribute_strategy.scope():
            self.make_trackers()
            for name, own in self.variables_of().items():
                one = self.optimizer_of(name)
                expected = "no gradient_accumulation_steps on several replicas, where Keras fails: raise batch_size instead"
                require(replicas == 1 or not accumulates(one), expected, optimizer=name, replicas=replicas)
                one.build(own)
        finalize_own(self.optimizer, self.variables_of()["model"])

    def check_optimizers(self, optimizers):
        """Raises `ValueError` unless `optimizers` are of the names that the model has."""
        names = sorted(self.default_optimizers())
        expected = f"optimizers to be a dict of {names}, or None" if names else "no further optimizers: the model has its own alone"
        is_known = optimizers is None or (isinstance(optimizers, dict) and set(optimizers) <= set(names))
        require(is_known, expected, optimizers=optimizers)

    def make_trackers(self):
        """Makes the means of the figures, and the counters of what is wrong, once."""
        if not hasattr(self, "_trackers"):
            self._trackers = {name: keras.metrics.Mean(name) for name in self.metric_names()}
            self.not_finite, self.unsupported, self.evaluated = map(StepsSince, ("not_finite", "unsupported", "evaluated"))

    def scaled(self, optimizer):
        """Returns a further optimizer, in mixed_float16 one that scales its loss against underflow, as Keras does for the model's own."""
        is_scaled = self.dtype_policy.name != "mixed_float16" or isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        return optimizer if is_scaled else keras.optimizers.LossScaleOptimizer(optimizer)

    def all_variables(self):
        """Returns every variable that training changes: those of the model and of all optimizers."""
        optimizers = [self.optimizer, *self.optimizers.values()]
        return [*self.variables, *(variable for optimizer in optimizers for variable in optimizer.variables)]

    def get_compile_config(self):
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        further = {name: serialize(optimizer) for name, optimizer in self.optimizers.items()}
        return {**self.compile_options, "optimizer": serialize(self.optimizer), "optimizers": further}

    def compile_from_config(self, config):
        load = keras.saving.deserialize_keras_object
        further = {name: load(one) for name, one in config["optimizers"].items()}
        self.compile(**{**config, "optimizer": load(config["optimizer"]), "optimizers": further})

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: models are built by their constructor, and Keras's way fails on a batch that replicas share unevenly."""

    # Input checks, before Keras sees anything.

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ):
        """Trains as `keras.Model.fit` does; `sample_weight` weighs examples in the loss and in the means of all figures.

        Raises:
            ValueError: Data are not examples of this model, weights are given to a model whose losses couple examples, or classes have
                weights. Of data sets and generators every batch is checked, and named at the end of the epoch.
        """
        require(class_weight is None, "no class_weight: no loss is of classes; use sample_weight", class_weight=class_weight)
        given = inputs.check_given(self, x, y, sample_weight)
        if isinstance(validation_data, (tuple, list)):
            inputs.check_given(self, *validation_data, name="validation_data")
            validation_data = (validation_data[0], inputs.with_weights(*validation_data), *validation_data[2:])
        elif validation_data is not None:
            inputs.check_given(self, validation_data, name="validation_data")
        if given is not None:
            self.check_batch_size(min(len(given), batch_size or len(given)))
        labels, callbacks = inputs.with_weights(x, y, sample_weight), with_bookkeeping(callbacks, self)
        further = {"validation_data": validation_data, "shuffle": shuffle, "sample_weight": sample_weight, **kwargs}
        with naming_refused():
            return super().fit(x, labels, batch_size, epochs, verbose, callbacks, validation_split, **further)

    def check_batch_size(self, batch_size):
        """Raises `ValueError` unless the model can be trained on batches of so many examples, over all replicas."""

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """Evaluates as `keras.Model.evaluate` does: means over examples, of draws that are the same each time, with every batch checked."""
        if not kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked it
            inputs.check_given(self, x, y, sample_weight)
        with naming_refused():
            figures = super().evaluate(x, inputs.with_weights(x, y, sample_weight), batch_size, verbose, sample_weight, **kwargs)
        inputs.check_batches(self.evaluated, self.support, "of the evaluation")
        return figures

    def predict(self, x, *args, **kwargs):
        inputs.check_given(self, x)
        with naming_refused():
            return super().predict(x, *args, **kwargs)

    def load_weights(self, filepath, *args, **kwargs):
        with whole(self, filepath):
            super().load_weights(filepath, *args, **kwargs)


def repeat(n, move):
    """Does `move()` n times: in a loop of the graph, compiled once, but under a strategy, whose replicas cannot meet in one, n times."""
    if n == 1 or tf.distribute.has_strategy():
        for _ in range(n):
            move()
    else:
        tf.while_loop(lambda i: i < n, lambda i: (move(), i + 1)[1:], [tf.constant(0)])
