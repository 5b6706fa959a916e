"""The baselines of the CP-VAE paper's Table 1, by the VampPrior protocol, and the same on the bundled digits."""

import keras_vaemix as vm
from training.presets import preset
from training.presets.parts import digits_protocol, gated_vae, mnist_protocol

WIDE, NARROW = (300, 300), (128, 128)


@preset("mnist", "CP-VAE Table 1, VAE: -ELBO 88.75")
def vae_mnist(data, *, latent_dim: int = 40, learning_rate: float = 5e-4):
    """VAE with a standard normal prior."""
    return mnist_protocol(gated_vae(data, vm.StandardNormal(latent_dim), WIDE), learning_rate)


@preset("mnist", "CP-VAE Table 1, CP1: a learned normal prior, equivalent to VAE")
def learned_prior_mnist(data, *, latent_dim: int = 40, learning_rate: float = 5e-4):
    """VAE with one learned normal as prior."""
    return mnist_protocol(gated_vae(data, vm.LearnedNormal(latent_dim), WIDE), learning_rate)


@preset("mnist", "CP-VAE Table 1, MG: -ELBO 89.43 / 88.96 / 88.85 for K = 10 / 150 / 500")
def mog_prior_mnist(data, *, num_components: int = 10, latent_dim: int = 40, learn_weights: bool = False, learning_rate: float = 5e-4):
    """VAE with a learned mixture of diagonal normals as prior."""
    return mnist_protocol(gated_vae(data, vm.NormalMixture(latent_dim, num_components, learn_weights), WIDE), learning_rate)


@preset("mnist", "CP-VAE Table 1, VP: -ELBO 87.94 / 86.55 / 86.07 for K = 10 / 150 / 500; log-likelihood -82.38 (K = 500)")
def vamp_mnist(data, *, num_components: int = 500, latent_dim: int = 40, learn_weights: bool = False, learning_rate: float = 5e-4):
    """VAE with a VampPrior."""
    prior = vm.VampPrior(latent_dim, num_components, data.shape, learn_weights)
    return mnist_protocol(gated_vae(data, prior, WIDE), learning_rate)


@preset("omniglot", "CP-VAE Table 1, VAE: -ELBO 115.06 (on another split)")
def vae_omniglot(data, *, latent_dim: int = 40, learning_rate: float = 5e-4):
    """VAE with a standard normal prior, on Omniglot."""
    return vae_mnist(data, latent_dim=latent_dim, learning_rate=learning_rate)


@preset("omniglot", "CP-VAE Table 1, MG: -ELBO 116.31 / 116.12 for K = 50 / 500 (on another split)")
def mog_prior_omniglot(data, *, num_components: int = 50, latent_dim: int = 40, learn_weights: bool = False, learning_rate: float = 5e-4):
    """VAE with a learned mixture of diagonal normals as prior, on Omniglot."""
    flags = {"num_components": num_components, "latent_dim": latent_dim, "learn_weights": learn_weights}
    return mog_prior_mnist(data, learning_rate=learning_rate, **flags)


@preset("omniglot", "CP-VAE Table 1, VP: -ELBO 114.01 / 113.74 for K = 50 / 500 (on another split)")
def vamp_omniglot(data, *, num_components: int = 50, latent_dim: int = 40, learn_weights: bool = False, learning_rate: float = 5e-4):
    """VAE with a VampPrior, on Omniglot."""
    flags = {"num_components": num_components, "latent_dim": latent_dim, "learn_weights": learn_weights}
    return vamp_mnist(data, learning_rate=learning_rate, **flags)


@preset("digits", "none: the first row of the CP-VAE paper's Table 1, on the bundled digits")
def vae_digits(data, *, latent_dim: int = 16, learning_rate: float = 1e-3):
    """VAE with a standard normal prior, on 8x8 digits."""
    return digits_protocol(gated_vae(data, vm.StandardNormal(latent_dim), NARROW), learning_rate)


@preset("digits", "none: CP1 on the bundled digits")
def learned_prior_digits(data, *, latent_dim: int = 16, learning_rate: float = 1e-3):
    """VAE with one learned normal as prior, on 8x8 digits."""
    return digits_protocol(gated_vae(data, vm.LearnedNormal(latent_dim), NARROW), learning_rate)


@preset("digits", "none: MG on the bundled digits")
def mog_prior_digits(data, *, num_components: int = 10, latent_dim: int = 16, learn_weights: bool = False, learning_rate: float = 1e-3):
    """VAE with a learned mixture of diagonal normals as prior, on 8x8 digits."""
    return digits_protocol(gated_vae(data, vm.NormalMixture(latent_dim, num_components, learn_weights), NARROW), learning_rate)


@preset("digits", "none: VP on the bundled digits")
def vamp_digits(data, *, num_components: int = 50, latent_dim: int = 16, learn_weights: bool = True, learning_rate: float = 1e-3):
    """VAE with a VampPrior that starts from data, on 8x8 digits."""
    prior = vm.VampPrior(latent_dim, num_components, data.shape, learn_weights)
    prior.adapt(data.train.x)
    return digits_protocol(gated_vae(data, prior, NARROW), learning_rate)
