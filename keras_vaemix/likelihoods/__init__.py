"""Likelihoods p(x|z): how the decoder's output becomes a distribution over data."""

from keras_vaemix.likelihoods.base import Likelihood, sum_event
from keras_vaemix.likelihoods.bernoulli import Bernoulli
from keras_vaemix.likelihoods.beta import Beta
from keras_vaemix.likelihoods.categorical import Categorical
from keras_vaemix.likelihoods.columns import Columns, UnlikeScales
from keras_vaemix.likelihoods.continuous_bernoulli import ContinuousBernoulli
from keras_vaemix.likelihoods.counts import CountLikelihood
from keras_vaemix.likelihoods.discretized_logistic import DiscretizedLogistic
from keras_vaemix.likelihoods.factors import Factor
from keras_vaemix.likelihoods.laplace import Laplace
from keras_vaemix.likelihoods.learned_scale_normal import LearnedScaleNormal
from keras_vaemix.likelihoods.library_size import LibrarySize
from keras_vaemix.likelihoods.location_scale import LocationScale
from keras_vaemix.likelihoods.negative_binomial import NegativeBinomial
from keras_vaemix.likelihoods.normal import Normal
from keras_vaemix.likelihoods.optimal_scale_normal import OptimalScaleNormal
from keras_vaemix.likelihoods.poisson import Poisson
from keras_vaemix.likelihoods.pseudo_bernoulli import PseudoBernoulli
from keras_vaemix.likelihoods.standardized import Standardized
from keras_vaemix.likelihoods.student_t import StudentT
from keras_vaemix.likelihoods.zero_inflated import ZeroInflated

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Columns",
    "ContinuousBernoulli",
    "CountLikelihood",
    "DiscretizedLogistic",
    "Factor",
    "Laplace",
    "LearnedScaleNormal",
    "LibrarySize",
    "Likelihood",
    "LocationScale",
    "NegativeBinomial",
    "Normal",
    "OptimalScaleNormal",
    "Poisson",
    "PseudoBernoulli",
    "Standardized",
    "StudentT",
    "UnlikeScales",
    "ZeroInflated",
    "sum_event",
]
