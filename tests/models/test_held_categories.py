"""Categories that are held as they were taught, their release, and starts from an embedding of the latents."""

import importlib.util
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_vaemix as vm
from keras_vaemix.integrations.embeddings import UMAP
from keras_vaemix.networks import gated_mlp, joint_gated_mlp
from tests import catalogue
from tests.training.test_run import QUICK, assert_same_checkpoint, history

tfd = tfp.distributions


@pytest.fixture
def held(binary):
    """A model whose own categories have left those that are held."""
    model = catalogue.make(model="CPVAE-held")
    for i, weight in enumerate(model.encoder.weights):
        weight.assign(weight + 0.5 * tf.random.stateless_normal(weight.shape, [i, 1]))
    return model


def own(model, x):
    """Returns the encoder's own q(c|x), [N, K]."""
    return tf.nn.softmax(model.encoder_outputs(tf.constant(x))[0]).numpy()


def drift(model, x):
    """Returns how far the encoder's own q(c|x) is from the held one, in nats, [N]."""
    taught, mine = (tfd.Categorical(probs=probs) for probs in (model.responsibilities(x), own(model, x)))
    return np.asarray(taught.kl_divergence(mine))


def test_held_categories_are_those_that_were_taught(held, binary, tmp_path):
    taught = tf.nn.softmax(held.category_posterior.network(binary)[:, :4]).numpy()
    assert np.max(np.abs(taught - own(held, binary))) > 0.1
    np.testing.assert_allclose(held.responsibilities(binary), taught, atol=1e-6)
    before, frozen, encoder = held.responsibilities(binary), held.category_posterior.get_weights(), held.encoder.get_weights()
    held.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), run_eagerly=True)
    held.fit(binary, batch_size=10, verbose=0, callbacks=[vm.callbacks.HoldCategories(math.inf)])
    assert np.max(np.abs(held.encoder.get_weights()[0] - encoder[0])) > 0.01
    held.save(tmp_path / "model.keras")
    for model in (held, keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)):
        np.testing.assert_array_equal(model.responsibilities(binary), before)
        for one, other in zip(model.category_posterior.get_weights(), frozen, strict=True):
            np.testing.assert_array_equal(one, other)
        assert model.category_posterior.trainable_weights == []


@pytest.mark.parametrize("is_held", [True, False])
def test_no_gradient_reaches_the_frozen_copy(held, binary, is_held):
    held.category_posterior.held.assign(float(is_held))
    with tf.GradientTape() as tape:
        tape.watch([weight.value for weight in held.category_posterior.network.weights])
        loss = held.losses(vm.Batch(tf.constant(binary)), [0, 0], True)["model"].total
    gradients = tape.gradient(loss, [weight.value for weight in held.category_posterior.network.weights + held.encoder.weights])
    copied = len(held.category_posterior.network.weights)
    assert all(gradient is None for gradient in gradients[:copied])
    assert all(np.any(np.asarray(gradient) != 0) for gradient in gradients[copied:])


def test_the_encoder_s_own_categories_follow_the_held_ones(held, binary):
    expected = drift(held, binary)
    assert expected.mean() > 0.1
    d = held.draws(tf.constant(binary), held.objective, [0, 0], training=True)
    np.testing.assert_allclose(d.distillation, expected, rtol=1e-4, atol=1e-5)
    total = np.mean(expected) - np.mean(held.objective(d))
    held.draws = lambda *args, **kwargs: d
    assert float(held.losses(vm.Batch(tf.constant(binary)), [0, 0], True)["model"].total) == pytest.approx(total, rel=1e-5)
    del held.draws
    held.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    held.fit(np.tile(binary, (60, 1, 1, 1)), batch_size=10, verbose=0)
    assert drift(held, binary).mean() < 0.1 * expected.mean()


def test_released_categories_are_the_encoder_s_own(held, binary):
    held.category_posterior.held.assign(0.0)
    np.testing.assert_allclose(held.responsibilities(binary), own(held, binary), atol=1e-6)
    received = held.draws(tf.constant(binary), held.objective, [0, 0], training=True)
    np.testing.assert_array_equal(received.distillation, np.zeros(30))
    held.category_posterior = vm.EncodedCategories()
    expected = held.draws(tf.constant(binary), held.objective, [0, 0], training=True)
    for name in ("log_px", "log_pz", "log_qz", "kl"):
        np.testing.assert_array_equal(getattr(received, name), getattr(expected, name))


def test_the_schedule_goes_on_in_a_model_that_was_saved(held, binary, tmp_path):
    """The compiled step stays one graph: what it trains changes with the weight."""
    holding = [vm.callbacks.HoldCategories(2)]
    held.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    before = held.responsibilities(binary)
    held.fit(binary, batch_size=10, epochs=1, verbose=0, shuffle=False, callbacks=holding)
    held.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for model in (held, loaded):
        for expected in (1, 0, 0):
            model.fit(binary, batch_size=10, verbose=0, shuffle=False, callbacks=holding)
            assert float(model.category_posterior.held) == expected
            assert np.array_equal(model.responsibilities(binary), before) == expected
    for one, other in zip(held.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


@pytest.mark.parametrize(("epochs", "expected"), [(0, [0, 0, 0]), (2, [1, 1, 0]), (math.inf, [1, 1, 1])])
def test_epochs_for_which_categories_are_held(epochs, expected):
    holding = vm.callbacks.HoldCategories(epochs)
    holding.set_model(catalogue.make(model="CPVAE-held"))
    for epoch in (2, 0, 1):
        holding.set(epoch)
        assert float(holding.model.category_posterior.held) == expected[epoch]


def test_the_model_that_is_sampled_holds_its_categories_too(binary):
    model = catalogue.cp_vae(None, 0, held=True, sample_aggregate=True)
    for weight in model.encoder.weights:
        weight.assign(weight + 0.5 * tf.random.stateless_normal(weight.shape, [0, 1]))
    np.testing.assert_array_equal(model.with_sampling_prior().responsibilities(binary), model.responsibilities(binary))


def clusters():
    """Returns 600 binary examples of three clusters, and their labels."""
    rng = np.random.default_rng(0)
    label = rng.integers(3, size=600)
    return (rng.random((600, 12)) < np.where(np.arange(12)[None] // 4 == label[:, None], 0.95, 0.05)).astype("float32"), label


def of_clusters():
    """Returns a CP-VAE of three categories for `clusters`, which are held."""
    encoder = gated_mlp((12,), 3 + 4, (32,))
    decoder = joint_gated_mlp([(2,), (3,)], (12,), (16,), (16,))
    return vm.CPVAE(encoder, decoder, vm.NormalMixture(2, 3), vm.Bernoulli(), category_posterior=vm.HeldCategories.of(encoder))


def agreement(model, x, label):
    found = model.cluster(x)
    return max(np.mean(np.array(order)[found] == label) for order in itertools.permutations(range(3)))


def test_a_start_takes_its_clusters_from_an_embedding_and_holds_them():
    x, label = clusters()
    model, seeds = of_clusters(), []

    def embedding(z, seed):
        assert z.shape == (600, 2)
        seeds.append(seed)
        return np.eye(3)[label] + 0.01 * np.random.default_rng(seed).standard_normal((600, 3))

    vm.pretraining.initialize_from_gaussian_mixture(model, x, seed=5, embedding=embedding)
    assert seeds == [5]
    assert agreement(model, x, label) > 0.95
    for one, other in zip(model.category_posterior.network.weights, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(model.aggregate, model.responsibilities(x).mean(0), atol=1e-5)


def test_vade_takes_its_clusters_from_an_embedding():
    vae = catalogue.make("NormalMixture")
    x = catalogue.examples(vae)
    half = np.arange(30) < 15
    vm.pretraining.initialize_from_gaussian_mixture(vae, x, embedding=lambda z, seed: half[:, None] + 0.01 * np.arange(30)[:, None] % 2)
    z = np.asarray(vae.latent_means(x))
    weights = np.exp(vae.prior.log_weights())
    np.testing.assert_allclose(weights @ vae.prior.loc.numpy(), z.mean(0), atol=1e-3)


@pytest.mark.slow
def test_umap_finds_clusters_and_repeats_them():
    pytest.importorskip("umap")
    label = np.arange(600) % 3
    rng = np.random.default_rng(1)
    z = np.eye(3)[label] * 10 + rng.standard_normal((600, 3))
    embedding = UMAP(num_dims=2)
    points = embedding(z, 3)
    assert points.shape == (600, 2)
    np.testing.assert_array_equal(embedding(z, 3), points)
    means = np.stack([points[label == k].mean(0) for k in range(3)])
    nearest = np.argmin(np.sum((points[:, None] - means) ** 2, axis=-1), axis=1)
    assert np.mean(nearest == label) > 0.99
    with pytest.raises(ValueError, match=r"more than num_neighbors=20 latents. Received: latents=20"):
        embedding(z[:20], 3)


@pytest.fixture
def without_umap(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "umap" else find(name, *rest))


@pytest.mark.parametrize("preset", ["cp_vae_digits", "vade_digits"])
def test_a_start_without_its_package_is_refused_before_anything_is_trained(main, tmp_path, without_umap, preset):
    status, err = main(preset, "--start", "umap", "--run-dir", tmp_path / "run")
    assert status == 1
    assert err == 'error: Expected umap-learn to be installed: pip install ".[umap]" in a clone, or umap-learn. Received: umap=None'
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--hold-categories", -2), "--hold-categories of at least -1. Received: -2"),
        (("--hold-categories", 1, "--pretraining", 0), "--pretraining of at least 1 with --start umap or --hold-categories"),
        (("--start", "umap", "--pretraining", 0), "--pretraining of at least 1 with --start umap or --hold-categories"),
        (("--start", "mixtures"), "--start: did you mean mixture? One of mixture, umap. Received: 'mixtures'"),
    ],
)
def test_flags_that_do_not_fit_are_refused(main, tmp_path, flags, message):
    status, err = main("cp_vae_digits", *flags, "--run-dir", tmp_path / "run")
    assert status == 1
    assert message in err


def test_bad_input():
    with pytest.raises(ValueError, match=r"epochs >= 0. Received: epochs=-1"):
        vm.callbacks.HoldCategories(-1)
    for arguments, message in (({"num_dims": 0}, "num_dims"), ({"num_neighbors": 0}, "num_neighbors"), ({"min_dist": -1.0}, "min_dist")):
        with pytest.raises(ValueError, match=message):
            UMAP(**arguments)
    encoder = gated_mlp((4,), 10)
    parts = gated_mlp((3,), (4,)), vm.NormalMixture(3, 4), vm.Bernoulli()
    for network, message in ((encoder, "is_encoder=True"), (gated_mlp((4,), 1), r"is_encoder=False, shape=\(None, 1\)")):
        with pytest.raises(ValueError, match=rf"a copy of the encoder, with output shape \(None, 10\).*{message}"):
            vm.CPVAE(encoder, *parts, category_posterior=vm.HeldCategories(network))


@pytest.mark.slow
def test_a_run_that_is_resumed_at_the_release_has_the_same_bits(main, eagerly, tmp_path):
    flags = [*QUICK, "--pretraining", 2, "--hold-categories", 2, "--batch-size", 399]
    for folder, stops in ((tmp_path / "whole", [4]), (tmp_path / "resumed", [2, 4])):
        for epochs in stops:
            assert main(*flags, "--epochs", epochs, "--run-dir", folder, *(["--resume"] if folder.exists() else [])) == (0, "")
    assert history(tmp_path / "whole") == history(tmp_path / "resumed")
    assert_same_checkpoint(tmp_path / "resumed", tmp_path / "whole")
