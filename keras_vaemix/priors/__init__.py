"""Priors p(z): one file each."""

from keras_vaemix.core.sampler import Noise, Sampler
from keras_vaemix.mixtures.location_scale import LocationScaleMixture
from keras_vaemix.priors.base import Prior
from keras_vaemix.priors.conditional_normal import ConditionalNormal
from keras_vaemix.priors.dirichlet_weights import DirichletWeights
from keras_vaemix.priors.fitted_mixture import FittedMixture
from keras_vaemix.priors.implicit import ImplicitPrior
from keras_vaemix.priors.learned_normal import LearnedNormal
from keras_vaemix.priors.masked_autoregressive import MaskedAutoregressive
from keras_vaemix.priors.mixture import MixturePrior
from keras_vaemix.priors.normal_mixture import NormalMixture
from keras_vaemix.priors.pseudo_inputs import PseudoInputPrior
from keras_vaemix.priors.real_nvp import RealNVP
from keras_vaemix.priors.resampled import ResampledPrior
from keras_vaemix.priors.standard_normal import StandardNormal
from keras_vaemix.priors.vamp import VampPrior
from keras_vaemix.priors.vamp_mixture import VampPriorMixture

__all__ = [
    "ConditionalNormal",
    "DirichletWeights",
    "FittedMixture",
    "ImplicitPrior",
    "LearnedNormal",
    "LocationScaleMixture",
    "MaskedAutoregressive",
    "MixturePrior",
    "Noise",
    "NormalMixture",
    "Prior",
    "PseudoInputPrior",
    "RealNVP",
    "ResampledPrior",
    "Sampler",
    "StandardNormal",
    "VampPrior",
    "VampPriorMixture",
]
