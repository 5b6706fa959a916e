"""The log-likelihood by annealed importance sampling, to check plain importance sampling with few effective samples."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import rows_of
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.evaluation.annealing import Path, Target
from keras_vaemix.importance import LikelihoodEstimate, stream, summarize

PILOT_SHARE = 4  # a quarter as many chains find the step sizes


def annealed_log_likelihood(
    model: keras.Model,
    x: Array,
    num_chains: int = 16,
    num_temperatures: int = 200,
    num_leapfrog: int = 10,
    step_size: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    verbose: int = 0,
    jit_compile: bool = True,
    y: Array | None = None,
) -> LikelihoodEstimate:
    r"""Estimates :math:`\log p(x)` by annealed importance sampling from the posterior to the joint density, with Hamiltonian transitions.

    Chains pass through the densities of a geometric path that starts at :math:`q(z|x)`, which is much nearer than the prior,

    .. math:: f_t(z) = q(z|x)^{1 - \beta_t}\, p(x, z)^{\beta_t}, \quad 0 = \beta_0 < \dots < \beta_T = 1,

    and the estimate is the mean of their weights (Neal, 2001, Eq. 11; in double precision)

    .. math:: \log w = \sum_{t=1}^{T} (\beta_t - \beta_{t-1}) \left[\log p(x, z_{t-1}) - \log q(z_{t-1}|x)\right],

    where :math:`z_0 \sim q(z|x)` and a transition that leaves :math:`f_t` invariant takes :math:`z_{t-1}` to :math:`z_t`. The mean weight
    is unbiased for p(x), so the expectation of its logarithm is a lower bound on :math:`\log p(x)`, which a single estimate may exceed,
    and which tightens with T and the number of chains. T = 1 is plain importance sampling.

    A transition is one step of Hamiltonian Monte Carlo, accepted or rejected for each chain; step sizes are in units of the standard
    deviations of q. Before it, the category is redrawn given z, by enumeration of all categories. Chains start from
    :math:`\frac12 (q(c|x) + r(c))`, where r is the weight of each category in importance sampling with 32 draws of each: q alone may be
    almost certain of a wrong category.

    Args:
        model: A `LatentModel` whose `encode` covers all latents of its `log_joint`, which are continuous except for at most one category.
        x: Examples [N, *], or a dict of them with what accompanies them, as in `fit`.
        num_chains: Number of chains C for each example.
        num_temperatures: Number of steps T of the path.
        num_leapfrog: Number of leapfrog steps in a transition.
        step_size: Size of a leapfrog step; None finds one for each example and temperature, with 65 % acceptance, by separate chains, a
            quarter as many. The chains of the estimate do not adapt, which would bias it.
        batch_size: Number of examples at a time; if None, as many as fit the model's `decoded_batch_size` with their chains.
        seed: Integer; the estimate is a function of it.
        verbose: 1 shows a progress bar.
        jit_compile: Whether XLA compiles the chains, again in each call, which does not pay for a few short chains.
        y: What x is conditioned on, [A] for all examples or [N, A], of a model that is conditioned, where x is no dict that has it.

    Returns:
        A `LikelihoodEstimate` of NumPy arrays [N], in nats, whose rows are the chains.

    Raises:
        ValueError: The model's `encode` does not cover all its latents, or a number is not positive.

    Reference: R. Neal, *Annealed Importance Sampling*, 2001; Y. Wu, Y. Burda, R. Salakhutdinov, R. Grosse, *On the Quantitative Analysis of
    Decoder-Based Generative Models*, 2017.
    """
    given = model.checked(x, y=y)
    num_examples = len(given.x)
    check_positive(num_chains=num_chains, num_temperatures=num_temperatures, num_leapfrog=num_leapfrog)
    batch_size = batch_size_for(batch_size, model.example_shape, max(1, model.decoded_batch_size // num_chains))
    check_positive(batch_size=batch_size)
    batch_size = min(num_examples, batch_size)
    require(step_size is None or step_size > 0, "step_size > 0, or None", step_size=step_size)
    Target(model, rows_of(given, 0, 1))

    @tf.function(jit_compile=jit_compile)
    def estimate(batch, seed):
        target, path = Target(model, batch), Path(num_temperatures, num_leapfrog)
        if step_size is None:
            _, steps = path.run(target, max(1, num_chains // PILOT_SHARE), fold_in(seed, 0))
        else:
            steps = tf.fill([num_temperatures, batch_size], step_size)
        log_w, _ = path.run(target, num_chains, fold_in(seed, 1), steps)  # [C, B]
        return summarize(*stream(lambda _: log_w[:, None] - math.log(num_chains), 1, batch_size, seed), 1, num_chains)

    title = f"annealed importance sampling: {num_chains} chains of {num_temperatures} temperatures for each of {num_examples} examples"
    results = []
    for i, start in enumerate(progress(range(0, num_examples, batch_size), verbose, title)):
        rows = np.arange(start, min(start + batch_size, num_examples))
        filled = np.resize(rows, batch_size)  # pads the last batch, so that no second graph is compiled
        batch = given.map(lambda one, filled=filled: tf.constant(one[filled], tf.float32)).inputs()
        figures = estimate(batch, fold_in(stateless_seed(seed), i))
        results.append([figure.numpy()[: len(rows)] for figure in figures])
    log_p, errors, sizes = (np.concatenate(figures) for figures in zip(*results, strict=True))
    return LikelihoodEstimate(log_p, errors, sizes, num_chains)
