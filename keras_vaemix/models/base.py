"""What every model with latents shares: seeds, the bound that is trained, components to sample and to cluster by, likelihoods."""

import abc

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.importance import LikelihoodEstimator
from keras_vaemix.models.step import SteppedModel, Update
from keras_vaemix.objectives import ELBO
from keras_vaemix.part import check_positive, constructor_config, require
from keras_vaemix.seeds import fold_in, stateless_seed


class LatentModel(SteppedModel):
    """Abstract: a model that gives draws of its latents. Fit, evaluation, likelihoods and export speak only of these.

    Args:
        likelihood: A `Likelihood`: what is reported depends on whether it is a density.
        objective: The bound that training raises; `ELBO()` by default.
        seed: Every draw is a function of this integer, a counter kept as a weight, and the replica.

    Attributes:
        decoded_at_once: How many latents the likelihood estimator decodes at once: less for a decoder that needs much memory.
        num_strata: Draws of each example for each that an objective asks for: components or categories that are enumerated.
        extra_noise: Names and sizes of the standard normal noise that sampling needs beside that of the mixture's own latents.
    """

    decoded_at_once = 1000
    num_strata = 1
    extra_noise = {}  # noqa: RUF012

    def __init__(self, likelihood, objective=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.likelihood = likelihood
        self.objective = ELBO() if objective is None else objective
        self.seed = seed
        self.beta = self.add_weight((), keras.initializers.Constant(self.objective.beta), name="beta", trainable=False, dtype="float32")
        self.draw_counter = self.add_weight(
            (), "zeros", name="draw_counter", trainable=False, dtype="int32", aggregation="only_first_replica"
        )
        self.make_trackers()
        self._estimator = LikelihoodEstimator(self)

    # What a model writes.

    @property
    @abc.abstractmethod
    def example_shape(self):
        """Shape of one example, without the batch."""

    @property
    @abc.abstractmethod
    def latent_sizes(self):
        """Names and sizes of the latents that `decode` takes, a dict in its order; None is the size of an integer category."""

    @property
    @abc.abstractmethod
    def num_components(self):
        """Number of components that can be sampled one by one, 1 where there are none."""

    @abc.abstractmethod
    def draws(self, x, objective, seed, training=False):
        """Returns `Draws` of the latents of the examples x [B, *], as many and in the way that `objective` asks for."""

    @abc.abstractmethod
    def encode(self, x):
        """Returns the posterior of the latents given x, a TFP distribution of batch [B]."""

    @abc.abstractmethod
    def encoded(self, x):
        """Returns the parameters of the posterior as a dict of tensors, which export."""

    @abc.abstractmethod
    def latent_means(self, x):
        """Returns the means of the continuous latents given x, [B, D]."""

    @abc.abstractmethod
    def decode(self, *latents):
        """Returns the mean of p(x | latents), [B, *]."""

    @abc.abstractmethod
    def log_joint(self, x, *latents):
        """Returns log p(x, latents) for x [B, *] and latents [B, ...], [B] in nats."""

    @abc.abstractmethod
    def mixture(self):
        """Returns the `LocationScaleMixture` whose members and weights sampling draws from."""

    @abc.abstractmethod
    def shares(self, x, num_samples, seed):
        """Returns the responsibilities [B, K] for a batch x [B, *]; see `responsibilities`."""

    def complete(self, z, component, noise):
        """Returns all that `decode` takes from a draw of the mixture.

        Args:
            z: Draws of the mixture, [N, D].
            component: Their components, integer [N].
            noise: Standard normal noise, a tuple of [N, size] for each of `extra_noise`.
        """
        return (z,)

    @property
    def joint_sizes(self):
        """Names and sizes of the latents that `log_joint` takes, as in `latent_sizes`."""
        return self.latent_sizes

    def check(self, x, name="x"):
        self.likelihood.check(x, self.example_shape, name)

    def updates(self):
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

    def can_compile(self):
        return self.objective.kl is None or not self.objective.kl.needs_host(self.num_strata)

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

    def test_step(self, data):
        """Evaluates the objective with beta = 1, so that the validation loss is comparable through a warm-up."""
        d = self.draws(self.inputs(data), self.objective, self.next_seed())
        self.record(loss=-self.objective(d), beta=1.0, **self.parts(d))
        return self.get_metrics_result()

    # Reconstruction, sampling and components.

    def reconstruct(self, x):
        """Returns `predict(x)` for a batch, as a tensor."""
        return self(tf.cast(x, tf.float32))

    def sample(self, n, component=None, seed=None):
        """Returns the means [n, *] of n draws from the model's own prior.

        Args:
            n: Number of draws.
            component: Index of one component, or None to draw components by their weights.
            seed: Integer; None takes the model's next.

        Raises:
            ValueError: n is less than one, or there is no such component.
        """
        return self.decode(*self.sample_latents(n, component, self.seed_for(seed)))

    def sample_latents(self, n, component, seed):
        """Returns n draws from the prior of all that `decode` takes, for a stateless seed [2]; see `sample`."""
        check_positive(n=n)
        is_known = component is None or 0 <= component < self.num_components
        require(is_known, f"component in 0..{self.num_components - 1}, or None", component=component)
        return self.generate(self.mixture(), n, -1 if component is None else component, seed)[0]

    def generate(self, mixture, n, component, seed):
        """Returns n draws of the latents, and their components [n]; `component` -1 draws it. `seed` is stateless, [2]."""
        z, component = mixture.sample(n, component, seed)
        noise = tuple(tf.random.stateless_normal([n, size], fold_in(seed, i + 1)) for i, size in enumerate(self.extra_noise.values()))
        return self.complete(z, component, noise), component

    def log_weights(self):
        """Returns the log-weights with which `sample` chooses components, [K]."""
        return tf.math.log(self.mixture().weights())

    def responsibilities(self, x, num_samples=10, batch_size=100, seed=0):
        r"""Returns :math:`q(k|x)`, the share of each component in each example, [N, K].

        Where the model has a posterior of categories it is that; else :math:`E_{q(z|x)}\, p(k|z)`.

        Args:
            x: Examples [N, *].
            num_samples: Number of draws of z for each example, where the share is an expectation.
            batch_size: Number of examples at a time.
            seed: Integer; the estimate is a function of it.
        """
        self.check(x)
        check_positive(num_samples=num_samples, batch_size=batch_size)
        batches = [(start, tf.cast(x[start : start + batch_size], tf.float32)) for start in range(0, len(x), batch_size)]
        return np.concatenate([self.shares(batch, num_samples, fold_in([seed, 0], start)) for start, batch in batches])

    def cluster(self, x, num_samples=10, batch_size=100, seed=0):
        """Returns the component with the largest share in each example, [N]. Args as in `responsibilities`."""
        return np.argmax(self.responsibilities(x, num_samples, batch_size, seed), axis=1)

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
