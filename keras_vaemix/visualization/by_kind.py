"""Pictures that are specific to a kind of model or prior, by single dispatch: a new kind registers its own."""

import functools

import numpy as np

from keras_vaemix.evaluation import latent_effects, posterior_means
from keras_vaemix.models import GAMIXVAE, AutoencodingModel
from keras_vaemix.priors import FittedMixture, Prior, PseudoInputPrior
from keras_vaemix.visualization import pictures, plots


@functools.singledispatch
def latent_pictures(model):
    """Returns, by name, functions of a model and at least two examples [N, *] that make pictures of its latents, [H, W, C]."""
    return {}


@latent_pictures.register
def _(model: AutoencodingModel):
    return {"covariance": covariance}


@latent_pictures.register
def _(model: GAMIXVAE):
    if len(model.example_shape) != 3:
        return {}
    return {"effects": effects, **({"variants": variants} if model.prior.latent_dim > 1 else {}), "transitions": transitions}


def covariance(model, x):
    """Returns the covariance of the codes of examples."""
    return pictures.covariance_picture(posterior_means(model, x))


def effects(model, x):
    """Returns the latents with the largest effect on two of the examples."""
    return pictures.effects_picture(latent_effects(model, x, num_examples=2))


def variants(model, x):
    """Returns variants of the first example, over the two latents with the largest effect."""
    ranked = np.argsort(-latent_effects(model, x, num_examples=2), kind="stable")
    return pictures.variants(model, x[0], ranked[:2].tolist()).picture()


def transitions(model, x, num_rows=8):
    """Returns transitions from the first examples to as many that follow."""
    half = min(num_rows, len(x) // 2)
    return pictures.transitions(model, x[:half], x[half : 2 * half]).picture()


@functools.singledispatch
def prior_pictures(prior: Prior):
    """Returns pictures of the parts of a prior, by name."""
    return {}


@prior_pictures.register
def _(prior: PseudoInputPrior):
    shown = prior.pseudo_inputs()[:100]
    which = "The pseudo-inputs" if len(shown) == prior.num_components else f"The first {len(shown)} of {prior.num_components} pseudo-inputs"
    return {"pseudo_inputs": plots.images_in_order(shown, f"{which} of the prior, by index").picture()}


@functools.singledispatch
def sampled_with(model, x):
    """Returns the model to sample for pictures during training: this one, unless its density is only fitted afterwards."""
    return model


@sampled_with.register
def _(model: GAMIXVAE, x):
    if model.can_sample() or len(x) < 2:
        return model
    sampled = model.sampled_by(FittedMixture(model.prior.latent_dim, 1))
    sampled.fit_prior(x)  # the moments of the examples
    return sampled
