"""Initial mixtures: a Gaussian mixture that scikit-learn fits to the latents of a plain VAE with the same networks."""

import functools

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import number_of, rows_of
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array, Network
from keras_vaemix.core.part import require
from keras_vaemix.core.replicas import reducible
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.mixtures.gaussian_mixture import fit_mixture
from keras_vaemix.models import CPVAE, VAE
from keras_vaemix.posteriors import DiagonalNormal
from keras_vaemix.priors import NormalMixture, StandardNormal


@functools.singledispatch
def without_mixture(model: keras.Model) -> VAE:
    """Returns the VAE to train first: the model's networks with a standard normal prior and no category.

    Args:
        model: A `VAE` or a `CPVAE`.
    """
    raise ValueError(f"Expected a VAE or a CPVAE. Received: model={type(model).__name__}")


@functools.singledispatch
def initialize_from_gaussian_mixture(
    model: keras.Model, x: Array, num_starts: int = 10, batch_size: int | None = None, seed: int = 0, embedding: Network | None = None
) -> None:
    """Initialises a model's mixture from a Gaussian mixture fitted to the latents of examples, without training the latents.

    The prior takes the moments of its components. For a `VAE` the fit has diagonal covariances, and is to draws if the posterior is a flow.
    For a `CPVAE` they are full, which fit clusters of any orientation, and q(c|x) is trained to give their responsibilities, while the
    latents stay as they are. With an embedding the mixture is fitted to its points, with full covariances; the prior takes the moments of
    the latents under its responsibilities.

    Args:
        model: A `VAE` or a `CPVAE` whose prior is a `NormalMixture`.
        x: Examples [N, *], or for a `VAE` a dict of them with what accompanies them, as in `fit`.
        num_starts: Number of fits of the Gaussian mixture; the one with the highest likelihood is used.
        batch_size: Number of examples at a time; if None, 200, or fewer if they are large.
        seed: Integer; the result is a function of it, and of Keras's global seed if q(c|x) is trained.
        embedding: Function of the latents' means [N, D] and `seed` that returns points [N, E], such as `embeddings.UMAP()`; None for
            the latents themselves.

    Reference: Z. Jiang et al., *Variational Deep Embedding*, 2017, Section 4.2.
    """
    raise ValueError(f"Expected a VAE or a CPVAE. Received: model={type(model).__name__}")


@without_mixture.register
def _(model: VAE):
    return VAE(model.encoder, model.decoder, StandardNormal(model.prior.latent_dim), model.likelihood, model.posterior, seed=model.seed)


@without_mixture.register
def _(model: CPVAE):
    require(not model.accompanied_by, "a CPVAE of examples alone", accompanied_by=model.accompanied_by)
    k, d = model.num_components, model.prior.latent_dim
    x, z = keras.Input(model.example_shape), keras.Input((d,))
    average = keras.ops.zeros_like(z[:, :1]) + keras.ops.full((1, k), 1 / k)
    encoder = keras.Model(x, model.encoder(x)[:, k:])
    decoder = keras.Model(z, model.decoder([z, average] if model.takes_component else z))
    return VAE(encoder, decoder, StandardNormal(d), model.likelihood, DiagonalNormal(model.heads.log_variance_limits), seed=model.seed)


@initialize_from_gaussian_mixture.register
def _(model: VAE, x, num_starts=10, batch_size=None, seed=0, embedding=None):
    check(model, x)
    batch_size = batch_size_for(batch_size, model.example_shape, 200)
    z, variance = latents_of(model, x, batch_size, seed)
    points, covariance = (z, "diag") if embedding is None else (embedding(z, seed), "full")
    responsibilities = fit_mixture(points, model.num_components, covariance, num_starts, seed=seed).predict_proba(points)
    model.prior.initialize_from_latents(z, responsibilities, variance)


def latents_of(model, x, batch_size, seed):
    """Returns the means [N, D] of the posteriors of a `VAE`, and their mean variance [D]: of a flow, a draw from each and zero."""
    batches = [(i, rows_of(x, i, i + batch_size)) for i in range(0, number_of(x), batch_size)]
    encoded = [model.posterior_parameters(batch) for _, batch in batches]
    if "stddev" not in encoded[0]:
        return np.concatenate([model._upper_draws(batch, fold_in(stateless_seed(seed), i)) for i, batch in batches]), 0.0
    z, stddev = (np.concatenate([one[name] for one in encoded]) for name in ("mean", "stddev"))
    return z, np.mean(stddev**2, axis=0)


@initialize_from_gaussian_mixture.register
def _(model: CPVAE, x, num_starts=10, batch_size=None, seed=0, embedding=None):
    check(model, x)
    require(not model.accompanied_by, "a CPVAE of examples alone", accompanied_by=model.accompanied_by)
    batch_size = batch_size_for(batch_size, model.example_shape, 200)
    k, d = model.num_components, model.prior.latent_dim
    params = np.concatenate([model.encoder(x[i : i + batch_size], training=False) for i in range(0, len(x), batch_size)])
    z, variance = params[:, k : k + d], np.exp(np.clip(params[:, k + d :], *model.heads.log_variance_limits))
    points = z if embedding is None else embedding(z, seed)
    responsibilities = fit_mixture(points, k, "full", num_starts, seed=seed).predict_proba(points).astype("float32")
    model.prior.initialize_from_latents(z, responsibilities, variance.mean(axis=0))
    distill(model, x, responsibilities, params[:, k:], batch_size, seed)
    model.category_posterior.keep(model.encoder)
    model.adapt_aggregate(x)


def distill(model, x, responsibilities, latents, batch_size, seed, num_steps=750):
    """Trains the encoder of a `CPVAE` to give `responsibilities` [N, K] as q(c|x) and its earlier outputs `latents` [N, 2 D]."""
    k, inputs = model.num_components, keras.Input(model.example_shape)
    outputs = model.encoder(inputs)
    student = Student(inputs, [keras.ops.softmax(outputs[:, :k]), outputs[:, k:]])
    student.compile(keras.optimizers.Adam(1e-3), ["categorical_crossentropy", "mse"], jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices((x, (responsibilities, latents))).shuffle(len(x), seed).batch(batch_size).repeat()
    student.batch = next(iter(batches))
    student.fit(batches, steps_per_epoch=num_steps, shuffle=False, verbose=0)


class Student(keras.Model):
    """A model that Keras trains, also on several workers.

    Attributes:
        batch: A training batch from which the model is built; Keras's way fails on a batch that is split over replicas.
    """

    batch = None

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        super()._maybe_symbolic_build(data_batch=self.batch)

    def train_step(self, data):
        return reducible(super().train_step(data))


def check(model: keras.Model, x: Array) -> None:
    """Raises `ValueError` unless the model's prior can be initialised and x are examples of the model."""
    require(isinstance(model.prior, NormalMixture), "a NormalMixture as prior", prior=type(model.prior).__name__)
    model.check(x)
