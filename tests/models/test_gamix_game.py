"""The adversarial term of GAMIX-VAE: what is judged, who moves when, and whom gradients reach, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logit

import keras_vaemix as vm
from keras_vaemix.regularizers import moments
from tests.catalogue import linear
from training.presets import PRESETS

D, PATCHES, SCALE = 3, 2, 0.5
PRIORS = {"standard": lambda: vm.StandardNormal(D), "moments": lambda: vm.FittedMixture(D, 1)}
LOSSES = {  # the adversarial_loss; slopes of the critic's loss by the scores of real and fake; the loss against it, and its slopes
    "least squares": (
        vm.adversarial.LeastSquares,
        lambda real, fake: ((real - 1) / real.size, fake / fake.size),
        lambda fake: np.mean((fake - 1) ** 2) / 2,
        lambda fake: (fake - 1) / fake.size,
    ),
    "hinge": (
        vm.adversarial.Hinge,
        lambda real, fake: ((real < 1) / -real.size, (fake > -1) / fake.size),
        lambda fake: -np.mean(fake),
        lambda fake: np.full_like(fake, -1 / fake.size),
    ),
}


class Judged:
    """A GAMIX-VAE of matrices with a bias each, and what its discriminator is shown."""

    def __init__(
        self, prior="standard", adversarial_loss=vm.adversarial.LeastSquares, likelihood=None, rates=(0.0, 0.0), seed=0, **settings
    ):
        rng = np.random.default_rng(seed)
        turn = np.linalg.qr(rng.normal(size=(D, D)))[0]  # a decoder that can be undone
        weights = {"encoder": rng.normal(size=(D, 2 * D)) / 2, "decoder": turn, "discriminator": rng.normal(0, 2, (D, PATCHES))}
        self.weights = {name: (matrix, rng.normal(0, 0.5, matrix.shape[1])) for name, matrix in weights.items()}
        encoder, decoder = (linear(D, *self.weights[name]) for name in ("encoder", "decoder"))
        discriminator = vm.networks.mlp((D,), (PATCHES, 1), ())
        discriminator.set_weights(self.weights["discriminator"])
        adversarial_loss, self.shown = adversarial_loss(), []
        critic_loss = adversarial_loss.critic_loss

        def watched(critic, real, fake, seed):
            self.shown.append((np.asarray(real), np.asarray(fake)))
            return critic_loss(critic, real, fake, seed)

        adversarial_loss.critic_loss = watched
        self.model = vm.GAMIXVAE(
            encoder, decoder, PRIORS[prior](), likelihood or vm.Laplace(SCALE), discriminator, adversarial_loss=adversarial_loss, **settings
        )
        own, other = map(keras.optimizers.SGD, rates)
        self.model.compile(own, {"discriminator": other}, jit_compile=False, run_eagerly=True)

    def losses(self, x):
        """Returns the losses on x, and what the discriminator was shown as fake."""
        self.shown.clear()
        losses = self.model.losses(vm.Batch(tf.constant(x)), [0, 0], training=True)
        ((real, fake),) = self.shown
        np.testing.assert_array_equal(real, x)
        return losses, fake

    def apply(self, name, x):
        matrix, bias = self.weights[name]
        return x @ matrix + bias

    def posteriors(self, x):
        """Returns means and log-variances, all within their limits."""
        mean, log_variance = np.split(self.apply("encoder", x), 2, axis=1)
        low, high = self.model.posterior.log_variance_limits
        assert low < log_variance.min()
        assert log_variance.max() < high
        return mean, log_variance

    def latents(self, images):
        """Returns the latents of which the decoder made the images."""
        matrix, bias = self.weights["decoder"]
        return (images - bias) @ matrix.T

    def values(self):
        """Returns the weights of each network, end to end."""
        networks = {name: getattr(self.model, name) for name in self.weights}
        return {name: np.concatenate([w.ravel() for w in network.get_weights()]) for name, network in networks.items()}


@pytest.fixture
def x():
    return np.random.default_rng(1).random((20, D), "float32")


@pytest.mark.parametrize("discriminate_samples", [True, False])
@pytest.mark.parametrize("adversarial_loss", LOSSES)
def test_loss_is_the_sum_of_its_terms(adversarial_loss, discriminate_samples, x):
    adversarial_loss, _, generator_loss, _ = LOSSES[adversarial_loss]
    weights = {"moment_weight": 2.0, "variance_weight": 3.0, "adversarial_weight": 50.0}
    judged = Judged(adversarial_loss=adversarial_loss, discriminate_samples=discriminate_samples, **weights)
    losses, fake = judged.losses(x)
    assert len(fake) == (1 + discriminate_samples) * len(x)
    mean, log_variance = judged.posteriors(x)
    variance = np.exp(log_variance)
    center, spread = mean.mean(0), mean.var(0) + variance.mean(0) + moments.FLOOR
    ratio = variance / 0.1
    terms = {
        "moment_kl": 2 * np.sum(spread + center**2 - 1 - np.log(spread)) / 2,
        "variance_kl": 3 * np.mean(np.sum(ratio - 1 - np.log(ratio), 1)) / 2,
        "reconstruction": -np.abs(x - fake[: len(x)]).sum(1).mean() / SCALE - D * np.log(2 * SCALE),
        "adversarial": 50 * generator_loss(judged.apply("discriminator", fake)),
    }
    total, received = losses["model"]
    assert {name: float(np.mean(received[name])) for name in terms} == pytest.approx(terms, rel=1e-4)
    assert float(total) == pytest.approx(sum(terms.values()) - 2 * terms["reconstruction"], rel=1e-4)


@pytest.mark.parametrize("adversarial_loss", LOSSES)
def test_the_discriminator_descends_its_own_loss(adversarial_loss, x):
    adversarial_loss, slopes, _, _ = LOSSES[adversarial_loss]
    rate, judged = 0.3, Judged(adversarial_loss=adversarial_loss, rates=(0.0, 0.3))
    judged.model.train_step(tf.constant(x))
    ((_, fake),) = judged.shown
    of_real, of_fake = slopes(judged.apply("discriminator", x), judged.apply("discriminator", fake))
    matrix, bias = judged.weights["discriminator"]
    moved = matrix - rate * (x.T @ of_real + fake.T @ of_fake), bias - rate * (of_real.sum(0) + of_fake.sum(0))
    for weight, expected in zip(judged.model.discriminator.get_weights(), moved, strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)


@pytest.mark.parametrize("likelihood", ["Laplace", "Bernoulli"])
@pytest.mark.parametrize("prior", PRIORS)
def test_fakes_are_reconstructions_and_decoded_draws_of_what_is_sampled(prior, likelihood):
    """Images that a likelihood makes of logits are the means, not the logits."""
    n = 5000
    x = np.random.default_rng(0).integers(0, 2, (n, D)).astype("float32")
    judged = Judged(prior, likelihood=getattr(vm, likelihood)())
    _, fake = judged.losses(x)
    assert fake.shape == (2 * n, D)
    z = judged.latents(logit(fake) if likelihood == "Bernoulli" else fake)
    mean, log_variance = judged.posteriors(x)
    center, spread = {"standard": (0, 1), "moments": (mean.mean(0), mean.var(0) + np.exp(log_variance).mean(0))}[prior]
    noise = np.concatenate([(z[:n] - mean) / np.exp(0.5 * log_variance), (z[n:] - center) / np.sqrt(spread)], axis=1)
    np.testing.assert_allclose(noise.mean(0), 0, atol=5 / n**0.5)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(2 * D), atol=5 * (2 / n) ** 0.5)


@pytest.mark.parametrize(("rates", "moved"), [((0.01, 0.0), {"encoder", "decoder"}), ((0.0, 0.01), {"discriminator"}), ((0.0, 0.0), set())])
def test_each_optimizer_moves_its_own_weights_once_in_a_step(rates, moved, x):
    judged = Judged(rates=rates)
    before = judged.values()
    judged.model.fit(x, batch_size=10, epochs=1, verbose=0)
    assert {name for name, value in judged.values().items() if np.any(value != before[name])} == moved
    assert len(judged.shown) == 2
    assert [int(judged.model.optimizer_of(name).iterations) for name in ("model", "discriminator")] == [2, 2]


@pytest.mark.parametrize(  # every pair of two of the three
    ("prior", "adversarial_loss", "discriminate_samples"),
    [("standard", "hinge", True), ("standard", "least squares", False), ("moments", "hinge", False), ("moments", "least squares", True)],
)
def test_gradients_reach_encoder_and_decoder(prior, adversarial_loss, discriminate_samples, x):
    """The decoder by all images, the encoder by reconstructions alone: draws of what is sampled are constants."""
    adversarial_loss, _, _, slopes = LOSSES[adversarial_loss]
    judged = Judged(prior, adversarial_loss, moment_weight=0.0, variance_weight=0.0, discriminate_samples=discriminate_samples)
    variables = judged.model.encoder.trainable_variables + judged.model.decoder.trainable_variables

    def gradients(weight):
        judged.model.adversarial_weight = weight
        with tf.GradientTape() as tape:
            losses, fake = judged.losses(x)
        return tape.gradient(losses["model"].total, variables), fake

    (without, _), (received, fake) = gradients(0.0), gradients(30.0)
    by_image = 30 * slopes(judged.apply("discriminator", fake)) @ judged.weights["discriminator"][0].T
    z, (mean, _) = judged.latents(fake), judged.posteriors(x)
    by_z = by_image[: len(x)] @ judged.weights["decoder"][0].T
    by_params = np.concatenate([by_z, by_z * (z[: len(x)] - mean) / 2], axis=1)
    expected = x.T @ by_params, by_params.sum(0), z.T @ by_image, by_image.sum(0)
    for gradient, other, difference in zip(received, without, expected, strict=True):
        np.testing.assert_allclose(gradient - other, difference, atol=1e-3)


@pytest.mark.parametrize("likelihood", ["Laplace", "Bernoulli"])
def test_the_paper_s_discriminator_sees_reconstructions_alone(likelihood, x):
    x = np.round(x)
    shown = []
    for discriminate_samples in (True, False):
        judged = Judged(likelihood=getattr(vm, likelihood)(), discriminate_samples=discriminate_samples)
        shown.append(judged.losses(x)[1])
    np.testing.assert_array_equal(shown[0][: len(x)], shown[1])
    preset = PRESETS["gamix_faces_paper"]
    assert {flag.name: flag.default for flag in preset.flags()}["discriminate_samples"] is False


def test_evaluation_has_no_adversarial_term(x):
    judged = Judged(adversarial_weight=50.0, rates=(0.0, 0.1))
    before = judged.values()
    figures = judged.model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)
    assert figures["loss"] == pytest.approx(figures["moment_kl"] + figures["variance_kl"] - figures["reconstruction"], rel=1e-5)
    assert len(judged.shown) == 1  # and nothing moves
    for name, value in judged.values().items():
        np.testing.assert_array_equal(value, before[name])
    losses, fake = judged.losses(x)
    without = judged.model.losses(vm.Batch(tf.constant(x)), [0, 0], training=False)["model"].figures["loss"]
    of_images = np.asarray(judged.model.score(fake))
    assert float(losses["model"].total - without) == pytest.approx(50 * np.mean((of_images - 1) ** 2) / 2, rel=1e-4)
