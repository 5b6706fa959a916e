"""The one train step: every player's moves down its own loss, whatever the model."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.models.finite import StepsSinceNotFinite
from keras_vaemix.part import require
from keras_vaemix.replicas import counted, is_multiworker, reducible, share_of_batch, weighted
from keras_vaemix.weights import whole
from keras_vaemix.xla import naming_refused


class Update(NamedTuple):
    """One player's move in a train step: `steps` gradient steps down a loss over its own variables.

    Attributes:
        player: "model", or a name in `compile(players={...})`.
        loss: Function from examples to the mean loss over this replica's batch.
        variables: What the player moves.
        steps: Number of inner steps.
        inner: Moves of other players that the loss itself makes, by `minimize`, once it has what they judge: it need not be made twice.
    """

    player: str
    loss: Callable
    variables: list
    steps: int = 1
    inner: tuple = ()


class SteppedModel(keras.Model, abc.ABC):
    """Abstract: a model that is trained by `updates()`, and checks what it is given before Keras sees it."""

    # What a model writes.

    @abc.abstractmethod
    def updates(self):
        """Returns the moves of a train step, in order."""

    @abc.abstractmethod
    def metric_names(self):
        """Returns the names of the figures that `record` takes."""

    @abc.abstractmethod
    def judge(self, x):
        """Records the figures of a batch [B, *] that is not trained on, such as one of the validation set."""

    @abc.abstractmethod
    def check(self, x, name="x"):
        """Raises `ValueError` unless `x` is an array of examples of this model."""

    def default_players(self):
        """Returns the optimizers, by name, of players other than the model itself."""
        return {}

    def can_compile(self):
        """Returns whether everything in a step is in the graph, where XLA can follow."""
        return True

    # The step.

    def inputs(self, data):
        """Returns the examples of a batch: labels and sample weights that come with it are not used."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return tf.cast(x, tf.float32)

    def train_step(self, data):
        x = self.inputs(data)
        with counted(x):
            for update in self.updates():
                repeat(update.steps, lambda update=update: self.minimize(lambda: update.loss(x), update))
        self.not_finite.update_state()
        return reducible(self.get_metrics_result())

    def test_step(self, data):
        x = self.inputs(data)
        with counted(x):
            self.judge(x)
        return reducible(self.get_metrics_result())

    def minimize(self, loss, update):
        """Takes one gradient step down `loss()`, a mean over this replica's batch, by a player's variables and optimizer."""
        optimizer = self.optimizer_of(update.player)
        with tf.GradientTape() as tape:
            mean = loss()
            # Keras sums gradients over replicas, so each gives its share of the mean.
            value = optimizer.scale_loss(mean * share_of_batch())
        gradients = tape.gradient(value, update.variables)
        # Where the loss is scaled, a gradient that is not finite is a step that is skipped.
        is_checked = self.check_gradients and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        self.not_finite.watch(weighted(mean)[0], gradients if is_checked else ())
        optimizer.apply(gradients, update.variables)

    def make_trackers(self):
        """Makes the means of the figures of `metric_names`, and the count of steps whose losses are no numbers."""
        self._trackers = {name: keras.metrics.Mean(name) for name in self.metric_names()}
        self.not_finite = StepsSinceNotFinite()

    @property
    def metrics(self):
        return list(self._trackers.values())

    def record(self, **values):
        """Adds figures to the means of the epoch: one for each example [B], or a mean over this replica's batch."""
        for name, value in values.items():
            value = tf.stop_gradient(tf.convert_to_tensor(value))
            self._trackers[name].update_state(*(weighted(value) if value.shape.rank == 0 else (value,)))

    # Optimizers.

    def optimizer_of(self, player):
        """Returns the optimizer of a player of `updates()`."""
        return self.optimizer if player == "model" else self.players[player]

    def compile(self, optimizer="adam", players=None, jit_compile="auto", check_gradients=False, **kwargs):
        """Configures training.

        Args:
            optimizer: Optimizer of the model.
            players: Optimizers of further players, by name; the paper's for those that are missing.
            jit_compile: XLA; `"auto"` means on one replica only, since TensorFlow on CPU fails with it on several, and never with
                a divergence that computes outside of the graph.
            check_gradients: Whether every gradient is checked to be finite in every step, and not the losses alone.
            **kwargs: Keras's own, such as `steps_per_execution`, which is one over several workers, whose collective operations
                TensorFlow cannot put into the loop of steps.
        """
        if is_multiworker(self.distribute_strategy):
            kwargs["steps_per_execution"] = 1
        if jit_compile == "auto":
            is_eager, replicas = kwargs.get("run_eagerly"), self.distribute_strategy.num_replicas_in_sync
            jit_compile = self.can_compile() and not is_eager and replicas == 1
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self.check_gradients = check_gradients
        self.players = {
            name: self.scaled(keras.optimizers.get(player)) for name, player in {**self.default_players(), **(players or {})}.items()
        }
        with self.distribute_strategy.scope():
            variables = {update.player: update.variables for outer in self.updates() for update in (outer, *outer.inner)}
            for player, own in variables.items():
                self.optimizer_of(player).build(own)

    def scaled(self, optimizer):
        """Returns a player's optimizer, in mixed_float16 one that scales its loss against underflow, as Keras does for the model's own."""
        is_scaled = self.dtype_policy.name != "mixed_float16" or isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        return optimizer if is_scaled else keras.optimizers.LossScaleOptimizer(optimizer)

    def steps_done(self):
        """Returns the number of train steps that the model's saved weights have seen."""
        return int(keras.ops.convert_to_numpy(self.optimizer.iterations))

    def all_variables(self):
        """Returns every variable that training changes: those of the model and of all optimizers."""
        optimizers = [self.optimizer, *self.players.values()]
        return [*self.variables, *(variable for optimizer in optimizers for variable in optimizer.variables)]

    def get_compile_config(self):
        if not self.compiled:
            return None
        config = {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}
        return {**config, "players": {name: keras.saving.serialize_keras_object(player) for name, player in self.players.items()}}

    def compile_from_config(self, config):
        players = {name: keras.saving.deserialize_keras_object(player) for name, player in config["players"].items()}
        self.compile(keras.saving.deserialize_keras_object(config["optimizer"]), players)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: models are built by their constructor, and Keras's way fails on a batch that replicas share unevenly."""

    # Input checks, before Keras sees anything.

    def fit(self, x=None, y=None, batch_size=None, *args, validation_data=None, **kwargs):
        batch = self.check_input(x)
        if validation_data is not None:
            self.check_input(validation_data, "validation_data")
        if batch is not None:
            self.check_batch_size(min(len(batch), batch_size or len(batch)))
        with naming_refused():
            return super().fit(x, y, batch_size, *args, validation_data=validation_data, **kwargs)

    def check_batch_size(self, batch_size):
        """Raises `ValueError` unless the model can be trained on batches of so many examples, over all replicas."""

    def evaluate(self, x=None, *args, **kwargs):
        self.check_input(x)
        with naming_refused():
            return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        self.check_input(x)
        with naming_refused():
            return super().predict(x, *args, **kwargs)

    def load_weights(self, filepath, *args, **kwargs):
        with whole(self, filepath):
            super().load_weights(filepath, *args, **kwargs)

    def check_input(self, x, name="x"):
        """Checks arrays whole, and of data sets their first batch; returns what it checked, or None."""
        if isinstance(x, (tuple, list)):
            x = x[0]
        if isinstance(x, keras.utils.PyDataset):
            x = keras.utils.unpack_x_y_sample_weight(x[0])[0]
        elif isinstance(x, tf.data.Dataset):
            batch = next(iter(x.take(1)), None)
            require(batch is not None, f"{name} to hold at least one batch", batch=batch)
            x = keras.utils.unpack_x_y_sample_weight(batch)[0]
        if not isinstance(x, (np.ndarray, tf.Tensor)):
            return None
        self.check(x, name)
        return x


def repeat(n, move):
    """Does `move()` n times: in a loop of the graph, compiled once, but under a strategy, whose replicas cannot meet in one, n times."""
    if n == 1 or tf.distribute.has_strategy():
        for _ in range(n):
            move()
    else:
        tf.while_loop(lambda i: i < n, lambda i: (move(), i + 1)[1:], [tf.constant(0)])
