"""The Bernoulli formula on values between zero and one: a pseudo-likelihood."""

from keras_vaemix.core import supports
from keras_vaemix.core.part import register
from keras_vaemix.likelihoods.bernoulli import Bernoulli


@register
class PseudoBernoulli(Bernoulli):
    """Bernoulli formula on greyscale data in [0, 1]: a cross-entropy, not a density. Its figures are named `pseudo_*`."""

    support = supports.UNIT_INTERVAL
    is_density = False
