"""Posteriors q(z|x): how the encoder's output becomes a distribution, and how it is drawn from."""

from keras_vaemix.posteriors.additive_coupling import AdditiveCoupling
from keras_vaemix.posteriors.base import Posterior
from keras_vaemix.posteriors.diagonal_normal import DiagonalNormal
from keras_vaemix.posteriors.householder import HouseholderFlow
from keras_vaemix.posteriors.inverse_autoregressive import InverseAutoregressive
from keras_vaemix.posteriors.mixture import MixturePosterior
from keras_vaemix.posteriors.normal_mixture import NormalMixturePosterior
from keras_vaemix.posteriors.planar import PlanarFlow
from keras_vaemix.posteriors.sampled_mixture import SampledMixturePosterior

__all__ = [
    "AdditiveCoupling",
    "DiagonalNormal",
    "HouseholderFlow",
    "InverseAutoregressive",
    "MixturePosterior",
    "NormalMixturePosterior",
    "PlanarFlow",
    "Posterior",
    "SampledMixturePosterior",
]
