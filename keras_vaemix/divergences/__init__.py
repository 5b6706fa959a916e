"""How the KL divergence from posterior to prior is computed in the bound: one object, passed to `ELBO`.

For a mixture posterior :math:`q = \\sum_m \\pi_m q_m` and a mixture prior :math:`p = \\sum_j w_j p_j` there is no closed form. For each
example the following holds, and `MonteCarlo` is unbiased:

    LowerBound <= KL <= Variational <= Matched <= SoftminBound <= MeanBound        Variational <= ComponentSoftmin
"""

from keras_vaemix.divergences.bounds import ComponentSoftmin, LowerBound, Matched, MatchedBound, MeanBound, SoftminBound, Variational
from keras_vaemix.divergences.estimates import ClosedForm, Divergence, MonteCarlo
from keras_vaemix.divergences.matching import ComponentMatching, Greedy, Optimal
from keras_vaemix.divergences.pairwise import pairwise_kl

__all__ = [
    "ClosedForm",
    "ComponentMatching",
    "ComponentSoftmin",
    "Divergence",
    "Greedy",
    "LowerBound",
    "Matched",
    "MatchedBound",
    "MeanBound",
    "MonteCarlo",
    "Optimal",
    "SoftminBound",
    "Variational",
    "pairwise_kl",
]
