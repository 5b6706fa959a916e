"""What every model with a likelihood shares: the bound it is trained on, and the estimate of log p(x)."""

import abc
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch, Terms, further_inputs, rows_of
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array, Distribution, Tensor
from keras_vaemix.core.part import require, require_kind
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.warned import warn_caller
from keras_vaemix.importance import LikelihoodEstimate, LikelihoodEstimator
from keras_vaemix.imputation import Imputer
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.generative import GenerativeModel
from keras_vaemix.models.base.squashed import warn_of_bounded_outputs
from keras_vaemix.models.base.step import Update
from keras_vaemix.objectives import ELBO, Draws, Objective

ESTIMATING = 2**17  # draws for what validation needs of a prior
FITTING = 2  # second half of the seeds with which a prior is fitted


class LatentModel(GenerativeModel):
    """Abstract: a model that gives draws of its latents; fit, evaluation and likelihoods use only these.

    Args:
        likelihood: A `Likelihood`; the names of reported figures depend on whether it is a density.
        objective: The `Objective` that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer, a counter kept as a weight, and the replica.

    Attributes:
        prior: The `Prior` of the upper latents, which a subclass sets.
        decoded_batch_size: Number of latents that the likelihood estimator decodes at once if examples are small; lower for a decoder
            that needs much memory.
        num_strata: Number M of strata (enumerated components or categories), each of which is drawn T times if an objective asks for T
            samples. The S = T * M rows of `draws` are in the order s = t * M + m, and independent for different t.
        has_posterior_density: Whether `encode` gives the density of the posterior at any latents.
        can_warm_up: Whether a lower beta changes what is trained, rather than the scale of the whole loss.
        label_weight: Weight of `Draws.classification` in the training loss; None where labels are not used.
    """

    has_likelihood = True
    decoded_batch_size = 1000
    num_strata = 1
    has_posterior_density = True
    can_warm_up = True

    def __init__(self, likelihood: Likelihood, objective: Objective | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        require_kind("likelihood", likelihood, Likelihood)
        self.likelihood = likelihood
        self.objective = ELBO() if objective is None else objective
        require_kind("objective", self.objective, Objective)
        self.beta = self.add_weight((), keras.initializers.Constant(self.objective.beta), name="beta", trainable=False, dtype="float32")
        self._forget_graphs()

    def _forget_graphs(self):
        """Makes the estimator and the imputer anew too."""
        super()._forget_graphs()
        self._estimator, self._imputer = LikelihoodEstimator(self), Imputer(self)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "objective" and hasattr(self, "beta"):
            self.beta.assign(value.beta)

    def _check_decoder(self, decoder):
        """Raises `ValueError` unless the decoder's outputs are the likelihood's parameters for examples of this shape.

        Warns if an activation bounds them, although they are logits, log-means or log-scales.
        """
        *axes, channels = self.example_shape
        shape = (None, *axes, self.likelihood.params_size(channels))
        expected = f"decoder with output shape {shape}: the last axis is that of likelihood.params_size({channels})"
        require(decoder.output_shape == shape, expected, shape=decoder.output_shape)
        mean = self.likelihood.mean(tf.zeros([1, *shape[1:]])).shape[1:]
        expected = f"{type(self.likelihood).__name__}.mean to return examples of shape {(*axes, channels)}"
        require(tuple(mean) == (*axes, channels), expected, shape=tuple(mean))
        warn_of_bounded_outputs(decoder, self.likelihood)

    def _check_conditioning(self, decoder):
        """Raises `ValueError` unless encoder, decoder and prior fit together in what they are conditioned on."""
        names = further_inputs(decoder) if "condition" in self.accompaniments else []
        is_alike = ("condition" in names) == (self.condition_size is not None) and "condition" not in names[:-1]
        expected = "encoder and decoder to have both an input named 'condition', the decoder as its last, or neither: networks.named_inputs"
        require(is_alike, expected, encoder=self.accompanied_by, decoder=names)
        expected = "a prior given conditions of as many attributes as those of the encoder, or given none"
        sizes = self.prior.condition_size, self.condition_size
        require(sizes[0] in (None, sizes[1]), expected, attributes=sizes)
        is_free = self.condition_size is None or not self.prior.needs_encoder
        require(is_free, "a prior that is not made of posteriors for a model that is conditioned", prior=type(self.prior).__name__)

    # What a subclass implements.

    @abc.abstractmethod
    def draws(self, batch: Batch | Array, objective: Objective, seed: Tensor, training: bool = False) -> Draws:
        """Returns `Draws` of the latents of `self.as_batch(batch)`, as many and of the kind that `objective` asks for."""

    @abc.abstractmethod
    def decoder_params(self, *latents: Tensor) -> Tensor:
        """Returns the parameters of p(x | latents), [B, *] in float32, for what `decode_sizes` names, in this order."""

    @abc.abstractmethod
    def encode(self, x: Array) -> Distribution:
        """Returns the posterior of the latents given x, a TFP distribution of batch [B]."""

    @abc.abstractmethod
    def log_joint(self, x: Array, *latents: Tensor) -> Tensor:
        """Returns log p(x, latents) for x [B, *] and latents [B, ...], [B] in nats."""

    def decode(self, *latents):
        return self.likelihood.mean(self.decoder_params(*latents))

    @property
    def support(self):
        return self.likelihood.support

    def fit_prior(self, x, verbose=0):
        """Completes the prior, which gradients have trained; see `Prior.finish`.

        A prior such as `FittedMixture`, which is fitted after training, is fitted to a draw from each example's posterior.

        Raises:
            ValueError: The fit fails, or the model's prior cannot be fitted; the model is not changed.
        """
        if not self.prior.is_fitted_after_training:
            self.prior.finish()
            return
        given, size = self.checked(x), batch_size_for(None, self.example_shape, 500)
        starts = progress(range(0, len(given.x), size), verbose, f"posteriors of {len(given.x)} examples")
        draws = [self._upper_draws(rows_of(given, i, i + size), fold_in([self.seed, FITTING], i)) for i in starts]
        self.prior.fit(np.concatenate(draws), seed=self.seed)

    def can_sample(self):
        return self.prior.can_sample()

    def _upper_draws(self, x: Array, seed: Tensor) -> Tensor:
        """Returns a draw of the prior's latents from the posterior of each example x [B, *], [B, D]."""
        expected = f"a prior that gradients train for a {type(self).__name__}, such as NormalMixture"
        require(False, expected, prior=type(self.prior).__name__)

    def estimates(self):
        return self.prior.estimates()

    def estimate_anew(self):
        if self.estimates():
            self.prior.finish(ESTIMATING)

    def with_sampling_prior(self) -> Self:
        """Returns the model whose bound uses the prior that `sample` draws from: this one, unless a paper uses two priors."""
        return self

    @property
    def joint_sizes(self) -> dict[str, int | None]:
        """Names and sizes of the latents that `log_joint` takes, as in `latent_sizes`."""
        return self.latent_sizes

    def check(self, x, name="x"):
        batch = Batch.of(x)
        self.likelihood.check(batch.x, self.example_shape, name, **({"mask": observable(batch)} if self._takes_gaps else {}))

    def check_columns(self, x, name="x"):
        if self._takes_gaps:
            batch = Batch.of(x)
            self.likelihood.check_columns(batch.x, observable(batch), name)

    def _is_outside(self, batch):
        if batch.mask is None:
            return super()._is_outside(batch)
        filled = tf.where(batch.mask, batch.x, self.likelihood.fillers(batch.x.shape[-1]))
        return super()._is_outside(batch._replace(x=filled)) | ~tf.reduce_all(self.likelihood.is_observable(batch.mask))

    def updates(self):
        return [Update({"model": self.trainable_variables}, self.losses)]

    @property
    def couples_examples(self):
        return self.objective.discrepancy is not None

    def check_batch_size(self, batch_size):
        if self.objective.discrepancy is not None:
            self.objective.discrepancy.check_batch_size(batch_size)

    # Training.

    def _check_schedules(self, callbacks):
        callbacks = getattr(callbacks, "callbacks", callbacks)
        is_scheduled = any(getattr(one, "weight", None) == "beta" for one in keras.tree.flatten(callbacks) if one is not None)
        beta, own = np.float32(self.beta), np.float32(self.objective.beta)
        if beta != own and not is_scheduled:
            says = (
                f"Training goes on with beta={beta:g}, a weight of the model that a warm-up or loaded weights left, not with {own:g}, its"
            )
            warn_caller(f"{says} objective's: pass callbacks.KLWarmUp, or call model.beta.assign({own:g})")

    def penalty(self) -> Tensor | None:
        """Returns what training adds to the loss, never to the bound: the prior's `penalty`, a scalar, or None without one."""

    def losses(self, batch: Batch, seed: Tensor, training: bool) -> dict[str, Terms]:
        """Returns the negative objective, plus what training adds, and the parts of the ELBO.

        In training it adds the distillation loss of the draws, their weighted classification loss, and the penalty. In validation beta is
        the objective's, so that losses can be compared throughout a warm-up.
        """
        return {"model": self._bound_terms(batch, self.draws(batch, self.objective, seed, training), training)}

    def _bound_terms(self, batch, d, training):
        """Returns the `Terms` of draws d; see `losses`."""
        penalty = self.penalty()
        beta = tf.convert_to_tensor(self.beta if training else float(self.objective.beta))
        loss = (d.distillation if training else 0.0) - self.objective(d, beta)  # [B]
        figures = {} if penalty is None else {"prior_penalty": penalty}
        added = penalty if figures and training else 0.0
        if self.label_weight is not None:
            loss += self.label_weight * d.classification if training else 0.0
            figures["classification"] = d.classification
        figures |= {} if d.discrepancy is None else {"discrepancy": d.discrepancy}
        return Terms(batch.mean(loss) + added, {"loss": loss + added, "beta": beta, **figures, **self.parts(d)})

    def parts(self, d: Draws) -> dict[str, Tensor]:
        """Returns the named parts of the ELBO with beta = 1, each [B] in nats, and the gap of a bound on the divergence, if any."""
        estimated = d if self.has_unbiased_kl() else d._replace(kl=None)
        parts = {"elbo": ELBO()(estimated), "reconstruction": d.reconstruction(), "kl": estimated.divergence()}
        if d.kl is not None and estimated.kl is None:
            parts["kl_gap"] = d.kl - parts["kl"]
        return {self.figure_name(name): value for name, value in parts.items()}

    def has_unbiased_kl(self) -> bool:
        """Returns whether the divergence in training is exact or unbiased, rather than a bound whose gap is recorded."""
        return self.objective.kl is None or self.objective.kl.is_unbiased

    def figure_name(self, name: str) -> str:
        """Returns the name under which a figure is reported: `pseudo_*` where the likelihood is not a density."""
        return name if self.likelihood.is_density else f"pseudo_{name}"

    def metric_names(self):
        parts = ["elbo", "reconstruction", "kl", *([] if self.has_unbiased_kl() else ["kl_gap"])]
        further = {"prior_penalty": self.penalty(), "discrepancy": self.objective.discrepancy, "classification": self.label_weight}
        return ["loss", *map(self.figure_name, parts), "beta", *(name for name, value in further.items() if value is not None)]

    # Likelihoods and missing values.

    def log_px(self, params: Tensor, batch: Batch, log_weight: Tensor, training: bool = False) -> Tensor:
        """Returns log p(x|z) of what is observed in a batch, [S, B], for params [S, B, *] of draws with log-weights [S, B]."""
        weight = tf.exp(log_weight) if batch.weight is None else tf.exp(log_weight) * batch.weight
        return self.likelihood.log_prob(params, batch.x, training, batch.mask, weight)

    def estimate_log_likelihood(
        self,
        x: Array,
        num_samples: int = 5000,
        batch_size: int | None = None,
        seed: int = 0,
        chunk_size: int | None = None,
        verbose: int = 0,
        y: Array | None = None,
    ) -> LikelihoodEstimate:
        r"""Estimates :math:`\log p(x)`, or log p(x|y), by importance sampling, :math:`\log \frac1S \sum_s p(x, z_s) / q(z_s|x)`.

        Args:
            x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
            num_samples: Number of samples S for each example, over all M strata: S / M independent draws of each.
            batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
            seed: Integer; the estimate is a function of it.
            chunk_size: Number of samples at a time, on which the draws depend; if None, chosen from the batch size, and ten times larger on
                a GPU. S is rounded up to whole chunks and strata.
            verbose: 1 shows a progress bar.
            y: What x is conditioned on, [A] for all examples or [N, A], of a model that is conditioned, where x is no dict that has it.

        Returns:
            A `LikelihoodEstimate` of NumPy arrays [N], in nats.

        Warns:
            FewEffectiveSamples: The effective sample size of examples is below 200 and below half of S, or of the draws of one
                component where each is drawn from; of a few examples only if it is below a twentieth of that.
        """
        given, batch_size = self.checked(x, y=y), batch_size_for(batch_size, self.example_shape, 100)
        return self._estimator(given, num_samples, batch_size, seed, chunk_size, verbose)

    def log_likelihood(
        self,
        x: Array,
        num_samples: int = 5000,
        batch_size: int | None = None,
        seed: int = 0,
        verbose: int = 0,
        y: Array | None = None,
    ) -> np.ndarray:
        """Returns `estimate_log_likelihood(...).log_likelihood`, [N] in nats."""
        return self.estimate_log_likelihood(x, num_samples, batch_size, seed, verbose=verbose, y=y).log_likelihood

    def impute(self, x, num_samples=1000, num_draws=0, batch_size=None, seed=0, verbose=0, y=None):
        r"""Estimates the missing values of examples, given what is observed of them, by importance sampling; see `Imputation`.

        Args:
            x: Examples [N, *] with NaN for what is missing, or a dict of x and its mask, as in `fit`.
            num_samples: Number of samples for each example, over all strata.
            num_draws: Number M of multiple imputations.
            batch_size: Number of examples at a time; if None, chosen from the number of samples and the size of an example.
            seed: Integer; the result is a function of it.
            verbose: 1 shows a progress bar.
            y: What x is conditioned on, as in `estimate_log_likelihood`.

        Returns:
            An `Imputation` of NumPy arrays: means, standard deviations, draws, and effective sample sizes.

        Raises:
            ValueError: The model's encoder does not take a mask, or the model does not take these examples.
        """
        expected = f"a {type(self).__name__} whose encoder takes a mask, see networks.named_inputs, to impute what is missing"
        require(self._takes_gaps, expected, accompanied_by=self.accompanied_by)
        return self._imputer(self.checked(x, y=y), num_samples, num_draws, batch_size, seed, verbose)


def one_of_each(z, log_weight, seed):
    """Returns one of the draws z [S, B, D] of each example, chosen by their log-weights [S, B], [B, D]."""
    chosen = tf.random.stateless_categorical(tf.transpose(log_weight), 1, seed)  # [B, 1]
    return tf.gather(tf.transpose(z, [1, 0, 2]), chosen[:, 0], axis=1, batch_dims=1)


def observable(batch):
    """Returns the mask of a batch of arrays, or True if it has none: what is not NaN is observed."""
    return True if batch.mask is None else batch.mask
