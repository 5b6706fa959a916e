"""The conditional-prior VAE: a category, a latent whose prior depends on it, and a posterior over both."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.categorical import categories
from keras_vaemix.categorical.categories import CategoryEstimator
from keras_vaemix.categorical.category_posteriors import CategoryPosterior, EncodedCategories
from keras_vaemix.categorical.heads import CategoricalNormal, GatedHeads, Heads
from keras_vaemix.core.batch import Batch, inputs_of_decoder
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.labels import are_observed, as_observed, at_labels, given_labels
from keras_vaemix.core.part import check_positive, register, require, require_kind, require_networks
from keras_vaemix.core.replicas import global_mean
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.divergences import ClosedForm, MonteCarlo
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.mixtures.density import product_dtype
from keras_vaemix.mixtures.normal_components import is_normal
from keras_vaemix.models.base.latent import LatentModel
from keras_vaemix.objectives import ELBO, Draws, Objective
from keras_vaemix.priors import MixturePrior, Prior

tfd = tfp.distributions


@register
class CPVAE(LatentModel):
    r"""Conditional-prior VAE, :math:`p(x, z, c) = p(c)\,p(z|c)\,p(x|z, c)` with posterior :math:`q(c|x)\,q(z|x, c)`.

    The divergence is exact, by enumeration of the categories (eq. 8); in training `estimator` draws the categories of the reconstruction.
    All reported figures use hard categories: all of them, weighted by their probabilities, up to K = 64, and drawn ones for larger K.

    The running mean of q(c|x) over the training set, the aggregate posterior q(c) (eq. 14), is the weight `aggregate`;
    `adapt_aggregate` makes it exact. The paper's bound has a uniform p(c), but its sampler draws c from q(c): that is
    `sample_aggregate=True`, and `with_sampling_prior()` returns the model with q(c) in both. By default sampler and bound share p(c).

    With a `label_weight` a, the labels of `fit` are the categories of their examples, and -1 is none. For an example with a label the
    objective is the bound of :math:`\log p(x, c)`, in which c is observed, and the loss has the term :math:`-a \log q(c|x)`, which trains
    the encoder's categories (Kingma et al., 2014, eq. 6 and 9, where :math:`a = \alpha / N_l` for :math:`N_l` labelled examples). Since
    :math:`\log p(x, c) \le \log p(x)`, the ELBO recorded in training is one of log p(x) still. Validation, evaluation and
    `log_likelihood` leave labels out of all bounds.

    =======================  ==============================  =============================
    symbol                   meaning                         in code
    =======================  ==============================  =============================
    :math:`p(c), p(z|c)`     conditional prior (eq. 4, 5)    `prior`, `category_log_probs()`
    :math:`q(c|x)`           posterior of the category       `encode(x)`, `responsibilities(x)`
    :math:`q(z|x, c)`        posterior of z (eq. 6)          `heads`
    :math:`q(c)`             aggregate posterior (eq. 14)    `aggregate`
    =======================  ==============================  =============================

    Args:
        encoder: Network from examples [B, *] to K + 2 D outputs: logits of q(c|x), mean and log-variance of z.
        decoder: Network from latents [B, D], or from latents and one-hot categories [B, K], to the likelihood's parameters. Encoder and
            decoder may have a last input named `condition`, for p(x|z, c, y); z and c are independent of y under the prior.
        prior: A `MixturePrior` of K diagonal normals over D latents: its weights are p(c), its components p(z|c).
        likelihood: A `Likelihood`.
        heads: How q(z|x, c) depends on the category: `GatedHeads(D, K)` by default, or `SharedHeads(D, K)`, the amortised variant.
        estimator: How training draws categories: `categories.Enumerated()`, the default for K up to 16, or `StraightThrough()`.
        follow_aggregate: Whether p(c) is the running q(c), in bound and sampler, instead of the prior's own weights.
        sample_aggregate: Whether samples draw c from q(c) instead of p(c), as in the paper.
        aggregate_rate: Weight of a batch's mean of q(c|x) in the running mean.
        objective: `ELBO()`; in an importance-weighted bound q(c|x) cancels and would not be trained.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
        category_posterior: Source of q(c|x): by default the encoder, `EncodedCategories()`, or a fixed one, `HeldCategories.of(encoder)`.
        label_weight: Weight a of labels in the loss, at least 0; None, the default, uses no labels. See `docs/guides/labels.md`.

    Raises:
        ValueError: The encoder's outputs, the decoder's inputs or the heads do not fit the prior, held categories do not fit the encoder,
            or the objective is not a plain ELBO.

    Reference: F. Lavda, M. Gregorova, A. Kalousis, *Improving VAE generations of multimodal data through data-dependent conditional
    priors*, 2020, Eq. 3 to 14; D. Kingma et al., *Semi-supervised Learning with Deep Generative Models*, 2014, Eq. 6 to 9.
    """

    accompaniments = ("mask", "condition")
    learns_labels = True

    def __init__(
        self,
        encoder: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        heads: Heads | None = None,
        estimator: CategoryEstimator | None = None,
        follow_aggregate: bool = False,
        sample_aggregate: bool = False,
        aggregate_rate: float = 0.01,
        objective: Objective | None = None,
        seed: int = 0,
        category_posterior: CategoryPosterior | None = None,
        label_weight: float | None = None,
        **kwargs: Any,
    ) -> None:
        require_kind("prior", prior, Prior)
        require_networks(encoder=encoder, decoder=decoder)
        super().__init__(likelihood, objective, seed, **kwargs)
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        k, d = prior.num_components, prior.latent_dim
        self.heads = GatedHeads(d, k) if heads is None else heads
        category_posterior = EncodedCategories() if category_posterior is None else category_posterior
        require_kind("category_posterior", category_posterior, CategoryPosterior)
        category_posterior.check(encoder)
        self.category_posterior = category_posterior
        self.estimator = estimator or (categories.Enumerated() if k <= 16 else categories.StraightThrough())
        self.follow_aggregate, self.sample_aggregate, self.aggregate_rate = follow_aggregate, sample_aggregate, aggregate_rate
        self.label_weight = label_weight
        self._check_parts()
        self.temperature = self.add_weight(
            (), lambda shape, dtype: tf.cast(self.estimator.temperature, dtype), name="temperature", trainable=False, dtype="float32"
        )
        # Not trained: replicas average their values.
        self.aggregate = self.add_weight(
            (k,), lambda shape, dtype: tf.fill(shape, 1 / k), name="aggregate", trainable=False, dtype="float32", aggregation="mean"
        )
        self.built = True

    def _check_parts(self):
        """Raises `ValueError` for the first part that does not fit the others."""
        require_kind("heads", self.heads, Heads)
        require_kind("estimator", self.estimator, categories.CategoryEstimator)
        prior, k, d = self.prior, self.prior.num_components, self.prior.latent_dim
        is_conditional = isinstance(prior, MixturePrior) and is_normal(prior.components(None))
        require(is_conditional, "a prior that is a mixture of diagonal normals, such as NormalMixture", prior=type(prior).__name__)
        fits = (self.heads.num_categories, self.heads.latent_dim) == (k, d)
        require(fits, f"heads of {k} categories and {d} latents", heads=(self.heads.num_categories, self.heads.latent_dim))
        self._take_inputs_of(self.encoder)
        received = self.encoder.output_shape
        require(received == (None, k + 2 * d), f"encoder with output shape {(None, k + 2 * d)}: K logits and 2 D", shape=received)
        self._check_conditioning(self.decoder)
        received = [tuple(one.shape) for one in self.decoder.inputs]
        last = [] if self.condition_size is None else [(None, self.condition_size)]
        alone, both = [(None, d), *last], [(None, d), (None, k), *last]
        require(received in (alone, both), f"decoder with inputs {alone}, or {both} if it takes the category", inputs=received)
        self._check_decoder(self.decoder)
        expected = "objective=ELBO() with ClosedForm() or MonteCarlo(): other bounds do not cover both z and c"
        is_elbo = isinstance(self.objective, ELBO) and isinstance(self.objective.kl, ClosedForm | MonteCarlo)
        require(is_elbo, expected, objective=self.objective)
        can_follow = not (getattr(prior, "learn_weights", False) and (self.follow_aggregate or self.sample_aggregate))
        require(can_follow, "a prior with learn_weights=False where the aggregate posterior is p(c) or sampled", learn_weights=True)
        require(self.label_weight is None or self.label_weight >= 0, "label_weight >= 0, or None", label_weight=self.label_weight)
        require(0 < self.aggregate_rate <= 1, "aggregate_rate in (0, 1]", aggregate_rate=self.aggregate_rate)

    # Sizes.

    @property
    def example_shape(self):
        return self.encoder.inputs[0].shape[1:]

    @property
    def latent_sizes(self):
        return self.joint_sizes if self.takes_component else {"z": self.prior.latent_dim}

    @property
    def joint_sizes(self):
        return {"z": self.prior.latent_dim, "component": None}

    @property
    def takes_component(self):
        """Whether the decoder takes the category."""
        return len(self.decoder.inputs) > (1 if self.condition_size is None else 2)

    @property
    def num_components(self):
        return self.prior.num_components

    @property
    def num_strata(self):
        return self.num_components if self.num_components <= categories.MAX_ENUMERATED else 1

    def penalty(self):
        return self.prior.penalty()

    # Distributions and draws.

    def category_log_probs(self) -> Tensor:
        """Returns log p(c), [K]."""
        return tf.math.log(self.aggregate + 1e-12) if self.follow_aggregate else self.prior.log_weights()

    def infer(self, x, training=False):
        """Returns log q(c|x) [B, K], and the mean and scale of z before the heads, [B, D]."""
        seen = self.as_batch(x).inputs_of(self.encoder)
        logits, rest = self.encoder_outputs(seen, training)
        return self.category_posterior.log_probs(seen, logits), *self.heads.split(rest)

    def encoder_outputs(self, seen, training=False):
        """Returns the encoder's own logits of c, [B, K], and its parameters of z, [B, 2 D], for the inputs that it takes."""
        params = tf.cast(self.encoder(seen, training=training), tf.float32)
        return params[:, : self.num_components], params[:, self.num_components :]

    def encode(self, x):
        """Returns q(z, c|x), a TFP distribution of z [D] and one-hot c [K]."""
        log_q, loc, scale = self.infer(x)
        categorical = tfd.OneHotCategorical(logits=log_q, dtype=tf.float32)
        return tfd.JointDistributionNamed({"c": categorical, "z": lambda c: self.heads.select(loc, scale, c)})

    def conditional_prior(self, c):
        """Returns p(z|c), a normal of batch [..., B] and event [D], for one-hot c [..., B, K]."""
        normal = self.prior.components(None).distribution
        return tfd.Independent(tfd.Normal(tf.tensordot(c, normal.loc, 1), tf.tensordot(c, normal.scale, 1)), 1)

    def draws(self, batch, objective, seed, training=False):
        batch = self.as_batch(batch)
        seen, n = batch.inputs_of(self.encoder), tf.shape(batch.x)[0]
        if training:
            self.estimator.check(self.num_components, self.values_of_example(), batch.x.shape[0] or 100)
        logits, rest = self.encoder_outputs(seen, training)  # [B, K], [B, 2 D]
        log_q, (loc, scale) = self.category_posterior.log_probs(seen, logits), self.heads.split(rest)
        estimator = self.estimator if training else categories.hard(self.num_components)
        labels = as_observed(None if self.label_weight is None else batch.labels, n)  # [B]
        used = labels if training else as_observed(None, n)
        observed_q = given_labels(log_q, used)
        c, log_weight = estimator.sample(observed_q, objective.num_samples, fold_in(seed, 0), self.temperature)  # [S, B, K], [S, B]
        q_z, p_z, log_pc = self.heads.select(loc, scale, c), self.conditional_prior(c), self.category_log_probs()
        z = q_z.sample(seed=fold_in(seed, 1))  # [S, B, D]
        own, normal = self.decode_params(z, c, training, batch.condition), self.prior.components(None).distribution
        dtype = product_dtype(self.prior.components(None), training)
        q = CategoricalNormal(observed_q, lambda: self.heads.kl(loc, scale, normal.loc, normal.scale, dtype))
        if training:
            self.track(batch, log_q)
        return Draws(
            log_weight=log_weight,
            log_px=self.log_px(own, batch, log_weight, training),
            log_pz=tf.reduce_sum(c * log_pc, axis=-1) + p_z.log_prob(z),
            log_qz=tf.where(are_observed(used), 0.0, tf.reduce_sum(c * log_q, axis=-1)) + q_z.log_prob(z),
            kl=objective.kl(q, CategoricalNormal(log_pc)) if objective.kl else None,
            distillation=self.category_posterior.distillation(log_q, logits),
            classification=-at_labels(tf.nn.log_softmax(logits), labels),
            params=own,
        )

    def decode_params(self, z, c, training=False, condition=None):
        """Returns the likelihood's parameters [S, B, *] for z [S, B, D], one-hot c [S, B, K], and the condition [B, A], if there is one."""
        num_samples, latents = tf.shape(z)[0], [fold(z), fold(c)] if self.takes_component else [fold(z)]
        return unfold(self.decoder(inputs_of_decoder(self.decoder, latents, condition, num_samples), training=training), num_samples)

    def values_of_example(self):
        """Returns the number of values that the decoder computes for one example and category."""
        return sum(math.prod(layer.output.shape[1:]) for layer in self.decoder.layers)

    # The aggregate posterior.

    def track(self, batch: Batch, log_q: Tensor) -> None:
        """Moves the aggregate posterior towards the mean of the batch, unless all of its examples have weight zero."""
        of_batch = tf.stop_gradient(global_mean(tf.exp(log_q), axis=0, weight=batch.weight))
        has_weight = 1.0 if batch.weight is None else tf.cast(global_mean(batch.weight) > 0, tf.float32)
        self.aggregate.assign_add(self.aggregate_rate * has_weight * (of_batch - self.aggregate))

    def adapt_aggregate(self, x: Array, batch_size: int | None = None, verbose: int = 0) -> None:
        """Sets `aggregate` to the mean of q(c|x) over the examples x [N, *]: the training set (eq. 14). `verbose` 1 shows progress."""
        batch_size = batch_size_for(batch_size, self.example_shape, 500)
        check_positive(batch_size=batch_size)
        shares = self.responsibilities(x, batch_size=batch_size, verbose=verbose)
        self.aggregate.assign(np.mean(shares, axis=0, dtype="float64"))

    def fit_prior(self, x, verbose=0):
        self.adapt_aggregate(x, verbose=verbose)

    def with_sampling_prior(self):
        """Returns the model whose p(c) is the sampler's: this one, or one with the same layers and the aggregate q(c) as p(c)."""
        if not self.sample_aggregate or self.follow_aggregate:
            return self
        names = ("encoder", "decoder", "prior", "likelihood", "heads", "estimator", "objective", "category_posterior", "label_weight")
        other = CPVAE(**{name: getattr(self, name) for name in names}, follow_aggregate=True, seed=self.seed)
        other.aggregate.assign(self.aggregate)
        return other

    # Plain tensors, which export.

    def decoder_params(self, *inputs):
        require(len(inputs) == len(self.decode_sizes), f"decode({', '.join(self.decode_sizes)})", number_of_arguments=len(inputs))
        given = dict(zip(self.decode_sizes, inputs, strict=True))
        latents = [given["z"], *([tf.one_hot(given["component"], self.num_components)] if self.takes_component else [])]
        return tf.cast(self.decoder(inputs_of_decoder(self.decoder, latents, given.get("condition")), training=False), tf.float32)

    def call(self, x: Array) -> Tensor:
        """Returns the reconstruction of x: the mean of p(x|z, c) at the most likely c and the mean of q(z|x, c)."""
        log_q, loc, scale = self.infer(x)
        component = tf.argmax(log_q, axis=-1)
        z = self.heads.select(loc, scale, tf.one_hot(component, self.num_components)).distribution.loc
        return self.decode(*self._decoder_inputs(z, component, {"condition": Batch.of(x).condition}))

    def posterior_parameters(self, x):
        log_q, loc, scale = self.infer(x)
        q = self.heads.select(loc, scale, tf.one_hot(tf.argmax(log_q, axis=-1), self.num_components))
        return {"probabilities": tf.exp(log_q), "mean": q.mean(), "stddev": q.stddev()}

    def batch_latent_means(self, x):
        r"""Returns :math:`\sum_k q(c_k|x)\,E[z|x, c_k]`, [B, D]."""
        log_q, loc, scale = self.infer(x)
        every = tf.eye(self.num_components)[:, None, :]  # [K, 1, K]
        means = self.heads.select(loc, scale, every).mean()  # [K, B, D]
        return tf.einsum("bk,kbd->bd", tf.exp(log_q), means)

    def log_joint(self, x, z, component):
        """Returns log p(x, z, c) for x [B, *], z [B, D] and categories [B], [B] in nats."""
        c = tf.one_hot(component, self.num_components)
        batch = self.as_batch(x)
        log_px = self.likelihood.log_prob(self.decode_params(z[None], c[None], condition=batch.condition), batch.x, mask=batch.mask)[0]
        return log_px + tf.gather(self.category_log_probs(), component) + self.conditional_prior(c).log_prob(z)

    # Components.

    def sampler(self):
        sampled = tf.math.log(self.aggregate + 1e-12) if self.sample_aggregate else self.category_log_probs()
        return self.prior.sampler()._replace(logits=sampled)

    def _decoder_inputs(self, z, component, noise):
        named = {"z": z, "component": component, "condition": noise.get("condition")}
        return tuple(named[name] for name in self.decode_sizes)

    def batch_responsibilities(self, x, num_samples, seed):
        """Returns q(c|x), [B, K]."""
        return tf.exp(self.infer(x)[0])
