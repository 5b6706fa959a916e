"""GAMIX-VAE: moments of the global posterior, on any number of replicas, and what its objective is and is not."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import digamma

import keras_vaemix as vm
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.regularizers import moments
from tests import catalogue
from training.distributed.strategy import make_strategy

tfd = tfp.distributions
SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM


def gamix(seed=0, discriminator=True, prior=None, **settings):
    """Returns a small GAMIX-VAE."""
    encoder, decoder = vm.networks.mlp(SHAPE, 2 * D, (8,)), vm.networks.mlp((D,), SHAPE, (8,))
    judge = vm.networks.mlp(SHAPE, (2, 2, 1), (8,)) if discriminator else None
    return vm.GAMIXVAE(encoder, decoder, prior or vm.StandardNormal(D), vm.Laplace(0.5), judge, seed=seed, **settings)


def gamix_parts():
    return vm.networks.mlp((D,), SHAPE, (8,)), vm.StandardNormal(D), vm.Laplace(0.5)


@pytest.fixture
def x():
    return np.random.default_rng(0).random((30, *SHAPE), "float32")


def test_moments_are_those_of_the_mixture():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(1, 2, (50, D)), rng.uniform(0.1, 2, (50, D))
    tensors = tf.constant(mean, tf.float32), tf.constant(variance, tf.float32)
    center, spread, rest = moments.MeanMoments()(*tensors)
    np.testing.assert_allclose(center, mean.mean(0), rtol=1e-5)
    np.testing.assert_allclose(spread, mean.var(0), rtol=1e-4)
    np.testing.assert_allclose(rest, variance.mean(0), rtol=1e-4)
    draws = mean[:, None] + np.sqrt(variance)[:, None] * rng.normal(size=(50, 20_000, D))
    _, spread, rest = moments.TotalMoments()(*tensors)
    np.testing.assert_array_equal(rest, 0)
    np.testing.assert_allclose(spread, draws.reshape(-1, D).var(0), rtol=0.01)  # a sampled check of the aggregate


def test_divergence_of_moments_is_that_of_normals():
    mean, variance = np.array([0.5, -1.0]), np.array([0.3, 2.0])
    p, q = tfd.MultivariateNormalDiag(tf.zeros(2, tf.float64)), tfd.MultivariateNormalDiag(mean, np.sqrt(variance))
    assert float(moments.kl_from_moments(tf.constant(mean), tf.constant(variance))) == pytest.approx(float(q.kl_divergence(p)))
    variance = tf.constant([[0.2, 0.1], [1.0, 0.1]])
    expected = [0.5 * (2 - 1 - math.log(2)), 0.5 * (10 - 1 - math.log(10))]
    np.testing.assert_allclose(moments.kl_to_target(variance, 0.1), expected, rtol=1e-5)


@pytest.mark.parametrize("b", [4, 8, 64])
def test_bias_of_the_moments_is_as_predicted(b):
    rng = np.random.default_rng(0)
    kls = []
    for _ in range(40):
        mean = tf.constant(rng.normal(size=(b, 500)), tf.float32)
        kls.append(float(moments.kl_from_moments(*moments.MeanMoments()(mean, tf.zeros_like(mean))[:2])) / 500)
    predicted = -0.5 * (digamma((b - 1) / 2) + math.log(2) - math.log(b))
    assert abs(np.mean(kls) - predicted) < 4 * np.std(kls, ddof=1) / 40**0.5 + 1e-4
    assert predicted == pytest.approx(1 / b, rel=0.4)


def test_plain_divergence_is_the_vae_s(x):
    """With each posterior by itself, beta_2 without effect and no discriminator, the objective is the VAE's."""
    model = gamix(discriminator=False, moments=moments.EachPosterior())
    vae = vm.VAE(model.encoder, model.decoder, model.prior, model.likelihood)
    received = model.losses(vm.Batch(tf.constant(x)), [0, 0], True)["model"].figures
    d = vae.draws(tf.constant(x), vae.objective, [0, 0])
    assert float(received["moment_kl"]) == pytest.approx(float(tf.reduce_mean(d.kl)), rel=1e-5)
    assert float(received["loss"]) == pytest.approx(float(received["moment_kl"] - np.mean(received["reconstruction"])), rel=1e-5)


@pytest.mark.parametrize("kind", [moments.MeanMoments, moments.TotalMoments])
def test_moments_and_their_gradients_are_those_of_the_global_batch(kind):
    """27 examples fall on two replicas unevenly, 14 and 13."""
    rng, n = np.random.default_rng(0), 27
    mean, variance = (tf.constant(a, tf.float32) for a in (rng.normal(size=(n, D)), rng.uniform(0.1, 2, (n, D))))

    def gradients(mean, variance):
        with tf.GradientTape() as tape:
            tape.watch([mean, variance])
            kl = moments.kl_from_moments(*kind()(mean, variance)[:2]) / tf.distribute.get_strategy().num_replicas_in_sync
        return kl, *tape.gradient(kl, [mean, variance], unconnected_gradients="zero")

    kl, *whole = gradients(mean, variance)
    strategy = make_strategy("mirrored")

    def cut(a):
        halves = a[: (n + 1) // 2], a[(n + 1) // 2 :]
        return strategy.experimental_distribute_values_from_function(lambda context: halves[context.replica_id_in_sync_group])

    results = strategy.run(tf.function(gradients), (cut(mean), cut(variance)))
    parts = [strategy.experimental_local_results(result) for result in results]
    np.testing.assert_allclose(sum(parts[0]), kl, rtol=1e-5)
    for received, expected in zip(parts[1:], whole, strict=True):
        np.testing.assert_allclose(tf.concat(received, axis=0), expected, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{}, {"moments": moments.MeanMoments(), "memory": 0.5, "adversarial_loss": vm.adversarial.NonSaturating()}, {"discriminator": False}],
)
def test_training_lowers_the_objective(settings, x):
    model = gamix(**settings)
    model.compile(keras.optimizers.Adam(0.01), jit_compile="auto", run_eagerly=bool(settings))
    assert model.jit_compile is not bool(settings)
    validated = {"validation_data": x} if settings else {}
    history = model.fit(np.tile(x, (1 if settings else 5, 1, 1, 1)), batch_size=10, epochs=3, verbose=0, **validated).history
    loss = history["val_loss" if settings else "loss"]
    assert loss[-1] < loss[0]
    assert "elbo" not in history
    assert ("discriminator_loss" in history) is (model.discriminator is not None)


def test_trains_on_two_replicas_and_comes_back(x, tmp_path):
    with make_strategy("mirrored").scope():
        model = gamix(prior=vm.FittedMixture(D, 1))
        model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(x, batch_size=10, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert not model.can_sample()
    model.fit_prior(x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.sample(5, seed=1), model.sample(5, seed=1))


def test_objective_is_what_it_says(x):
    """Without noise in the posterior: the Laplace likelihood at the means, the moments, and nothing else."""
    model = gamix(discriminator=False, moments=moments.MeanMoments(0.5), moment_weight=2.0, variance_weight=3.0)
    model.encoder.layers[-1].bias.assign([0.1, 0.2, 0.3, -30.0, -30.0, -30.0])  # clipped at exp(-6)
    mean, log_variance = np.split(model.encoder(x).numpy(), 2, axis=1)
    log_variance = np.clip(log_variance, *model.posterior.log_variance_limits)
    loss = float(model.losses(vm.Batch(tf.constant(x)), [0, 0], True)["model"].total)
    z, _ = model.latents(tf.constant(mean), tf.constant(log_variance), 0.0, 1.0, fold_in([0, 0], 0))
    reconstruction = model.likelihood.distribution(model.decoder(z)).log_prob(x).numpy().sum((1, 2, 3)).mean()
    center, spread = mean.mean(0), mean.var(0) + moments.FLOOR
    moment_kl = 0.5 * np.sum(spread + center**2 - 1 - np.log(spread))
    ratio = np.exp(log_variance) / 0.5
    variance_kl = 0.5 * np.mean(np.sum(ratio - 1 - np.log(ratio), 1))
    assert loss == pytest.approx(2 * moment_kl + 3 * variance_kl - reconstruction, rel=1e-4)


def test_objective_is_no_bound_and_an_honest_one_stands_beside_it(x):
    model = gamix(discriminator=False, prior=vm.FittedMixture(D, 2))
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    model.fit(x, epochs=5, verbose=0)
    model.fit_prior(x)
    report = vm.evaluation.likelihood_report(model, x, 500)
    assert report["elbo"] < report["log_likelihood"] + 4 * report["log_likelihood_se"]


def test_a_batch_of_one_is_refused_and_a_last_one_without_moments(x, tmp_path, main):
    model = gamix(discriminator=False, moments=moments.MeanMoments())
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices(x)
    for arguments in ((x, None, 1), (x[:1],), (data.batch(1),)):
        with pytest.raises(ValueError, match=r"a global batch of at least 2 examples.*batch_size=1"):
            model.fit(*arguments, verbose=0)
    whole = model.fit(data.take(10).batch(10), shuffle=False, verbose=0).history["moment_kl"][0]
    ragged = model.fit(data.take(11).batch(10), shuffle=False, verbose=0).history["moment_kl"][0]
    assert ragged == pytest.approx(whole * 10 / 11, rel=1e-5)  # a mean over examples, of which the last adds nothing
    status, error = main("gamix_faces_no_gan", "--dataset", "digits", "--batch-size", 1, "--run-dir", tmp_path / "run")
    assert (status, (tmp_path / "run").exists()) == (1, False)
    assert "a global batch of at least 2 examples" in error


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: moments.TotalMoments(1.0), "target_variance < 1"),
        (lambda: moments.MeanMoments(0.0), "target_variance > 0"),
        (lambda: gamix(memory=1.0), "memory"),
        (lambda: gamix(adversarial_weight=-1), "weights >= 0"),
        (lambda: gamix(prior=vm.LearnedNormal(D)), "without trainable weights"),
        (lambda: gamix(adversarial_loss=vm.adversarial.Wasserstein()), "no pairs of real and fake"),
        (lambda: vm.GAMIXVAE(catalogue.encoder_beside(2 * D, mask=SHAPE), *gamix_parts()), "a GAMIXVAE takes beside it, nothing"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_other_samplers_share_the_networks(x):
    limited = gamix(posterior=vm.DiagonalNormal((-0.1, 0.1)))
    for one in (limited, same := limited.sampled_by(limited.prior)):
        one.compile()
    figures = [one.evaluate(x, verbose=0, return_dict=True) for one in (limited, same)]
    assert figures[0]["variance_kl"] == pytest.approx(figures[1]["variance_kl"], rel=1e-5)
    model = gamix()
    other = model.sampled_by(vm.FittedMixture(D, 1))
    assert other.discriminator is None
    np.testing.assert_array_equal(other.reconstruct(x), model.reconstruct(x))
    mean, variance = np.split(model.encoder(x).numpy(), 2, axis=1)
    variance = np.exp(np.clip(variance, *model.posterior.log_variance_limits))
    np.testing.assert_allclose(model.aggregate_variance(x, batch_size=7), mean.var(0) + variance.mean(0), rtol=1e-5)
    other.fit_prior(x)
    other.fit_prior(x)
    p = other.prior.distribution()
    np.testing.assert_allclose(p.mean(), mean.mean(0), rtol=1e-4)
    np.testing.assert_allclose(p.covariance(), np.cov(mean, rowvar=False, bias=True) + np.diag(variance.mean(0)), rtol=1e-4, atol=1e-5)
    mixture = model.sampled_by(vm.FittedMixture(D, 2))
    mixture.fit_prior(np.tile(x, (200, 1, 1, 1)))
    variance_of_mixture = np.diag(mixture.prior.distribution().covariance())
    np.testing.assert_allclose(variance_of_mixture, model.aggregate_variance(x), rtol=0.1)  # of 6,000 draws


@pytest.mark.parametrize("num_components", [1, 3])
def test_too_few_examples_for_the_sampler_are_named(num_components, x):
    model = gamix(prior=vm.FittedMixture(D, num_components))
    with pytest.raises(ValueError, match=r"Expected at least .* Received: (examples=1|latents=2)"):
        model.fit_prior(x[: min(2, num_components)])
    assert not model.can_sample()


def test_remembered_moments_are_those_of_a_mixture():
    """Batches of four from N(0, 1): what is remembered has the right variance, not that within batches alone, 3 / 4."""
    model, rng, seen = gamix(discriminator=False, moments=moments.MeanMoments(), memory=0.9), np.random.default_rng(0), []

    @tf.function
    def remember(mean):
        with tf.GradientTape() as tape:
            tape.watch(mean)
            received = model.global_moments(mean, tf.fill([4, D], 0.5), training=True)
            of_all = tf.reduce_sum(received[0])
        return tape.gradient(of_all, mean), *received

    for _ in range(300):
        slope, _, spread, rest = remember(tf.constant(rng.normal(size=(4, D)), tf.float32))
        np.testing.assert_allclose(slope, 0.25, rtol=1e-5)  # that of the batch's own
        np.testing.assert_allclose(rest, 0.5, rtol=1e-5)
        seen.append(spread)
    assert np.mean(seen[50:]) == pytest.approx(1, abs=0.05)
    kept = model.running_mean.numpy(), model.running_variance.numpy()
    alone = model.global_moments(tf.ones([1, D]), tf.ones([1, D]), training=True)
    for received, before in zip((*alone[:2], model.running_mean, model.running_variance), 2 * kept, strict=True):
        np.testing.assert_allclose(received, before, rtol=1e-6)  # one example has no moments


def test_validation_judges_the_game_beside_the_objective(x):
    model = gamix(adversarial_weight=3.0, prior=vm.FittedMixture(D, 1))
    model.compile("adam", run_eagerly=True)
    model.fit(x, batch_size=10, epochs=1, verbose=0)
    before = model.get_weights()
    report = model.evaluate(x, batch_size=10, verbose=0, return_dict=True)
    assert report["discriminator_loss"] > 0
    assert report["adversarial"] > 0
    assert report["loss"] == pytest.approx(report["moment_kl"] + report["variance_kl"] - report["reconstruction"], rel=1e-5)
    changed = [w.path for w, old in zip(model.weights, before, strict=True) if not np.array_equal(w, old)]
    assert changed == []


def test_warm_up_weighs_the_divergences(x):
    model = gamix(discriminator=False)
    parts = []
    for beta in (1.0, 0.25):
        model.beta.assign(beta)
        loss, figures = model.losses(vm.Batch(tf.constant(x)), [0, 0], True)["model"]
        figures = {name: float(np.mean(value)) for name, value in figures.items()}
        assert float(loss) == pytest.approx(beta * (figures["moment_kl"] + figures["variance_kl"]) - figures["reconstruction"], rel=1e-5)
        parts.append(figures["moment_kl"])
    assert parts[0] == parts[1] > 0


def test_export_is_without_the_discriminator(x, tmp_path):
    from export.artifact import export_model

    prior = vm.FittedMixture(D, 2)
    model, sizes = gamix(prior=prior), []
    model.fit_prior(x)
    for one in (model, model.sampled_by(prior)):
        artifact = export_model(one, tmp_path / str(len(sizes)), formats=("saved_model",))
        checkpoint = tf.train.load_checkpoint(str(artifact / "saved_model" / "variables" / "variables"))
        sizes.append(sum(int(np.prod(shape)) for shape in checkpoint.get_variable_to_shape_map().values()))
    used = sum(int(np.prod(w.shape)) for network in (model.encoder, model.decoder, model.prior) for w in network.weights)
    assert sizes[0] == sizes[1] <= used + 1  # the graph of objects


def test_tensorboard_has_samples_before_the_density_is_fitted(x, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = gamix(prior=vm.FittedMixture(D, 4))
    model.compile("adam", run_eagerly=True)
    model.fit(x, batch_size=10, epochs=1, verbose=0, callbacks=[vm.callbacks.TensorBoard(tmp_path, x)])
    events = EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    shown = {"images/samples", "images/reconstructions", "latents/effects", "latents/transitions"}
    assert shown <= set(events.Tags()["tensors"])
    assert not model.can_sample()
