"""The two-level baselines of the CP-VAE paper's Table 1, by the VampPrior protocol."""

import keras_vaemix as vm
from training.presets import preset
from training.presets.cp_vae import NARROW, WIDE
from training.presets.parts import choose, digits_protocol, mnist_protocol


def mlp_levels(shape, size, hidden=WIDE):
    """Returns the gated perceptrons of Tomczak & Welling's HVAE, by the names of the model's arguments."""
    networks, (first, second) = vm.networks, hidden
    return {
        "top_encoder": networks.gated_mlp(shape, 2 * size, hidden),
        "encoder": networks.joint_gated_mlp([shape, (size,)], 2 * size, (first,), (second,)),
        "conditional": networks.gated_mlp((size,), 2 * size, hidden),
        "decoder": networks.joint_gated_mlp([(size,), (size,)], shape, (first,), (second,)),
    }


def conv_levels(shape, size):
    """Returns the gated convolutions of their ConvHVAE."""
    networks = vm.networks
    return {
        "top_encoder": networks.gated_conv_encoder(shape, 2 * size),
        "encoder": networks.joint_conv_encoder(shape, size, 2 * size),
        "conditional": networks.gated_mlp((size,), 2 * size),
        "decoder": networks.joint_conv_decoder((size, size), shape),
    }


def pixel_levels(shape, size):
    """Returns the same with a PixelCNN as decoder: their PixelHVAE."""
    return {**conv_levels(shape, size), "decoder": vm.networks.PixelCNN(2 * size, shape, shape[-1])}


NETWORKS = {
    "mlp": (mlp_levels, vm.HierarchicalVAE),
    "conv": (conv_levels, vm.HierarchicalVAE),
    "pixel": (pixel_levels, vm.PixelHierarchicalVAE),
}


def hierarchical_vae(data, prior, networks):
    """Returns a two-level VAE with as many latents in each level, and a Bernoulli likelihood."""
    levels, model = choose("networks", NETWORKS, networks)
    return model(**levels(data.shape, prior.latent_dim), prior=prior, likelihood=vm.Bernoulli())


@preset("mnist", "CP-VAE Table 1, HVAE: -ELBO 86.7")
def hvae_mnist(data, *, networks: str = "mlp", latent_dim: int = 40, learning_rate: float = 5e-4):
    """Two-level VAE with a standard normal prior on the upper level."""
    return mnist_protocol(hierarchical_vae(data, vm.StandardNormal(latent_dim), networks), learning_rate)


@preset("mnist", "CP-VAE Table 1, HVP: -ELBO 85.90 / 85.09 / 85.01 for K = 10 / 150 / 500")
def hvamp_mnist(data, *, num_components: int = 10, latent_dim: int = 40, networks: str = "mlp", learning_rate: float = 5e-4):
    """Two-level VAE with a VampPrior on the upper level."""
    prior = vm.VampPrior(latent_dim, num_components, data.shape)
    return mnist_protocol(hierarchical_vae(data, prior, networks), learning_rate)


@preset("omniglot", "CP-VAE Table 1, HVAE: -ELBO 110.81 (on another split)")
def hvae_omniglot(data, *, networks: str = "mlp", latent_dim: int = 40, learning_rate: float = 5e-4):
    """Two-level VAE with a standard normal prior on the upper level, on Omniglot."""
    return mnist_protocol(hierarchical_vae(data, vm.StandardNormal(latent_dim), networks), learning_rate)


@preset("omniglot", "CP-VAE Table 1, HVP: -ELBO 110.50 / 110.16 for K = 50 / 500 (on another split)")
def hvamp_omniglot(data, *, num_components: int = 50, latent_dim: int = 40, networks: str = "mlp", learning_rate: float = 5e-4):
    """Two-level VAE with a VampPrior on the upper level, on Omniglot."""
    prior = vm.VampPrior(latent_dim, num_components, data.shape)
    return mnist_protocol(hierarchical_vae(data, prior, networks), learning_rate)


def small(data, prior):
    """Returns a two-level VAE of small perceptrons."""
    return vm.HierarchicalVAE(**mlp_levels(data.shape, prior.latent_dim, NARROW), prior=prior, likelihood=vm.Bernoulli())


@preset("digits", "none: HVAE on the bundled digits")
def hvae_digits(data, *, latent_dim: int = 16, learning_rate: float = 1e-3):
    """Two-level VAE with a standard normal prior on the upper level, on 8x8 digits."""
    return digits_protocol(small(data, vm.StandardNormal(latent_dim)), learning_rate)


@preset("digits", "none: HVP on the bundled digits")
def hvamp_digits(data, *, num_components: int = 50, latent_dim: int = 16, learn_weights: bool = True, learning_rate: float = 1e-3):
    """Two-level VAE with a VampPrior that starts from data on the upper level, on 8x8 digits."""
    prior = vm.VampPrior(latent_dim, num_components, data.shape, learn_weights)
    prior.adapt(data.train.x)
    return digits_protocol(small(data, prior), learning_rate)
