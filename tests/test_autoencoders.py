"""Deterministic autoencoders: every player's move, every term against its formula, and all that a model of this library can do."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

import keras_vaemix as vm
from keras_vaemix import gaussian_mixture, models
from keras_vaemix.models.autoencoding import at_rest
from keras_vaemix.part import Part
from keras_vaemix.seeds import stateless_seed
from tests import catalogue
from training.strategy import make_strategy

SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM
JUDGED = ["adversarial", "mask", "flex", "flex-smooth"]


@pytest.fixture
def x():
    return np.random.default_rng(0).random((30, *SHAPE), "float32")


@pytest.fixture(params=catalogue.AUTOENCODERS)
def model(request):
    return catalogue.AUTOENCODERS[request.param]()


def linear(inputs, matrix, bias=None):
    """Returns a network that is a matrix, and with a bias that."""
    network = vm.networks.mlp((inputs,), matrix.shape[1], ())
    network.set_weights([matrix, np.zeros(matrix.shape[1]) if bias is None else bias])
    return network


# Parts.


@pytest.mark.parametrize("module", ["costs", "discrepancies", "games", "moments", "penalties"])
def test_every_part_comes_back_from_its_configuration(module):
    classes = [c for c in vars(getattr(vm, module)).values() if isinstance(c, type) and issubclass(c, Part) and c is not Part]
    concrete = [c for c in classes if not inspect.isabstract(c)]
    assert concrete
    for one in (c() for c in concrete):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one), safe_mode=True)
        assert type(again) is type(one)
        assert repr(again) == repr(one)


def test_costs(x):
    logits = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    mean = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(vm.costs.SquaredError(0.5)(x, logits), 0.5 * ((x - mean) ** 2).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(vm.costs.RealSquaredError()(x, logits), ((x - logits) ** 2).sum((1, 2, 3)), rtol=1e-5)
    entropy = -(x * np.log(mean) + (1 - x) * np.log(1 - mean)).sum((1, 2, 3))
    np.testing.assert_allclose(vm.costs.CrossEntropy()(x, logits), entropy, rtol=1e-5)


def test_discrepancy_is_that_of_the_evaluation():
    rng = np.random.default_rng(0)
    codes, draws = rng.normal(0.5, 1.2, (40, D)), rng.normal(size=(40, D))
    received = vm.discrepancies.MMD(weight=3.0)(tf.constant(codes, tf.float32), tf.constant(draws, tf.float32))
    assert float(received) == pytest.approx(3 * vm.evaluation.mmd(codes, draws), rel=1e-4)


@pytest.mark.parametrize(
    "kernel", [vm.discrepancies.InverseMultiquadratic(), vm.discrepancies.RadialBasis(), vm.discrepancies.RadialBasis(0.7)]
)
def test_discrepancy_of_equal_distributions_is_zero_on_average(kernel):
    rng, discrepancy = np.random.default_rng(0), vm.discrepancies.MMD(kernel, 1.0)
    same = [float(discrepancy(*tf.constant(rng.normal(size=(2, 50, D)), tf.float32))) for _ in range(200)]
    assert abs(np.mean(same)) < 4 * np.std(same) / math.sqrt(200)
    assert min(same) < 0  # unbiased, so below zero at times
    apart = float(discrepancy(*tf.constant(rng.normal([[[0.0]], [[2.0]]], 1, size=(2, 50, D)), tf.float32)))
    assert apart > 5 * np.std(same)


def test_discrepancy_of_normals_in_closed_form():
    """For k = exp(-(z - z')^2 / 2h^2) and unit normals m apart, MMD^2 = 2h / sqrt(h^2 + 2) (1 - exp(-m^2 / (2h^2 + 4)))."""
    h, m, n = 1.3, 0.8, 4000
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(n, 1)), rng.normal(m, 1, (n, 1))
    received = float(vm.discrepancies.MMD(vm.discrepancies.RadialBasis(h), 1.0)(*tf.constant([one, other], tf.float32)))
    assert received == pytest.approx(2 * h / math.sqrt(h**2 + 2) * (1 - math.exp(-(m**2) / (2 * h**2 + 4))), abs=0.01)


def test_penalties():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(D, 5)).astype("float32")
    model = vm.Autoencoder(linear(5, matrix.T), linear(D, matrix, np.ones(5)), vm.StandardNormal(D), vm.costs.RealSquaredError())
    z = tf.constant(rng.normal(size=(20_000, D)), tf.float32)
    assert float(vm.penalties.CodeNorm(0.2)(model, z, None)) == pytest.approx(0.1 * np.mean(np.sum(z**2, 1)), rel=1e-5)
    assert float(vm.penalties.DecoderNorm(0.3)(model, z, None)) == pytest.approx(0.3 * ((matrix**2).sum() + 5), rel=1e-5)
    frobenius = float(vm.penalties.DecoderGradient(2.0)(model, z, stateless_seed(0)))
    assert frobenius == pytest.approx(2 * (matrix**2).sum(), rel=0.03)


def test_games():
    real, fake = (tf.constant(np.random.default_rng(i).normal(size=(6, D)), tf.float32) for i in range(2))
    direction = np.array([[3.0], [0.0], [4.0]], "float32")
    critic = linear(D, direction)
    difference = float(tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real)))
    game = vm.games.Wasserstein(10.0)
    assert float(game.critic_loss(critic, real, fake, stateless_seed(0))) == pytest.approx(difference + 10 * (5 - 1) ** 2, rel=1e-5)
    assert float(game.fooling_loss(critic(fake))) == pytest.approx(-float(tf.reduce_mean(critic(fake))))
    blind = linear(D, 0 * direction)
    game = vm.games.NonSaturating()
    assert float(game.critic_loss(blind, real, fake, None)) == pytest.approx(2 * math.log(2))
    assert float(game.fooling_loss(blind(fake))) == pytest.approx(math.log(2)) == float(game.yielding_loss(blind(real)))


# Models.


@pytest.mark.parametrize(
    ("name", "is_compiled"),
    [
        pytest.param(name, name in ("penalties", "mmd", "flex-smooth"), marks=pytest.mark.slow if name == "flex-smooth" else [])
        for name in catalogue.AUTOENCODERS
    ],
)
def test_training_lowers_the_cost(name, is_compiled, x):
    model = catalogue.AUTOENCODERS[name]()
    model.compile(keras.optimizers.Adam(0.02), jit_compile="auto" if is_compiled else False)
    assert model.jit_compile is is_compiled
    history = model.fit(x, batch_size=10, epochs=15, verbose=0, validation_data=x[:10]).history
    assert history["cost"][-1] < history["cost"][0]
    assert all(f"val_{name}" in history for name in model.metric_names())
    assert all(np.isfinite(values).all() for values in history.values())


def test_saved_model_goes_on_with_the_same_bits(model, x, tmp_path):
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(x, batch_size=10, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.sample(5, seed=1), model.sample(5, seed=1))
    loaded.jit_compile = False
    for each in (model, loaded):
        each.fit(x, batch_size=10, epochs=2, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, player in model.players.items():
        assert int(player.iterations) == int(loaded.players[name].iterations) > 0


def test_seeds_and_clusters(model, x):
    np.testing.assert_array_equal(model.sample(5, seed=3), model.sample(5, seed=3))
    assert np.any(model.sample(5, seed=3) != model.sample(5, seed=4))
    assert model.responsibilities(x).shape == (30, model.num_components)
    np.testing.assert_allclose(model.reconstruct(x), model.predict(x, verbose=0), atol=1e-6)


SLOW = ("penalties", "mask", "flex", "flex-smooth")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else []) for n in catalogue.AUTOENCODERS])
def test_trains_on_two_replicas(name, x):
    with make_strategy("mirrored").scope():
        model = catalogue.AUTOENCODERS[name]()
        model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, batch_size=10, epochs=3, verbose=0).history
    assert history["cost"][-1] < history["cost"][0]
    steps = {name: int(keras.ops.convert_to_numpy(player.iterations)) for name, player in model.players.items()}
    assert all(count == 9 * (model.critic_steps if "critic" in name else 1) for name, count in steps.items())


class GivenDraws(vm.Autoencoder):
    """Draws of the prior that are no function of the replica: equally many of each of two points."""

    def prior_draws(self, n, seed):
        return tf.where(tf.range(n)[:, None] % 2 == 0, 1.0, -1.0) * tf.ones([n, D])


def masked(weights=None):
    """Returns a MaskAAE whose autoencoder alone is trained: its terms have no noise."""
    model = catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), masked_variance=5.0)
    model.updates = lambda: models.autoencoding.AutoencodingModel.updates(model)
    return model


@pytest.mark.parametrize("make", [lambda: catalogue.autoencoder(GivenDraws, discrepancy=vm.discrepancies.MMD()), masked])
def test_terms_that_couple_examples_are_those_of_the_global_batch(make, x):
    weights, results = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            model = make()
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01))
        loss = model.fit(x[:28], batch_size=28, epochs=1, shuffle=False, verbose=0).history["loss"]
        results.append((loss, [variable.numpy() for variable in model.trainable_variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", JUDGED)
def test_players_move_their_own_weights_as_often_as_they_are_to(name, x):
    model = catalogue.AUTOENCODERS[name]()
    model.compile(keras.optimizers.Adam(0.01), {player: keras.optimizers.SGD(0.0) for player in model.default_players()})
    moved = {id(w) for w in model.updates()[0].variables}
    others = [w for update in model.updates()[1:] for w in update.variables if id(w) not in moved]
    before = [w.numpy() for w in others]
    model.fit(x, batch_size=10, epochs=1, verbose=0)
    for weight, value in zip(others, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    for update in model.updates():
        assert int(model.optimizer_of(update.player).iterations) == 3 * update.steps


def test_signs_of_the_game():
    """A critic H(z) = z_0: codes climb it, draws of a trained prior descend, as the critic itself would have it the other way round."""
    direction = np.eye(D, 1, dtype="float32")
    generator = linear(D, np.eye(D, dtype="float32"))
    model = catalogue.autoencoder(vm.FlexAE, linear(D, direction), generator)
    x = np.random.default_rng(0).random((50, *SHAPE), "float32")
    rates = {"critic": 0.0, "encoder": 0.1, "generator": 0.1}
    players = {name: keras.optimizers.SGD(rate) for name, rate in rates.items()}
    model.compile(keras.optimizers.SGD(0.0), players, jit_compile=False)
    score = lambda: (model.latent_means(x)[:, 0].numpy().mean(), model.prior_draws(5000, stateless_seed(0))[:, 0].numpy().mean())  # noqa: E731
    codes, draws = score()
    model.fit(x, epochs=2, verbose=0)
    after_codes, after_draws = score()
    assert after_codes > codes
    assert after_draws < draws


@pytest.mark.slow
def test_adversaries_bring_codes_to_the_prior():
    """Codes that are free to go anywhere, and start at N(3, 0.5^2), are brought near the mean of a standard normal by both games."""
    x = np.random.default_rng(0).normal(3.0, 0.5, (512, 1)).astype("float32")
    for game, rate in ((vm.games.NonSaturating(), 3e-3), (vm.games.Wasserstein(1.0), 3e-3)):
        encoder, decoder = linear(1, np.ones((1, 1), "float32")), linear(1, np.ones((1, 1), "float32"))
        critic = vm.networks.mlp((1,), 1, (32, 32), "relu")
        cost, prior = vm.costs.RealSquaredError(0.01), vm.StandardNormal(1)
        model = vm.AdversarialAutoencoder(encoder, decoder, critic, prior, cost, game, weight=1.0, critic_steps=3)
        model.compile(keras.optimizers.Adam(rate), {"critic": keras.optimizers.Adam(rate)}, jit_compile=False)
        model.fit(x, batch_size=128, epochs=150, verbose=0)
        codes = model.latent_means(x).numpy()
        assert abs(codes.mean()) < 1


def test_batch_normalisation_rests_in_the_moves_of_others(x):
    encoder = catalogue.normalized_encoder()
    moments = lambda: [w.numpy() for w in encoder.non_trainable_variables]  # noqa: E731
    before, trained = moments(), None
    resting = at_rest(encoder, x)
    for one, other in zip(before, moments(), strict=True):
        np.testing.assert_array_equal(one, other)
    trained = encoder(x, training=True)
    np.testing.assert_array_equal(resting, trained)
    assert any(np.any(one != other) for one, other in zip(before, moments(), strict=True))


# MaskAAE.


def test_mask_and_what_it_leaves(x):
    model = catalogue.AUTOENCODERS["mask"]()
    model.raw_mask.assign([3.0, 0.05, 0.7])
    a = 1 - np.exp(-np.array([3.0, 0.05, 0.7]))
    np.testing.assert_allclose(model.soft_mask(), a, rtol=1e-6)
    np.testing.assert_allclose(model.mask(), [a[0], 0, a[2]], rtol=1e-6)
    pruned = model.pruned()
    assert pruned.latent_sizes == {"z": 2}
    np.testing.assert_allclose(pruned.reconstruct(x), model.reconstruct(x), atol=1e-6)
    z = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(pruned.decode(z[:, [0, 2]]), model.decode(z), atol=1e-6)
    model.raw_mask.assign(tf.zeros(D))
    with pytest.raises(ValueError, match="train longer"):
        model.pruned()


def test_losses_of_the_mask(x):
    model = catalogue.autoencoder(vm.MaskAAE, linear(D, np.eye(D, 1, dtype="float32")), growth_steps=2, fidelity=7.0)
    model.compile("sgd")
    a, z = model.soft_mask().numpy(), model.latent_means(x).numpy()
    terms = model.terms(tf.constant(x), tf.constant(z), True)
    cost = np.mean(model.cost(x, model.decoder(a * z)))
    np.testing.assert_allclose(terms["cost"], cost, rtol=1e-5)
    np.testing.assert_allclose(terms["masked_variance"], 100 * np.mean(z.var(0) * np.exp(-10 * a**2)), rtol=1e-4)
    seed = int(model.draw_counter) + 1
    loss = float(model.mask_loss(tf.constant(x)))
    model.draw_counter.assign(seed - 1)
    draws = model.prior_draws(30, model.next_seed()).numpy()
    difference = (a * z)[:, 0].mean() - (a * draws)[:, 0].mean()
    assert loss == pytest.approx(7 * cost + (1 - difference) ** 2 + 2 / D * np.sum(np.abs(a * (1 - a))), rel=1e-4)
    for steps, doublings in ((0, 0), (7, 0), (8, 1), (16, 2), (10_000, 30)):
        model.optimizer.iterations.assign(steps)
        assert float(model.polarity()) == pytest.approx(min(2 / D * 2.0**doublings, 2048))


def test_recipe_of_the_mask():
    sizes = {16: 75, 32: 3600, 64: 7200, 256: 10_000}
    for m, r in sizes.items():
        networks = vm.networks.mlp((4,), m, ()), vm.networks.mlp((m,), 4, ()), vm.networks.mlp((m,), 1, ())
        model = vm.MaskAAE(*networks, vm.StandardNormal(m), vm.costs.CrossEntropy())
        assert model.growth() == r
        rate = model.recipe_optimizer().learning_rate if callable(model.recipe_optimizer().learning_rate) else None
        schedule = rate or model.recipe_optimizer()._learning_rate
        assert float(schedule(5 * r)) == pytest.approx(5e-4)
        assert float(schedule(5 * r + 1)) == pytest.approx(1e-4)


def test_mask_stays_in_range_and_is_in_the_history(x):
    model = catalogue.AUTOENCODERS["mask"]()
    model.compile("adam", {"mask": keras.optimizers.SGD(10.0)}, jit_compile=False)
    history = model.fit(x, batch_size=10, epochs=3, verbose=0, callbacks=[vm.callbacks.MaskHistory()]).history
    masks = np.array([history[f"mask/{j}"] for j in range(D)])
    assert masks.shape == (D, 3)
    assert np.all((masks >= 0) & (masks <= 1))
    np.testing.assert_allclose(masks[:, -1], model.soft_mask(), rtol=1e-6)


# A density that is fitted after training.


def test_fitted_density(x):
    prior = vm.FittedMixture(D, 2)
    model = catalogue.autoencoder(vm.Autoencoder, prior=prior)
    assert not model.can_sample()
    with pytest.raises(ValueError, match="Expected a fitted density"):
        model.sample(3)
    model.adapt_sampler(x)
    assert model.can_sample()
    codes = model.latent_means(x).numpy()
    mixture = gaussian_mixture.fit_mixture(codes, 2, "full", 1, None, 0, 2000, 1e-6)
    np.testing.assert_allclose(prior.distribution().log_prob(codes), mixture.score_samples(codes), rtol=1e-3)
    before = [w.numpy() for w in model.weights]
    with pytest.raises(ValueError, match="latents"):
        model.adapt_sampler(x[:1])
    for one, other in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


# The two-stage VAE.


def test_two_stages_have_the_exact_likelihood_of_a_linear_model():
    """u ~ N(0, 1), z = a u + 0.5 e, x = b z + 0.3 e': x is normal with variance b^2 (a^2 + 0.25) + 0.09."""
    a, b = 0.8, 1.5
    encoder = lambda factor, log_variance: linear(1, np.array([[factor, 0.0]], "float32"), np.array([0.0, log_variance]))  # noqa: E731
    first = vm.VAE(encoder(0.6, -2.0), linear(1, np.array([[b]], "float32")), vm.StandardNormal(1), vm.Normal(0.3))
    second = vm.VAE(encoder(0.9, -0.9), linear(1, np.array([[a]], "float32")), vm.StandardNormal(1), vm.Normal(0.5))
    model = vm.TwoStageVAE(first, second)
    x = np.array([[-2.0], [0.1], [1.7]], "float32")
    exact = norm(0, math.sqrt(b**2 * (a**2 + 0.25) + 0.09)).logpdf(x[:, 0])
    np.testing.assert_allclose(model.log_likelihood(x, 100_000), exact, atol=0.02)
    d = model.draws(tf.constant(x), vm.ELBO(5000), stateless_seed(0))
    assert np.all(vm.ELBO()(d).numpy() < exact)
    drawn = model.sample(20_000, seed=0).numpy()
    assert drawn.std() == pytest.approx(b * math.sqrt(a**2 + 0.25), rel=0.03)
    z, u = np.array([[0.3], [1.0], [-1.0]], "float32"), np.array([[0.5], [0.2], [0.0]], "float32")
    joint = norm(0, 1).logpdf(u) + norm(a * u, 0.5).logpdf(z) + norm(b * z, 0.3).logpdf(x)
    np.testing.assert_allclose(model.log_joint(x, z, u), joint[:, 0], rtol=1e-4)


def test_the_second_stage_alone_is_trained(binary):
    model = catalogue.make(model="TwoStageVAE")
    before = model.first.get_weights()
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    losses = model.fit(binary, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for one, other in zip(before, model.first.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# Bad input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vm.discrepancies.MMD(weight=-1), "weight >= 0"),
        (lambda: vm.penalties.CodeNorm(-0.1), "weight >= 0"),
        (lambda: vm.costs.SquaredError(0), "weight > 0"),
        (lambda: vm.discrepancies.InverseMultiquadratic(()), "scales > 0"),
        (lambda: vm.games.Wasserstein(-1), "gradient_penalty >= 0"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic(), critic_steps=0), "critic_steps"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic(), weight=-1), "weight >= 0"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic((D + 1,))), "a critic with input"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic(), prior=vm.LearnedNormal(D)), "nothing to train"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.StandardNormal(D + 1)), "encoder with output shape"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.VampPrior(D, 2, SHAPE)), "not made of posteriors"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.FittedMixture(D), discrepancy=vm.discrepancies.MMD()), "before training"),
        (lambda: catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), threshold=1.0), "threshold"),
        (lambda: catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), growth_steps=0), "growth_steps"),
        (
            lambda: catalogue.autoencoder(vm.FlexAE, catalogue.critic(), vm.networks.mlp((2,), D, ()), prior=vm.StandardNormal(2)),
            "noise of",
        ),
        (
            lambda: catalogue.autoencoder(vm.FlexAE, catalogue.critic(), vm.networks.mlp((D,), D, ()), image_critic=catalogue.critic()),
            "image_critic",
        ),
        (lambda: vm.TwoStageVAE(catalogue.make(), catalogue.make()), "a second VAE of examples of shape"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_examples_outside_the_support_are_refused():
    model = catalogue.AUTOENCODERS["mmd"]()
    model.compile("adam")
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        model.fit(np.full((10, *SHAPE), 2.0, "float32"), verbose=0)
