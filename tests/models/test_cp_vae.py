"""CP-VAE: both terms of the divergence against TFP, log p(x) by quadrature, hard categories, the aggregate posterior, bad input."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

import keras_vaemix as vm
from keras_vaemix.categorical import categories
from keras_vaemix.networks import gated_mlp, joint_gated_mlp
from keras_vaemix.objectives import ELBO
from tests import catalogue

tfd = tfp.distributions


def shaken(model, scale=0.5):
    """Returns the model with noise on every weight, so that no two categories are alike."""
    for i, weight in enumerate(model.trainable_variables):
        weight.assign(weight + scale * tf.random.stateless_normal(weight.shape, [i, 1]))
    return model


def one_dimensional(k=3, sees=True, held=False, **arguments):
    """Returns a CP-VAE of four binary pixels and one latent, whose log p(x) is a sum of k integrals; `held` has any q(c|x)."""
    decoder = joint_gated_mlp([(1,), (k,)], (4,), (6,), (6,)) if sees else gated_mlp((1,), (4,), (6,))
    prior = vm.NormalMixture(1, k, learn_weights=True)
    encoder = gated_mlp((4,), k + 2, (6,))
    arguments |= {"category_posterior": vm.HeldCategories.of(encoder)} if held else {}
    return shaken(vm.CPVAE(encoder, decoder, prior, vm.Bernoulli(), **arguments))


def exact_log_likelihood(model, x):
    """Returns log p(x) of a `one_dimensional` model by quadrature."""
    grid = np.linspace(-12, 12, 2001)
    weights = np.full(len(grid), grid[1] - grid[0])
    z = tf.constant(grid[:, None, None], tf.float32)  # [G, 1, 1]
    terms = []
    for k in range(model.num_components):
        c = tf.one_hot([k], model.num_components)  # [1, K]
        params = model.decode_params(z, tf.repeat(c[None], len(grid), axis=0))
        log_px = np.asarray(model.likelihood.log_prob(params, tf.constant(x)), "float64")  # [G, N]
        log_pz = np.asarray(model.conditional_prior(c).log_prob(z), "float64")  # [G, 1]
        terms.append(logsumexp(log_px + log_pz, b=weights[:, None], axis=0) + float(model.category_log_probs()[k]))
    return logsumexp(terms, axis=0)


EVERY = np.array(list(itertools.product([0, 1], repeat=4)), "float32")  # every example of four binary pixels


@pytest.mark.slow
@pytest.mark.parametrize(("sees", "held"), [(True, False), (False, False), (True, True)])
def test_every_bound_is_below_the_exact_likelihood_and_importance_sampling_meets_it(sees, held, fitted):
    model = fitted(one_dimensional(sees=sees, held=held), EVERY)
    exact = exact_log_likelihood(model, EVERY)
    assert logsumexp(exact) == pytest.approx(0, abs=1e-3)  # p(x) sums to one over all examples
    vm.verify.check_bound(model, EVERY, exact=exact)
    estimate = model.estimate_log_likelihood(EVERY, 5_000)
    assert np.all(np.abs(estimate.log_likelihood - exact) < 5 * estimate.standard_error + 1e-3)


@pytest.mark.parametrize("heads", [vm.GatedHeads, vm.SharedHeads])
def test_divergences_of_all_categories_are_those_of_tfp(heads):
    model = shaken(catalogue.cp_vae(None, 0, heads=heads(catalogue.LATENT_DIM, 4)))
    x = tf.constant(catalogue.examples(model))
    _, loc, scale = model.infer(x)
    normal = model.prior.components(None).distribution
    for dtype, tolerance in ((tf.float32, 1e-3), (tf.float64, 1e-5)):
        received = model.heads.kl(loc, scale, normal.loc, normal.scale, dtype)
        for k in range(4):
            c = tf.one_hot(tf.fill([30], k), 4)
            expected = model.heads.select(loc, scale, c).kl_divergence(model.conditional_prior(c))
            np.testing.assert_allclose(received[:, k], expected, rtol=tolerance, atol=tolerance)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000))
def test_both_terms_of_the_divergence(k, d, seed):
    """B1 + B2 of eq. 8 are KL(q(c|x) || p(c)) and the average of the normals' divergences; neither is negative."""
    rng = np.random.default_rng(seed)
    heads = vm.GatedHeads(d, k)
    for weight in heads.weights:
        weight.assign(rng.normal(size=weight.shape))
    loc, scale = (tf.constant(rng.normal(size=(3, d)), tf.float32) for _ in range(2))
    scale = tf.exp(scale)
    log_q = tf.nn.log_softmax(tf.constant(rng.normal(size=(3, k)), tf.float32))
    log_p = tf.nn.log_softmax(tf.constant(rng.normal(size=k), tf.float32))
    m, t = rng.normal(size=(k, d)).astype("float32"), np.exp(rng.normal(size=(k, d))).astype("float32")
    q = vm.categorical.heads.CategoricalNormal(log_q, lambda: heads.kl(loc, scale, m, t, tf.float64))
    b1 = tfd.Categorical(logits=log_q).kl_divergence(tfd.Categorical(logits=log_p))
    each = [
        heads.select(loc, scale, tf.one_hot(tf.fill([3], j), k)).kl_divergence(tfd.Independent(tfd.Normal(m[j], t[j]), 1)) for j in range(k)
    ]
    b2 = tf.reduce_sum(tf.exp(log_q) * tf.stack(each, axis=1), axis=1)
    received = q.kl_divergence(vm.categorical.heads.CategoricalNormal(log_p))
    np.testing.assert_allclose(received, b1 + b2, rtol=1e-4, atol=1e-4)
    assert np.all(received >= -1e-4)


def test_the_closed_form_is_the_expectation_of_the_draws():
    model = shaken(catalogue.make(model="CPVAE"))
    x = tf.constant(catalogue.examples(model, 8))
    d = model.draws(x, ELBO(20_000), [0, 1])
    sampled = tf.reduce_sum(tf.exp(d.log_weight) * (d.log_qz - d.log_pz), axis=0)
    np.testing.assert_allclose(sampled, d.kl, rtol=0.02, atol=0.05)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(d.log_weight), axis=0), 1, atol=2e-3)


def test_categories_and_latents_have_noise_of_their_own(monkeypatch):
    model, seeds = one_dimensional(estimator=vm.categories.StraightThrough()), {}
    draw, select = vm.categories.StraightThrough.sample, vm.GatedHeads.select

    def drawn(estimator, log_q, num_samples, seed, temperature):
        seeds["category"] = tuple(np.asarray(seed))
        return draw(estimator, log_q, num_samples, seed, temperature)

    def selected(heads, loc, scale, c):
        q_z = select(heads, loc, scale, c)
        sample = q_z.sample
        q_z.sample = lambda seed: seeds.update(latent=tuple(np.asarray(seed))) or sample(seed=seed)
        return q_z

    monkeypatch.setattr(vm.categories.StraightThrough, "sample", drawn)
    monkeypatch.setattr(vm.GatedHeads, "select", selected)
    model.draws(EVERY, ELBO(), [0, 1], training=True)
    assert len(seeds) == len(set(seeds.values())) == 2


def test_one_drawn_category_estimates_what_enumeration_gives():
    model = one_dimensional()
    log_q = model.infer(tf.constant(EVERY))[0]
    value = tf.random.stateless_normal([3], [0, 0])  # any function of the category
    exact = tf.linalg.matvec(tf.exp(log_q), value)
    for estimator in (categories.Enumerated(), categories.StraightThrough(0.5)):
        c, log_weight = estimator.sample(log_q, 20_000, [1, 2], 0.5)
        received = tf.reduce_sum(tf.exp(log_weight) * tf.linalg.matvec(c, value), axis=0)
        np.testing.assert_allclose(received, exact, atol=0.03)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("k", [4, 70])
def test_categories_are_hard_in_value_everywhere(k, training):
    log_q = tf.nn.log_softmax(tf.random.stateless_normal([5, k], [0, 0]))
    estimator = categories.StraightThrough(2.0) if training else categories.hard(k)
    c, log_weight = estimator.sample(log_q, 3, [1, 2], 2.0)
    assert set(np.unique(c)) == {0.0, 1.0}
    np.testing.assert_array_equal(tf.reduce_sum(c, axis=-1), 1)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(log_weight), axis=0), 1, atol=1e-5)


def test_the_gradient_through_a_drawn_category_is_that_of_the_softmax():
    logits = tf.Variable(tf.random.stateless_normal([500, 3], [0, 0]))
    value = tf.constant([1.0, -2.0, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        log_q = tf.nn.log_softmax(logits)
        exact = tf.reduce_sum(tf.linalg.matvec(tf.exp(log_q), value))
        c, log_weight = categories.StraightThrough().sample(log_q, 2000, [3, 4], 0.1)
        estimate = tf.reduce_sum(tf.exp(log_weight) * tf.linalg.matvec(c, value))
    one, other = tape.gradient(exact, logits), tape.gradient(estimate, logits)
    cosine = tf.reduce_sum(one * other) / (tf.norm(one) * tf.norm(other))
    assert cosine > 0.95  # of a linear function it is unbiased up to the temperature


def test_one_category_is_a_vae_with_a_learned_normal():
    """CP1 of the paper."""
    network = {"encoder": gated_mlp((4,), 1 + 2, (6,)), "decoder": gated_mlp((1,), (4,), (6,))}
    model = shaken(vm.CPVAE(**network, prior=vm.NormalMixture(1, 1), likelihood=vm.Bernoulli(), heads=vm.SharedHeads(1, 1)))
    x = keras.Input((4,))
    vae = vm.VAE(keras.Model(x, network["encoder"](x)[:, 1:]), network["decoder"], vm.LearnedNormal(1), vm.Bernoulli())
    for mine, theirs in zip((vae.prior.loc, vae.prior.raw_scale), (model.prior.loc, model.prior.raw_scale), strict=True):
        mine.assign(theirs[0])
    received, expected = (m.draws(tf.constant(EVERY), ELBO(5000), [0, 0]) for m in (model, vae))
    np.testing.assert_allclose(received.kl, expected.kl, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(received.reconstruction(), expected.reconstruction(), atol=0.05)


def test_a_decoder_that_does_not_see_the_category_makes_a_mixture_prior():
    model = one_dimensional(sees=False)
    x = keras.Input((4,))
    vae = vm.VAE(keras.Model(x, model.encoder(x)[:, 3:]), model.decoder, model.prior, vm.Bernoulli())
    exact = vm.evaluation.exact_log_likelihood(vae, EVERY)
    np.testing.assert_allclose(exact_log_likelihood(model, EVERY), exact, atol=1e-3)


def test_aggregate_posterior_is_kept_sampled_and_saved(tmp_path):
    model = shaken(catalogue.make(model="CPVAE-paper"))
    x = catalogue.examples(model)
    model.adapt_aggregate(x)
    np.testing.assert_allclose(model.aggregate, model.responsibilities(x).mean(0), atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.aggregate, model.aggregate)
    np.testing.assert_allclose(np.exp(loaded.log_weights()), model.aggregate, atol=1e-5)
    sampled = loaded.with_sampling_prior()
    np.testing.assert_allclose(tf.exp(sampled.category_log_probs()), model.aggregate, atol=1e-5)
    assert np.any(np.abs(np.exp(loaded.category_log_probs()) - model.aggregate.numpy()) > 0.01)
    np.testing.assert_array_equal(sampled.sample(5, seed=1), loaded.sample(5, seed=1))
    assert sampled.with_sampling_prior() is sampled


@pytest.mark.slow
def test_the_running_aggregate_follows_the_batches():
    model = shaken(catalogue.cp_vae(None, 0, sees=False, follow_aggregate=True, aggregate_rate=0.1))
    x = catalogue.examples(model)
    draw = tf.function(lambda: model.draws(tf.constant(x), model.objective, [0, 0], training=True), autograph=False)
    for _ in range(80):
        draw()
    np.testing.assert_allclose(model.aggregate, model.responsibilities(x).mean(0), atol=2e-3)
    np.testing.assert_allclose(tf.exp(model.category_log_probs()), model.aggregate, atol=1e-6)
    before = model.aggregate.numpy()
    model.compile()
    model.fit(x, sample_weight=np.zeros(len(x)), verbose=0)  # a fold left out, say
    np.testing.assert_array_equal(model.aggregate, before)


def test_a_start_from_a_gaussian_mixture_finds_clusters():
    rng = np.random.default_rng(0)
    label = rng.integers(3, size=600)
    x = (rng.random((600, 12)) < np.where(np.arange(12)[None] // 4 == label[:, None], 0.95, 0.05)).astype("float32")
    model = vm.CPVAE(
        gated_mlp((12,), 3 + 4, (32,)), joint_gated_mlp([(2,), (3,)], (12,), (16,), (16,)), vm.NormalMixture(2, 3), vm.Bernoulli()
    )
    plain = vm.pretraining.without_mixture(model)
    plain.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    plain.fit(np.tile(x, (15, 1)), batch_size=50, verbose=0)
    before = model.encoder(x)[:, 3:]
    vm.pretraining.initialize_from_gaussian_mixture(model, x, num_starts=2)
    found = model.cluster(x)
    agreement = max(np.mean(np.array(order)[found] == label) for order in itertools.permutations(range(3)))
    assert agreement > 0.9
    assert np.mean(np.square(model.encoder(x)[:, 3:] - before)) < 0.1 * np.var(before)
    np.testing.assert_allclose(model.aggregate, model.responsibilities(x).mean(0), atol=1e-5)


def test_vade_starts_from_the_moments_of_its_clusters():
    vae = catalogue.make("NormalMixture")
    x = catalogue.examples(vae)
    vm.pretraining.initialize_from_gaussian_mixture(vae, x, num_starts=2)
    z = vae.latent_means(x)
    np.testing.assert_allclose(
        tf.reduce_sum(tf.exp(vae.prior.log_weights())[:, None] * vae.prior.loc, axis=0), np.mean(z, axis=0), atol=1e-3
    )
    assert isinstance(vm.pretraining.without_mixture(vae).prior, vm.StandardNormal)
    with pytest.raises(ValueError, match=r"a NormalMixture as prior.*VampPrior"):
        vm.pretraining.initialize_from_gaussian_mixture(catalogue.make("VampPrior"), x)


def test_a_mixture_starts_from_draws_of_a_flow():
    vae = catalogue.make("NormalMixture", posterior="PlanarFlow")
    x = catalogue.examples(vae)
    vm.pretraining.initialize_from_gaussian_mixture(vae, x, num_starts=1, seed=3)
    z = vm.pretraining.latents_of(vae, x, 200, 3)[0]
    mean = tf.reduce_sum(tf.exp(vae.prior.log_weights())[:, None] * vae.prior.loc, axis=0)
    np.testing.assert_allclose(mean, np.mean(z, axis=0), atol=1e-3)
    assert np.all(np.abs(np.std(z - vae.latent_means(x), axis=0)) > 0.1)


def test_temperature_falls_with_the_saved_step(binary):
    model = catalogue.make(model="CPVAE-straight-through")
    model.compile("adam", run_eagerly=True)
    assert model.temperature.numpy() == pytest.approx(0.5)
    annealing = [vm.callbacks.TemperatureAnnealing(0.125, 2)]
    for expected in (0.5, 0.25, 0.125, 0.125):
        model.fit(binary, batch_size=30, verbose=0, callbacks=annealing)
        assert model.temperature.numpy() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": lambda: vm.GatedHeads(3, 5)}, r"heads of 4 categories and 3 latents.*\(5, 3\)"),
        ({"objective": lambda: vm.ImportanceWeighted(5)}, r"objective=ELBO\(\)"),
        ({"objective": lambda: vm.ELBO(kl=vm.divergences.SoftminBound())}, r"objective=ELBO\(\)"),
        ({"prior": lambda: vm.StandardNormal(3)}, r"mixture of diagonal normals.*StandardNormal"),
        ({"encoder": lambda: gated_mlp((4,), 7)}, r"encoder with output shape \(None, 10\).*\(None, 7\)"),
        ({"decoder": lambda: gated_mlp((2,), (4,))}, r"decoder with inputs \[\(None, 3\)\].*\[\(None, 2\)\]"),
        ({"aggregate_rate": lambda: 0.0}, r"aggregate_rate in \(0, 1\]"),
        ({"follow_aggregate": lambda: True}, "learn_weights=False"),
    ],
)
def test_parts_that_do_not_fit_are_refused(arguments, message):
    good = {
        "encoder": lambda: gated_mlp((4,), 10),
        "decoder": lambda: gated_mlp((3,), (4,)),
        "prior": lambda: vm.NormalMixture(3, 4, learn_weights=True),
        "likelihood": vm.Bernoulli,
    }
    with pytest.raises(ValueError, match=message):
        vm.CPVAE(**{name: make() for name, make in {**good, **arguments}.items()})


def test_bad_input():
    with pytest.raises(ValueError, match=r"temperature > 0. Received: temperature=0"):
        categories.StraightThrough(0)
    with pytest.raises(ValueError, match="final > 0"):
        vm.callbacks.TemperatureAnnealing(-1.0)
    with pytest.raises(ValueError, match="num_components"):
        vm.NormalMixture(3, 0)
    with pytest.raises(ValueError, match="num_categories"):
        vm.GatedHeads(3, 0)
    model = catalogue.make(model="CPVAE")
    with pytest.raises(ValueError, match=r"component in 0..3, or None. Received: component=4"):
        model.sample(1, component=4)
    with pytest.raises(ValueError, match=r"at least num_components=4 latents. Received: latents=3"):
        vm.pretraining.fit_mixture(np.zeros((3, 2)), 4)
    with pytest.raises(ValueError, match="finite latents"):
        vm.pretraining.fit_mixture(np.full((10, 2), np.nan), 4)


def test_enumeration_says_how_much_memory_it_would_take():
    model = vm.CPVAE(
        gated_mlp((4,), 100_000 + 2, (2,)),
        gated_mlp((1,), (4,), (500, 500)),
        vm.NormalMixture(1, 100_000),
        vm.Bernoulli(),
        estimator=categories.Enumerated(),
    )
    with pytest.raises(ValueError, match=r"take about \d+ GiB; choose StraightThrough\(\).*num_categories=100000"):
        model.draws(tf.zeros([100, 4]), model.objective, [0, 0], training=True)
