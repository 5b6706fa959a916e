"""FactorVAE: its estimate of the total correlation against the closed form, its permutations, and what each update moves."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core.replicas import shuffled_columns
from tests import catalogue
from tests.catalogue import linear
from tests.checks import replica_equality
from training.distributed.strategy import make_strategy

SEED = [0, 3]


def test_estimate_of_the_total_correlation_of_a_normal():
    """For codes of covariance C it is half of log(prod_d C_dd / det C); the best logit is quadratic."""
    rho, noise = 0.8, math.exp(-6)  # the posterior's variance
    codes = np.random.default_rng(0).multivariate_normal([0, 0], [[1, rho], [rho, 1]], 4000).astype("float32")
    inputs = keras.Input((2,))
    logit = keras.layers.Dense(1)(keras.ops.concatenate([inputs**2, inputs[:, :1] * inputs[:, 1:]], axis=1))
    encoder = linear(2, np.eye(2, 4), np.array([0, 0, -6, -6]))
    given = encoder, linear(2, np.eye(2)), keras.Model(inputs, logit), vm.StandardNormal(2), vm.Normal(1.0)
    model = vm.FactorVAE(*given, weight=3.0)
    model.compile(keras.optimizers.SGD(0.0), {"discriminator": keras.optimizers.Adam(0.05)}, jit_compile=False)
    model.fit(codes, batch_size=1000, epochs=40, verbose=0)
    exact = 0.5 * math.log((1 + noise) ** 2 / ((1 + noise) ** 2 - rho**2))
    figures = model.evaluate(codes, batch_size=4000, verbose=0, return_dict=True)
    assert figures["total_correlation"] == pytest.approx(exact, abs=0.04)  # two standard errors and a half
    assert figures["loss"] == pytest.approx(-figures["elbo"], rel=1e-5)
    batch = vm.Batch(tf.constant(codes))
    loss, without = model.losses(batch, SEED, True)["model"], vm.VAE(*given[:2], *given[3:]).losses(batch, SEED, True)["model"]
    assert float(loss.total - without.total) == pytest.approx(3 * float(loss.figures["total_correlation"]), rel=1e-4)


def test_gradients_of_each_update_reach_its_own_weights():
    model = catalogue.factor_vae()
    batch, (vae, discriminator) = vm.Batch(tf.constant(catalogue.examples(model))), model.updates()
    own, of_critic = vae.variables["model"], discriminator.variables["discriminator"]
    assert {id(w) for w in own} | {id(w) for w in of_critic} == {id(w) for w in model.trainable_variables}
    with tf.GradientTape(persistent=True) as tape:
        losses = [vae.losses(batch, SEED, True)["model"], discriminator.losses(batch, SEED, True)["discriminator"]]
        correlation = losses[0].figures["total_correlation"]
    for loss, weights in zip(losses, (own, of_critic), strict=True):
        assert all(np.any(gradient) for gradient in tape.gradient(loss.total, weights))
    assert all(gradient is None for gradient in tape.gradient(losses[1].total, own))
    assert all(np.any(gradient) for gradient in tape.gradient(correlation, model.encoder.trainable_variables))


def test_the_correlation_has_its_own_gradient_under_a_pathwise_objective():
    """Not one through the importance weights, which are for the bound alone."""
    models, gradients = [catalogue.factor_vae(objective=one(10)) for one in (vm.ImportanceWeighted, vm.DoublyReparameterized)], []
    batch = vm.Batch(tf.constant(catalogue.examples(models[0])))
    for model in models:
        model.set_weights(models[0].get_weights())
        with tf.GradientTape() as tape:
            terms = model.losses(batch, SEED, True)["model"]
        gradients.append(tape.gradient(terms.figures["total_correlation"], model.encoder.trainable_variables))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_columns_are_shuffled_each_by_itself():
    """Over all replicas, of which the first has more rows, and under XLA, whose uniform noise is another."""
    x = tf.constant(np.random.default_rng(0).normal(size=(40, 3)), tf.float32)
    shuffled, compiled = shuffled_columns(x, SEED), tf.function(shuffled_columns, jit_compile=True)(x, SEED)
    strategy = make_strategy("mirrored")
    parts = strategy.experimental_distribute_values_from_function(lambda c: x[:30] if c.replica_id_in_sync_group == 0 else x[30:])
    seeds = strategy.experimental_distribute_values_from_function(lambda c: tf.constant([c.replica_id_in_sync_group, 3]))
    rows = strategy.experimental_local_results(strategy.run(tf.function(shuffled_columns), (parts, seeds)))
    assert [len(part) for part in rows] == [30, 10]
    for received in (shuffled.numpy(), compiled.numpy(), np.concatenate(rows)):
        np.testing.assert_array_equal(np.sort(received, axis=0), np.sort(x, axis=0))
        places = np.argmax(received[:, None] == x.numpy()[None], axis=1)  # [40, 3], where each value was
        moved = [np.mean(places[:, i] != places[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        assert min(*moved, np.mean(places != np.arange(40)[:, None])) > 0.8
    assert np.any(np.isin(rows[1], x[:30]))


def test_two_replicas_are_one():
    """With their noise, and the same permutations of the global batch."""
    weights, one = replica_equality.trained(catalogue.factor_vae, 1, None)
    two = replica_equality.trained(catalogue.factor_vae, 2, weights)[1]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_training_goes_on_in_a_saved_model_with_the_same_bits(tmp_path):
    model = catalogue.factor_vae()
    x = catalogue.examples(model, 10)
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    model.fit(x, batch_size=10, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for each in (model, loaded):
        history = each.fit(x, batch_size=10, verbose=0, shuffle=False).history
    assert set(history) == set(model.metric_names())
    for one, other in zip(model.all_variables(), loaded.all_variables(), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: catalogue.factor_vae(weight=-1.0), "weight >= 0"),
        (lambda: catalogue.autoencoder(vm.FactorVAE, catalogue.critic((2,)), cost=vm.Bernoulli()), "encoder with output shape"),
    ],
)
def test_what_it_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        make()


def test_the_discriminator_learns_nothing_from_a_single_code():
    model = catalogue.factor_vae()
    x, (_, discriminator) = catalogue.examples(model), model.updates()
    for n, is_zero in ((1, True), (2, False)):
        with tf.GradientTape() as tape:
            loss = discriminator.losses(vm.Batch(tf.constant(x[:n])), SEED, True)["discriminator"].total
        gradients = tape.gradient(loss, model.discriminator.trainable_variables)
        assert (float(loss) == 0, not any(np.any(one) for one in gradients)) == (is_zero, is_zero)
