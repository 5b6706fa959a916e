"""The GMMpVAE paper: mixture posteriors and VampPriors made of them, and the importance-weighted rows of its Table 2."""

import keras_vaemix as vm
from training.presets import preset
from training.presets.cp_vae import NARROW, WIDE
from training.presets.parts import choose, digits_protocol, gated_vae, mnist_protocol

DIVERGENCES = {
    "mc": vm.divergences.MonteCarlo(),
    "variational": vm.divergences.Variational(),
    "matched": vm.divergences.Matched(),
    "component_softmin": vm.divergences.ComponentSoftmin(),
    "softmin": vm.divergences.Softmin(),
    "mean": vm.divergences.Mean(vm.divergences.Greedy()),  # the paper's
}


def gmmp(data, num_posterior_components, num_pseudo_inputs, kl, latent_dim, hidden, likelihood=None):
    """Returns a VAE with a mixture posterior and the VampPrior that is made of it."""
    return gated_vae(
        data,
        vm.VampPrior(latent_dim, num_pseudo_inputs, data.shape),
        hidden,
        vm.ELBO(kl=choose("kl", DIVERGENCES, kl)),
        likelihood,
        vm.NormalMixturePosterior(num_posterior_components),
    )


@preset("mnist", "GMMpVAE Table 1, MLPs, K = 100: -ELBO 85.90 / 78.63 / 74.69 for M = 1 / 2 / 3")
def gmmp_mnist(
    data,
    *,
    num_posterior_components: int = 2,
    num_pseudo_inputs: int = 100,
    kl: str = "mc",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
):
    """VAE with a mixture of M normals as posterior, and as prior the mixture of the posteriors of K pseudo-inputs."""
    return mnist_protocol(gmmp(data, num_posterior_components, num_pseudo_inputs, kl, latent_dim, WIDE), learning_rate)


@preset("digits", "none: GMMpVAE on the bundled digits")
def gmmp_digits(
    data,
    *,
    num_posterior_components: int = 2,
    num_pseudo_inputs: int = 50,
    kl: str = "mc",
    latent_dim: int = 16,
    learning_rate: float = 1e-3,
):
    """VAE with a mixture of M normals as posterior, and a VampPrior made of it, on 8x8 digits."""
    return digits_protocol(gmmp(data, num_posterior_components, num_pseudo_inputs, kl, latent_dim, NARROW), learning_rate)


def objective(num_samples, dreg):
    """Returns the importance-weighted bound with the plain or the doubly reparameterised gradient."""
    return (vm.DoublyReparameterized if dreg else vm.ImportanceWeighted)(num_samples)


@preset("mnist", "GMMpVAE Table 2, IWAE: log-likelihood -82.90, with 50 samples")
def iwae_mnist(data, *, num_samples: int = 50, dreg: bool = False, latent_dim: int = 40, learning_rate: float = 5e-4):
    """VAE with a standard normal prior, trained with the importance-weighted bound."""
    model = gated_vae(data, vm.StandardNormal(latent_dim), WIDE, objective(num_samples, dreg))
    return mnist_protocol(model, learning_rate)._replace(warm_up=0)


@preset("digits", "none: IWAE on the bundled digits")
def iwae_digits(data, *, num_samples: int = 20, dreg: bool = False, latent_dim: int = 16, learning_rate: float = 1e-3):
    """VAE trained with the importance-weighted bound, on 8x8 digits."""
    model = gated_vae(data, vm.StandardNormal(latent_dim), NARROW, objective(num_samples, dreg))
    return digits_protocol(model, learning_rate)._replace(warm_up=0)
