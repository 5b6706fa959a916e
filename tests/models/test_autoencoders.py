"""Deterministic autoencoders: every optimizer's move, every term against its formula, and all that a model of this library can do."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix import models
from keras_vaemix.core.seeds import stateless_seed
from keras_vaemix.core.stateless import without_state_updates
from keras_vaemix.mixtures import gaussian_mixture
from tests import catalogue
from tests.catalogue import linear
from training.distributed.strategy import make_strategy

SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM


@pytest.fixture
def x():
    return np.random.default_rng(0).random((30, *SHAPE), "float32")


@pytest.fixture(params=catalogue.AUTOENCODERS)
def model(request):
    return catalogue.AUTOENCODERS[request.param]()


@pytest.mark.parametrize("name", ["penalties", pytest.param("flex-smooth", marks=pytest.mark.slow)])
def test_gradients_of_gradients_train_under_xla(name, x):
    model = catalogue.AUTOENCODERS[name]()
    model.compile(keras.optimizers.Adam(0.02))
    assert model.jit_compile
    cost = model.fit(np.tile(x, (5, 1, 1, 1)), batch_size=10, epochs=2, verbose=0).history["cost"]
    assert cost[-1] < cost[0]


# The critic of "mask" takes its steps in a loop of the graph; the tests of XLA and of replicas trace other autoencoders.
# FlexAE without a critic of images does less than with it, and the autoencoder alone less than with a penalty.
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in ("flex", "fitted") else []) for n in catalogue.AUTOENCODERS]
)
def test_training_lowers_the_cost_and_goes_on_in_a_saved_model_with_the_same_bits(name, x, tmp_path):
    model = catalogue.AUTOENCODERS[name]()
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False, run_eagerly=name != "mask")
    history = model.fit(x, batch_size=30, epochs=3, verbose=0, validation_data=x[:10]).history
    assert history["cost"][-1] < history["cost"][0]
    assert all(f"val_{name}" in history for name in model.metric_names())
    assert all(np.isfinite(values).all() for values in history.values())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.sample(5, seed=1), model.sample(5, seed=1))
    for each in (model, loaded):
        each.run_eagerly, each.train_function = True, None
        each.fit(x, batch_size=30, epochs=1, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, optimizer in model.optimizers.items():
        assert int(optimizer.iterations) == int(loaded.optimizers[name].iterations) > 0


def test_seeds_and_clusters(model, x):
    np.testing.assert_array_equal(model.sample(5, seed=3), model.sample(5, seed=3))
    assert np.any(model.sample(5, seed=3) != model.sample(5, seed=4))
    assert model.responsibilities(x).shape == (30, model.num_components)
    np.testing.assert_allclose(model.reconstruct(x), model.predict(x, verbose=0), atol=1e-6)


def test_components_of_noise_say_nothing_of_codes(x):
    """A generator that mirrors the noise: a draw of the component on the right has its code on the left."""
    prior = vm.NormalMixture(1, 2, trainable=False)
    prior.loc.assign([[-3.0], [3.0]])
    networks = linear(1, np.ones((1, 1))), linear(1, np.ones((1, 1))), catalogue.critic((1,)), linear(1, -np.ones((1, 1)))
    encoder, decoder, critic, generator = networks
    model = vm.FlexAE(encoder, decoder, critic, generator, prior, vm.costs.RealSquaredError())
    assert np.mean(model.sample(50, component=1, seed=0)) < -2
    assert not model.has_clusters
    for ask in (model.responsibilities, model.cluster):
        with pytest.raises(ValueError, match=r"a density of codes: .* Received: model='FlexAE', num_components=2"):
            ask(np.zeros((3, 1), "float32"))


def test_trains_on_two_replicas(x):
    with make_strategy("mirrored").scope():
        model = catalogue.AUTOENCODERS["adversarial"]()
        model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, batch_size=10, epochs=3, verbose=0).history
    assert history["cost"][-1] < history["cost"][0]
    steps = {name: int(keras.ops.convert_to_numpy(optimizer.iterations)) for name, optimizer in model.optimizers.items()}
    assert all(count == 9 * (model.critic_steps if "critic" in name else 1) for name, count in steps.items())


class GivenDraws(vm.Autoencoder):
    """Draws of the prior that are no function of the replica: equally many of each of two points."""

    def prior_draws(self, n, seed):
        return tf.where(tf.range(n)[:, None] % 2 == 0, 1.0, -1.0) * tf.ones([n, D])


def masked(weights=None):
    """Returns a MaskAAE whose autoencoder alone is trained: its terms have no noise."""
    model = catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), masked_variance=5.0)
    model.updates = lambda: models.AutoencodingModel.updates(model)
    return model


@pytest.mark.parametrize("make", [lambda: catalogue.autoencoder(GivenDraws, discrepancy=vm.discrepancies.MMD()), masked])
def test_terms_that_couple_examples_are_those_of_the_global_batch(make, x):
    weights, results = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            model = make()
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01), jit_compile=False, run_eagerly=strategy == "none")
        loss = model.fit(x[:28], batch_size=28, epochs=1, shuffle=False, verbose=0).history["loss"]
        results.append((loss, [variable.numpy() for variable in model.trainable_variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", ["autoencoder-adversarial", "autoencoder-mask", "autoencoder-flex-smooth", "FactorVAE", "GAMIXVAE"])
def test_optimizers_move_their_own_weights_as_often_as_they_are_to(name, x):
    model = catalogue.EVERY_MODEL[name]()
    optimizers = {optimizer: keras.optimizers.SGD(0.0) for optimizer in model.default_optimizers()}
    model.compile(keras.optimizers.Adam(0.01), optimizers, run_eagerly=True)
    own = model.variables_of()
    moved = {id(w) for w in own["model"]}
    resting = [w for variables in own.values() for w in variables if id(w) not in moved]
    before = [w.numpy() for w in resting]
    model.fit(x, batch_size=15, epochs=1, verbose=0)
    for weight, value in zip(resting, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    for update in model.updates():
        assert {int(model.optimizer_of(name).iterations) for name in update.variables} == {2 * update.steps}


@pytest.mark.parametrize("name", ["autoencoder-flex", "VAEIOP"])
def test_examples_are_encoded_once_for_all_steps_of_an_update(name, monkeypatch):
    model, calls = catalogue.EVERY_MODEL[name](), []
    model.compile("adam", run_eagerly=True)
    repeated, call = next(update for update in model.updates() if update.steps > 1), type(model.encoder).__call__
    recorded = lambda network, *args, **given: calls.append(network) or call(network, *args, **given)  # noqa: E731
    monkeypatch.setattr(type(model.encoder), "__call__", recorded)
    monkeypatch.setattr(model, "updates", lambda: [repeated])
    model.train_step(tf.constant(catalogue.examples(model)))
    assert [network is model.encoder for network in calls].count(True) == 1
    assert len(calls) > repeated.steps


def test_signs_of_the_game():
    """A critic H(z) = z_0: codes climb it, draws of a trained prior descend, as the critic itself would have it the other way round."""
    direction = np.eye(D, 1, dtype="float32")
    generator = linear(D, np.eye(D, dtype="float32"))
    model = catalogue.autoencoder(vm.FlexAE, linear(D, direction), generator)
    x = np.random.default_rng(0).random((50, *SHAPE), "float32")
    rates = {"critic": 0.0, "encoder": 0.1, "generator": 0.1}
    optimizers = {name: keras.optimizers.SGD(rate) for name, rate in rates.items()}
    model.compile(keras.optimizers.SGD(0.0), optimizers, jit_compile=False)
    score = lambda: (model.latent_means(x)[:, 0].numpy().mean(), model.prior_draws(5000, stateless_seed(0))[:, 0].numpy().mean())  # noqa: E731
    codes, draws = score()
    model.fit(x, epochs=2, verbose=0)
    after_codes, after_draws = score()
    assert after_codes > codes
    assert after_draws < draws


def test_phases_step_down_the_cost_and_then_up_the_critic(x):
    """Without a rate for the encoder's own step, training is that of a plain autoencoder; with no other, codes climb the critic."""
    critic = linear(D, np.eye(D, 1, dtype="float32"))
    model = catalogue.autoencoder(vm.AdversarialAutoencoder, critic, adversarial_loss=vm.adversarial.Wasserstein(), two_phases=True)
    plain, initial = catalogue.autoencoder(vm.Autoencoder), model.get_weights()
    plain.encoder.set_weights(model.encoder.get_weights())
    plain.decoder.set_weights(model.decoder.get_weights())
    rest = {name: keras.optimizers.SGD(0.0) for name in ("critic", "encoder")}
    for one, optimizers in ((plain, None), (model, rest)):
        one.compile(keras.optimizers.SGD(0.1), optimizers, run_eagerly=True)
        one.fit(x, batch_size=30, verbose=0)
    for weight, expected in zip(model.encoder.weights + model.decoder.weights, plain.encoder.weights + plain.decoder.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
    model.set_weights(initial)
    before = model.latent_means(x)[:, 0].numpy().mean()
    model.compile(keras.optimizers.SGD(0.0), {**rest, "encoder": keras.optimizers.SGD(0.1)}, run_eagerly=True)
    model.fit(x, batch_size=30, verbose=0)
    assert model.latent_means(x)[:, 0].numpy().mean() > before


@pytest.mark.slow
def test_adversaries_bring_codes_to_the_prior():
    """Codes that are free to go anywhere, and start at N(3, 0.5^2), are brought near the mean of a standard normal by both losses."""
    x = np.random.default_rng(0).normal(3.0, 0.5, (512, 1)).astype("float32")
    for loss, rate in ((vm.adversarial.NonSaturating(), 3e-3), (vm.adversarial.Wasserstein(1.0), 3e-3)):
        encoder, decoder = linear(1, np.ones((1, 1), "float32")), linear(1, np.ones((1, 1), "float32"))
        critic = vm.networks.mlp((1,), 1, (32, 32), "relu")
        cost, prior = vm.costs.RealSquaredError(0.01), vm.StandardNormal(1)
        model = vm.AdversarialAutoencoder(encoder, decoder, critic, prior, cost, loss, weight=1.0, critic_steps=3)
        model.compile(keras.optimizers.Adam(rate), {"critic": keras.optimizers.Adam(rate)}, steps_per_execution=100)
        model.fit(np.tile(x, (125, 1)), batch_size=128, epochs=2, verbose=0, shuffle=False)
        codes = model.latent_means(x).numpy()
        assert abs(codes.mean()) < 1


@pytest.mark.parametrize("name", ["adversarial", "flex"])
def test_a_critic_needs_its_prior_in_training(name):
    given = catalogue.AUTOENCODERS[name]()
    config = {key: getattr(given, key) for key in inspect.signature(type(given)).parameters if hasattr(given, key)}
    with pytest.raises(ValueError, match=r"a prior that is known before training, since the critic .* Received: prior='FittedMixture'"):
        type(given)(**{**config, "prior": vm.FittedMixture(given.prior.latent_dim, 2)})


def test_batch_normalisation_rests_in_the_moves_of_others(x):
    encoder = catalogue.normalized_encoder()
    moments = lambda: [w.numpy() for w in encoder.non_trainable_variables]  # noqa: E731
    before, trained = moments(), None
    resting = without_state_updates(encoder, x)
    for one, other in zip(before, moments(), strict=True):
        np.testing.assert_array_equal(one, other)
    trained = encoder(x, training=True)
    np.testing.assert_array_equal(resting, trained)
    assert any(np.any(one != other) for one, other in zip(before, moments(), strict=True))


def test_validation_changes_no_network(x):
    """Not even the running moments and spectral norms of networks that a penalty or a critic uses in training mode."""
    dense, mlp = keras.layers.Dense, vm.networks.mlp
    normed = lambda *layers: keras.Sequential([keras.Input((D,)), dense(64), keras.layers.BatchNormalization(), *layers])  # noqa: E731
    spectral = lambda: keras.layers.SpectralNormalization(dense(8, "relu"))  # noqa: E731
    critic = lambda: keras.Sequential([keras.Input((D,)), spectral(), keras.layers.Dropout(0.5), dense(1)])  # noqa: E731
    prior, cost = vm.StandardNormal(D), vm.costs.RealSquaredError()
    penalties = [vm.penalties.DecoderGradient(), vm.penalties.LogVolume()]
    penalised = vm.Autoencoder(mlp(SHAPE, D), normed(dense(16), keras.layers.Reshape(SHAPE)), prior, cost, penalties=penalties)
    flex = vm.FlexAE(mlp(SHAPE, D), mlp((D,), SHAPE), critic(), normed(dense(D)), prior, cost)
    factor = vm.FactorVAE(mlp(SHAPE, 2 * D), mlp((D,), SHAPE), critic(), prior, vm.Normal())
    for model, networks in ((penalised, ["decoder"]), (flex, ["critic", "generator"]), (factor, ["discriminator"])):
        model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
        model.train_on_batch(x)
        states = lambda: [w.numpy() for name in networks for w in getattr(model, name).non_trainable_variables]  # noqa: B023, E731
        before, figures = states(), model.evaluate(x, verbose=0)
        assert before
        for one, other in zip(before, states(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert model.evaluate(x, verbose=0) == figures


# A density that is fitted after training.


def test_fitted_density(x):
    prior = vm.FittedMixture(D, 2)
    model = catalogue.autoencoder(vm.Autoencoder, prior=prior)
    assert not model.can_sample()
    with pytest.raises(ValueError, match="Expected a fitted density"):
        model.sample(3)
    model.fit_prior(x)
    assert model.can_sample()
    codes = model.latent_means(x).numpy()
    mixture = gaussian_mixture.fit_mixture(codes, 2, "full", 1, None, 0, 2000, 1e-6)
    np.testing.assert_allclose(prior.distribution().log_prob(codes), mixture.score_samples(codes), rtol=1e-3)
    before = [w.numpy() for w in model.weights]
    with pytest.raises(ValueError, match="latents"):
        model.fit_prior(x[:1])
    for one, other in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


# Bad input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vm.discrepancies.MMD(weight=-1), "weight >= 0"),
        (lambda: vm.penalties.CodeNorm(-0.1), "weight >= 0"),
        (lambda: vm.costs.SquaredError(0), "weight > 0"),
        (lambda: vm.discrepancies.InverseMultiquadratic(()), "scales > 0"),
        (lambda: vm.adversarial.Wasserstein(-1), "gradient_penalty >= 0"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic(), critic_steps=0), "critic_steps"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic(), weight=-1), "weight >= 0"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic((D + 1,))), "a critic with input"),
        (lambda: catalogue.autoencoder(vm.AdversarialAutoencoder, catalogue.critic(), prior=vm.LearnedNormal(D)), "trainable weights"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.StandardNormal(D + 1)), "encoder with output shape"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.VampPrior(D, 2, SHAPE)), "not made of posteriors"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.NormalMixture(D, 2)), "without trainable weights"),
        (lambda: catalogue.autoencoder(vm.Autoencoder, prior=vm.FittedMixture(D), discrepancy=vm.discrepancies.MMD()), "before training"),
        (lambda: catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), threshold=1.0), "threshold"),
        (lambda: catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), growth_steps=0), "growth_steps"),
        (lambda: catalogue.autoencoder(vm.MaskAAE, catalogue.critic(), decay_steps=0), "decay_steps"),
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
