"""All estimates of and bounds on the divergence from posterior to prior, side by side."""

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix import divergences
from keras_vaemix.core.batch import number_of, rows_of
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.mixtures.normal_components import NormalComponents, is_normal_mixture
from keras_vaemix.models import OneLevelModel
from keras_vaemix.objectives import ELBO
from keras_vaemix.posteriors import MixturePosterior
from keras_vaemix.priors import VampPrior

LADDER = {
    "lower_bound": divergences.LowerBound(),
    "variational": divergences.Variational(),
    "matched": divergences.Matched(),
    "component_softmin": divergences.ComponentSoftmin(),
    "softmin": divergences.SoftminBound(),
    "mean": divergences.MeanBound(),
}
PAPER_KL = divergences.MeanBound(divergences.Greedy())  # U of the GMMpVAE paper, with its own matching


def has_kl_ladder(model: keras.Model) -> bool:
    """Returns whether a model has one posterior and one prior, which no condition changes, and at least one of them is a mixture."""
    is_alone = isinstance(model, OneLevelModel) and model.prior.condition_size is None
    return is_alone and (model.num_components > 1 or model.num_strata > 1)


def bounds_of(model):
    """Returns the bounds of `LADDER` that apply to the model's posterior and prior; none unless both are mixtures of diagonal normals.

    There are none either for a prior that depends on a condition.
    """
    if not isinstance(model, OneLevelModel) or model.prior.condition_size is not None:
        return {}
    q = model.posterior.distribution(tf.zeros([1, *model.encoder.output_shape[1:]]))
    p = model.prior.distribution(model.encode)
    if q is None or not (is_normal_mixture(q) and is_normal_mixture(p)):
        return {}
    one_to_one = NormalComponents.of(q).loc.shape[-2] == NormalComponents.of(p).group_size
    return {name: bound for name, bound in LADDER.items() if one_to_one or not isinstance(bound, divergences.MatchedBound)}


def has_paper_kl(model: keras.Model) -> bool:
    """Returns whether `paper_kl` is defined: for a GMMpVAE or a model trained with a bound on the divergence, if both mixtures match."""
    if not isinstance(model, OneLevelModel):
        return False
    is_gmmp = isinstance(model.posterior, MixturePosterior) and isinstance(model.prior, VampPrior)
    return (is_gmmp or not model.has_unbiased_kl()) and "mean" in bounds_of(model)


def paper_kl(model: keras.Model, x: Array, batch_size: int | None = None) -> np.ndarray:
    r"""Returns the GMMpVAE paper's bound on KL(q(z|x) || p(z)) for each example, [N] in nats.

    .. math:: U = \sum_k w_k \sum_m \pi_m \left[\log \frac{\pi_m}{\pi'_{\beta(m)}} + KL(q_m \| p_{k \beta(m)})\right] \quad (\text{Eq. 22})

    with the greedy matching :math:`\beta` of Eq. 13. The reconstruction minus U is the bound that the paper's tables print (Eq. 23).

    Args:
        model: A model for which `has_paper_kl` holds.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
    """
    model.check(x)
    batch_size = batch_size_for(batch_size, model.example_shape, 100)
    bound = tf.function(lambda batch: PAPER_KL(model.encode(batch), model.prior.distribution(model.encode)))
    return np.concatenate([bound(rows_of(x, i, i + batch_size)) for i in range(0, number_of(x), batch_size)])


def kl_ladder(model: keras.Model, x: Array, num_samples: int = 10, batch_size: int | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns the Monte Carlo estimate of and every bound on KL(q(z|x) || p(z)) for each example, a dict of arrays [N] in nats.

    Args:
        model: A model with one posterior and one prior.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        num_samples: Number of draws (in each stratum) for the estimate `monte_carlo`.
        batch_size: Number of examples at a time; if None, 100, or fewer if they are large.
        seed: Integer; the estimate is a function of it.
    """
    model.check(x)
    batch_size = batch_size_for(batch_size, model.example_shape, 100)
    check_positive(num_samples=num_samples, batch_size=batch_size)
    bounds, objective = bounds_of(model), ELBO(num_samples, kl=divergences.MonteCarlo())

    def rungs(batch, seed):  # eager: a graph does not pay for a few batches, and each call in training would trace it anew
        d = model.draws(batch, objective, seed)
        estimate = {"monte_carlo": d.reconstruction() - objective(d)}
        if not bounds:
            return estimate
        q, p = model.encode(batch), model.prior.distribution(model.encode)
        return {**estimate, **{name: bound(q, p) for name, bound in bounds.items()}}

    starts = range(0, number_of(x), batch_size)
    results = [rungs(rows_of(x, i, i + batch_size), fold_in(stateless_seed(seed), i)) for i in starts]
    return {name: np.concatenate([r[name].numpy() for r in results]) for name in results[0]}
