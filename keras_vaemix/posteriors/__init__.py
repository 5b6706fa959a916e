"""Posteriors q(z|x): how the encoder's output becomes a distribution, and how it is drawn from."""

from keras_vaemix.posteriors.base import Posterior
from keras_vaemix.posteriors.diagonal_normal import DiagonalNormal
from keras_vaemix.posteriors.mixture import MixturePosterior
from keras_vaemix.posteriors.normal_mixture import NormalMixturePosterior
from keras_vaemix.posteriors.sampled_mixture import SampledMixturePosterior

__all__ = ["DiagonalNormal", "MixturePosterior", "NormalMixturePosterior", "Posterior", "SampledMixturePosterior"]
