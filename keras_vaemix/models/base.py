"""What every model shares: the one train step, the one sampler's seeds, and the one likelihood estimator."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.importance import LikelihoodEstimator
from keras_vaemix.objectives import ELBO
from keras_vaemix.part import constructor_config, require
from keras_vaemix.seeds import fold_in, stateless_seed


class Update(NamedTuple):
    """One player's move in a train step: `steps` gradient steps down a loss over its own variables.

    Attributes:
        player: "model", or a name in `compile(players={...})`.
        loss: Function from examples to the mean loss over this replica's batch.
        variables: What the player moves.
        steps: Number of inner steps.
    """

    player: str
    loss: Callable
    variables: list
    steps: int = 1


class LatentModel(keras.Model, abc.ABC):
    """Abstract: a model that gives draws of its latents. Fit, evaluation and likelihoods speak only of these.

    Args:
        likelihood: A `Likelihood`: what is reported depends on whether it is a density.
        objective: The bound that training raises; `ELBO()` by default.
        seed: Every draw is a function of this integer, a counter kept as a weight, and the replica.

    Attributes:
        decoded_at_once: How many latents the likelihood estimator decodes at once: less for a decoder that needs much memory.
    """

    decoded_at_once = 1000

    def __init__(self, likelihood, objective=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.likelihood = likelihood
        self.objective = ELBO() if objective is None else objective
        self.seed = seed
        self.beta = self.add_weight((), keras.initializers.Constant(self.objective.beta), name="beta", trainable=False, dtype="float32")
        self.draw_counter = self.add_weight(
            (), "zeros", name="draw_counter", trainable=False, dtype="int32", aggregation="only_first_replica"
        )
        self._trackers = {name: keras.metrics.Mean(name) for name in self.metric_names()}
        self._estimator = LikelihoodEstimator(self)

    # What a model writes.

    num_strata = 1  # draws of each example for each that an objective asks for: components or categories that are enumerated

    @abc.abstractmethod
    def draws(self, x, objective, seed, training=False):
        """Returns `Draws` of the latents of the examples x [B, *], as many and in the way that `objective` asks for."""

    @abc.abstractmethod
    def check(self, x, name="x"):
        """Raises `ValueError` unless `x` is an array of examples of this model."""

    def updates(self):
        """Returns the moves of a train step, in order."""
        return [Update("model", self.loss_and_record, self.trainable_variables)]

    # Randomness.

    def next_seed(self):
        """Returns a fresh stateless seed [2]: a function of the model's seed, the draw counter and the replica."""
        self.draw_counter.assign_add(1)
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context is not None else 0
        return fold_in(fold_in(stateless_seed(self.seed), tf.convert_to_tensor(self.draw_counter)), replica)

    def seed_for(self, seed):
        """Returns the stateless seed of a user's `seed`, the next of the model's own for None."""
        return self.next_seed() if seed is None else stateless_seed(seed)

    # Training.

    def inputs(self, data):
        """Returns the examples of a batch: labels and sample weights that come with it are not used."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return tf.cast(x, tf.float32)

    def loss_and_record(self, x):
        """Returns the mean negative objective over the batch and records its parts."""
        d = self.draws(x, self.objective, self.next_seed(), training=True)
        loss = -tf.reduce_mean(self.objective(d, tf.convert_to_tensor(self.beta)))
        self.record(loss=loss, beta=self.beta, **self.parts(d))
        return loss

    def parts(self, d):
        """Returns the named parts of the ELBO with beta = 1, each [B] in nats, and the gap of a bound of the divergence in use."""
        estimated = d if self.has_unbiased_kl() else d._replace(kl=None)
        elbo, reconstruction = ELBO()(estimated), d.reconstruction()
        parts = {"elbo": elbo, "reconstruction": reconstruction, "kl": reconstruction - elbo}
        if d.kl is not None and estimated.kl is None:
            parts["kl_gap"] = elbo - ELBO()(d)
        return {self.figure_name(name): value for name, value in parts.items()}

    def has_unbiased_kl(self):
        """Returns whether training takes the divergence exactly or in expectation, and not by a bound of which the gap is recorded."""
        return self.objective.kl is None or self.objective.kl.is_unbiased

    def figure_name(self, name):
        """Returns the name under which a figure is reported: `pseudo_*` where the likelihood is not a density."""
        return name if self.likelihood.is_density else f"pseudo_{name}"

    def metric_names(self):
        parts = ["elbo", "reconstruction", "kl", *([] if self.has_unbiased_kl() else ["kl_gap"])]
        return ["loss", *map(self.figure_name, parts), "beta"]

    @property
    def metrics(self):
        return list(self._trackers.values())

    def record(self, **values):
        for name, value in values.items():
            self._trackers[name].update_state(tf.stop_gradient(value))

    def train_step(self, data):
        x = self.inputs(data)
        for update in self.updates():
            for _ in range(update.steps):
                self.minimize(lambda update=update: update.loss(x), update.variables, self.optimizer_of(update.player))
        return self.get_metrics_result()

    def minimize(self, loss, variables, optimizer):
        """Takes one gradient step down `loss()`, a mean over this replica's batch."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            # Keras sums gradients over replicas, so each gives its share of the mean.
            value = optimizer.scale_loss(loss() / replicas)
        optimizer.apply(tape.gradient(value, variables), variables)

    def test_step(self, data):
        """Evaluates the objective with beta = 1, so that the validation loss is comparable through a warm-up."""
        d = self.draws(self.inputs(data), self.objective, self.next_seed())
        self.record(loss=-self.objective(d), beta=1.0, **self.parts(d))
        return self.get_metrics_result()

    def optimizer_of(self, player):
        """Returns the optimizer of a player of `updates()`."""
        return self.optimizer if player == "model" else self.players[player]

    def compile(self, optimizer="adam", players=None, jit_compile="auto", **kwargs):
        """Configures training.

        Args:
            optimizer: Optimizer of the model.
            players: Optimizers of further players, by name; the paper's for those that are missing.
            jit_compile: XLA; `"auto"` means on one replica only, since TensorFlow on CPU fails with it on several, and never with
                a divergence that computes outside of the graph.
            **kwargs: Keras's own, such as `steps_per_execution`.
        """
        if jit_compile == "auto":
            kl, is_eager = self.objective.kl, kwargs.get("run_eagerly")
            can_compile = kl is None or not kl.needs_host(self.num_strata)
            jit_compile = can_compile and not is_eager and self.distribute_strategy.num_replicas_in_sync == 1
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self.players = {name: keras.optimizers.get(player) for name, player in {**self.default_players(), **(players or {})}.items()}
        with self.distribute_strategy.scope():
            variables = {update.player: update.variables for update in self.updates()}
            for player, own in variables.items():
                self.optimizer_of(player).build(own)

    def steps_done(self):
        """Returns the number of train steps that the model's saved weights have seen."""
        return int(keras.ops.convert_to_numpy(self.optimizer.iterations))

    def default_players(self):
        """Returns the optimizers, by name, of players other than the model itself."""
        return {}

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

    def fit(self, x=None, *args, validation_data=None, **kwargs):
        self.check_input(x)
        if validation_data is not None:
            self.check_input(validation_data, "validation_data")
        return super().fit(x, *args, validation_data=validation_data, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        self.check_input(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        self.check_input(x)
        return super().predict(x, *args, **kwargs)

    def check_input(self, x, name="x"):
        """Checks arrays whole, and of data sets their first batch."""
        if isinstance(x, (tuple, list)):
            x = x[0]
        if isinstance(x, keras.utils.PyDataset):
            x = keras.utils.unpack_x_y_sample_weight(x[0])[0]
        elif isinstance(x, tf.data.Dataset):
            batch = next(iter(x.take(1)), None)
            require(batch is not None, f"{name} to hold at least one batch", batch=batch)
            x = keras.utils.unpack_x_y_sample_weight(batch)[0]
        if isinstance(x, (np.ndarray, tf.Tensor)):
            self.check(x, name)

    # Likelihoods.

    def estimate_log_likelihood(self, x, num_samples=5000, batch_size=100, seed=0, chunk_size=None, verbose=0):
        r"""Estimates :math:`\log p(x)` by importance sampling, :math:`\log \frac1S \sum_s p(x, z_s) / q(z_s|x)`.

        Args:
            x: Examples [N, *].
            num_samples: Number of samples S for each example, over all strata.
            batch_size: Number of examples at a time.
            seed: Integer; the estimate is a function of it.
            chunk_size: Number of samples at a time; chosen by the batch's size if None. S is rounded up to whole chunks and strata.
            verbose: 1 shows a progress bar.

        Returns:
            A `LikelihoodEstimate` of NumPy arrays [N], in nats.
        """
        x = np.asarray(x)
        self.check(x)
        return self._estimator(x, num_samples, batch_size, seed, chunk_size, verbose)

    def log_likelihood(self, x, num_samples=5000, batch_size=100, seed=0):
        """Returns `estimate_log_likelihood(...).log_likelihood`, [N] in nats."""
        return self.estimate_log_likelihood(x, num_samples, batch_size, seed).log_likelihood

    def get_config(self):
        return {**constructor_config(self), "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
