"""Divergences between mixtures: the order of the ladder, quadrature, gradients, matchings, and what they refuse."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

import keras_vaemix as vm
from keras_vaemix import divergences
from keras_vaemix.mixtures.density import DiagonalNormalMixture
from keras_vaemix.mixtures.normal_components import NormalComponents
from tests import catalogue

tfd = tfp.distributions
BOUNDS = {
    name: getattr(divergences, name)() for name in ("Variational", "Matched", "ComponentSoftmin", "SoftminBound", "MeanBound", "LowerBound")
}


def mixture_of(logits, loc, scale):
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), tfd.Independent(tfd.Normal(loc, scale), 1))


def random_mixtures(seed, batch, m, k, d, spread=2.0):
    """Returns random posteriors [B] of M components, and a prior of K mixtures of M, in double precision for products."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.standard_normal(shape).astype("float32")  # noqa: E731
    q = mixture_of(draw(batch, m), spread * draw(batch, m, d), np.exp(0.7 * draw(batch, m, d) - 0.5))
    groups = mixture_of(draw(k, m), spread * draw(k, m, d), np.exp(0.5 * draw(k, m, d)))
    return q, DiagonalNormalMixture(tfd.Categorical(logits=draw(k)), groups, tf.float64)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.sampled_from([0.3, 1.0, 3.0]))
def test_order_of_the_ladder(seed, m, k, d, spread):
    """Holds for each of 50 mixtures in each of 25 examples, whatever their sizes."""
    q, p = random_mixtures(seed, 50, m, k, d, spread)
    value = {name: bound(q, p).numpy() for name, bound in BOUNDS.items()}
    tolerance = 1e-5 * (1 + value["MeanBound"])
    for lower, upper in (
        ("LowerBound", "Variational"),
        ("Variational", "Matched"),
        ("Matched", "SoftminBound"),
        ("SoftminBound", "MeanBound"),
        ("Variational", "ComponentSoftmin"),
    ):
        assert np.all(value[lower] <= value[upper] + tolerance), (lower, upper)
    if m == 1:
        for name in ("Matched", "ComponentSoftmin", "SoftminBound"):
            np.testing.assert_allclose(value[name], value["Variational"], rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 4))
def test_greedy_matching_is_no_better_than_the_optimal_one(seed, m, k):
    q, p = random_mixtures(seed, 40, m, k, 2)
    for bound in (divergences.MeanBound, divergences.SoftminBound):
        assert np.all(bound(divergences.Greedy())(q, p) >= bound()(q, p) * (1 - 1e-6) - 1e-5)


def mixture_density(mixture, grid):
    """Returns log densities of one-dimensional mixtures at a grid, [..., G], by scipy."""
    c = NormalComponents.of(mixture)
    logs = norm(c.loc.numpy().astype("float64"), c.scale.numpy().astype("float64")).logpdf(grid)  # [..., J, G]
    return logsumexp(logs + c.log_weights.numpy().astype("float64")[..., None], axis=-2)


@pytest.mark.parametrize("seed", range(5))
def test_bounds_and_monte_carlo_against_quadrature(seed):
    q, p = random_mixtures(seed, 30, 3, 4, 1)
    grid = np.linspace(-25, 25, 40_001)
    log_q, log_p = mixture_density(q, grid), mixture_density(p, grid)
    exact = np.trapezoid(np.exp(log_q) * (log_q - log_p), grid)  # [B]
    for name, bound in BOUNDS.items():
        gap = bound(q, p).numpy() - exact
        assert np.all((gap < 1e-4) if name == "LowerBound" else (gap > -1e-4)), name
    z = q.sample(20_000, seed=[seed, 0])
    terms = (q.log_prob(z) - p.log_prob(z)).numpy()
    assert np.all(np.abs(terms.mean(0) - exact) < 4.5 * terms.std(0) / np.sqrt(len(terms)))


@pytest.mark.parametrize("m", [2, 4, 7])
def test_optimal_matching_is_optimal(m):
    cost = np.random.default_rng(m).standard_normal((3, 2, m, m)).astype("float32")
    found = divergences.Optimal()(tf.constant(cost), None).numpy()
    np.testing.assert_array_equal(found.sum(-1), 1)
    np.testing.assert_array_equal(found.sum(-2), 1)
    best = np.min([sum(cost[..., i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(m))], axis=0)
    np.testing.assert_allclose((found * cost).sum((-2, -1)), best, rtol=1e-5)


def test_greedy_matching_follows_the_weights_and_breaks_ties_by_index():
    cost = tf.constant([[[[0.0, 1.0], [0.0, 5.0]]]])
    np.testing.assert_array_equal(divergences.Greedy()(cost, tf.constant([[0.6, 0.4]]))[0, 0], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(divergences.Greedy()(cost, tf.constant([[0.4, 0.6]]))[0, 0], [[0, 1], [1, 0]])
    np.testing.assert_array_equal(divergences.Greedy()(0 * cost, tf.constant([[0.5, 0.5]]))[0, 0], [[1, 0], [0, 1]])


def test_pairwise_divergences_are_those_of_tfp():
    q, p = random_mixtures(0, 7, 3, 4, 5)
    components = q.components_distribution.distribution, p.components_distribution.components_distribution.distribution
    expected = tfd.Independent(tfd.Normal(components[0].loc[:, :, None], components[0].scale[:, :, None]), 1).kl_divergence(
        tfd.Independent(tfd.Normal(tf.reshape(components[1].loc, [12, 5]), tf.reshape(components[1].scale, [12, 5])), 1)
    )
    np.testing.assert_allclose(divergences.pairwise_kl(NormalComponents.of(q), NormalComponents.of(p)), expected, rtol=1e-4, atol=1e-4)


def slopes(total, values, rng, h):
    """Returns the slope of `total` at `values` in a random direction, by its gradient and by finite differences of size h."""
    directions = [rng.standard_normal(value.shape) for value in values]
    variables = [tf.Variable(value) for value in values]
    with tf.GradientTape() as tape:
        result = total(variables)
    slope = sum(tf.reduce_sum(g * d) for g, d in zip(tape.gradient(result, variables), directions, strict=True))
    moved = [total([tf.constant(v + sign * h * d) for v, d in zip(values, directions, strict=True)]) for sign in (1, -1)]
    return float(slope), float(moved[0] - moved[1]) / (2 * h)


@pytest.mark.parametrize("name", [name for name in BOUNDS if name != "Variational"])
def test_gradients_against_finite_differences(name):
    rng = np.random.default_rng(1)
    values = [rng.standard_normal(shape) for shape in ((2, 3), (2, 3, 2), (2, 3, 2), (4, 3), (4, 3, 2), (4, 3, 2), (4,))]

    def total(parts):
        logits, loc, raw, group_logits, group_loc, group_raw, w = parts
        q = NormalComponents.of(mixture_of(logits, loc, tf.exp(raw)))
        p = NormalComponents.of(tfd.MixtureSameFamily(tfd.Categorical(logits=w), mixture_of(group_logits, group_loc, tf.exp(group_raw))))
        return tf.reduce_sum(BOUNDS[name].bound(q, p))

    slope, difference = slopes(total, values, rng, 1e-5)
    assert slope == pytest.approx(difference, rel=1e-5)


def test_gradient_of_the_variational_bound_at_its_fixed_point():
    """The shares are held constant: exact where coordinate descent has converged."""
    rng = np.random.default_rng(2)
    values = [rng.standard_normal(shape) for shape in ((2, 3), (2, 3, 2), (2, 3, 2), (5,), (5, 2), (5, 2))]

    def total(parts):
        logits, loc, raw, w, p_loc, p_raw = parts
        q, p = NormalComponents.of(mixture_of(logits, loc, tf.exp(raw))), NormalComponents.of(mixture_of(w, p_loc, tf.exp(p_raw)))
        return tf.reduce_sum(divergences.Variational(300).bound(q, p))

    slope, difference = slopes(total, values, rng, 1e-4)
    assert slope == pytest.approx(difference, rel=1e-3)


@pytest.mark.parametrize("name", ["MeanBound", "SoftminBound", "Matched"])
def test_different_numbers_of_components_cannot_be_matched(name):
    q, _ = random_mixtures(0, 5, 3, 1, 2)
    with pytest.raises(ValueError, match="posterior=3, prior=1"):
        BOUNDS[name](q, vm.NormalMixture(2, 4).distribution())
    assert BOUNDS["Variational"](q, vm.NormalMixture(2, 4).distribution()).shape == (5,)


def test_a_distribution_that_is_no_normal_mixture_is_refused_by_name():
    _, p = random_mixtures(0, 5, 2, 2, 2)
    laplace = tfd.Independent(tfd.Laplace(tf.zeros((5, 2)), 1.0), 1)
    for bound in BOUNDS.values():
        with pytest.raises(ValueError, match=rf"for {type(bound).__name__}.* Received: q='IndependentLaplace', p='MixtureSameFamily'"):
            bound(laplace, p)


def test_a_lower_bound_of_the_divergence_is_no_part_of_a_bound():
    with pytest.raises(ValueError, match=r"kl=LowerBound\(\)"):
        vm.ELBO(kl=divergences.LowerBound())


@pytest.mark.parametrize("name", divergences.__all__)
def test_every_divergence_says_first_what_it_is(name):
    cls = getattr(divergences, name)
    if isinstance(cls, type) and issubclass(cls, divergences.Divergence) and not cls.__abstractmethods__:
        first = cls.__doc__.splitlines()[0].lower()
        assert any(word in first for word in ("exact", "upper bound", "lower bound", "estimate"))
        assert name == "LowerBound" or name in catalogue.DIVERGENCES


def test_matching_outside_of_the_graph_trains_without_xla(binary):
    model = vm.VAE(
        vm.networks.gated_mlp(binary.shape[1:], vm.NormalMixturePosterior(6).params_size(2), (8,)),
        vm.networks.gated_mlp((2,), binary.shape[1:], (8,)),
        vm.VampPrior(2, 3, binary.shape[1:]),
        vm.Bernoulli(),
        vm.NormalMixturePosterior(6),
        vm.ELBO(kl=divergences.SoftminBound()),
    )
    model.compile(keras.optimizers.Adam(1e-3))
    assert not model.jit_compile
    assert np.isfinite(model.fit(binary, verbose=0).history["loss"][0])


def test_the_gap_of_a_bound_is_recorded(binary):
    model = catalogue.make("VampPrior", posterior="NormalMixturePosterior", kl="MeanBound")
    model.compile("adam", run_eagerly=True)
    logs = model.evaluate(np.tile(binary, (20, 1, 1, 1)), batch_size=200, return_dict=True, verbose=0)  # one draw has more noise than gap
    assert logs["kl_gap"] > 0
    assert -logs["loss"] == pytest.approx(logs["elbo"] - logs["kl_gap"], rel=1e-4)
    assert "kl_gap" not in catalogue.make("VampPrior", posterior="NormalMixturePosterior").metric_names()
