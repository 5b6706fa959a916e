"""Likelihoods p(x|z): how the decoder's output becomes a distribution over data."""

from keras_vaemix.likelihoods.base import Likelihood, sum_event
from keras_vaemix.likelihoods.bernoulli import Bernoulli
from keras_vaemix.likelihoods.continuous_bernoulli import ContinuousBernoulli
from keras_vaemix.likelihoods.discretized_logistic import DiscretizedLogistic
from keras_vaemix.likelihoods.laplace import Laplace
from keras_vaemix.likelihoods.learned_scale_normal import LearnedScaleNormal
from keras_vaemix.likelihoods.location_scale import LocationScale
from keras_vaemix.likelihoods.normal import Normal
from keras_vaemix.likelihoods.optimal_scale_normal import OptimalScaleNormal
from keras_vaemix.likelihoods.pseudo_bernoulli import PseudoBernoulli

__all__ = [
    "Bernoulli",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Laplace",
    "LearnedScaleNormal",
    "Likelihood",
    "LocationScale",
    "Normal",
    "OptimalScaleNormal",
    "PseudoBernoulli",
    "sum_event",
]
