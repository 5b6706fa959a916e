"""The GMMpVAE paper: mixture posteriors and VampPriors made of them, and the importance-weighted rows of its Table 2."""

import functools

import keras_vaemix as vm
from training.presets import preset
from training.presets.cp_vae import NARROW, WIDE
from training.presets.parts import choose, conv_networks, digits_protocol, gated_vae, mlp_networks, mnist_protocol, pixel_networks, vae_of

DIVERGENCES = {
    "mc": vm.divergences.MonteCarlo(),
    "variational": vm.divergences.Variational(),
    "matched": vm.divergences.Matched(),
    "component_softmin": vm.divergences.ComponentSoftmin(),
    "softmin": vm.divergences.Softmin(),
    "mean": vm.divergences.Mean(vm.divergences.Greedy()),  # the paper's
}


NETWORKS = {
    "mlp": (mlp_networks, vm.VAE),
    "conv": (conv_networks, vm.VAE),
    "pixel": (pixel_networks, vm.PixelVAE),
}


def gmmp(data, num_posterior_components, num_pseudo_inputs, kl, networks, latent_dim, likelihood=None, model=vm.VAE, **start):
    """Returns a VAE with a mixture posterior and the VampPrior that is made of it; `start` says how its pseudo-inputs start."""
    prior = vm.VampPrior(latent_dim, num_pseudo_inputs, data.shape, **start)
    objective = vm.ELBO(kl=choose("kl", DIVERGENCES, kl))
    return vae_of(data, networks, prior, objective, likelihood, vm.NormalMixturePosterior(num_posterior_components), model)


@preset("mnist", "GMMpVAE Table 1, K = 100: -ELBO 85.90 / 78.63 / 74.69 (MLPs), 83.82 / 76.15 / 71.10 (CNN) for M = 1 / 2 / 3")
def gmmp_mnist(
    data,
    *,
    num_posterior_components: int = 2,
    num_pseudo_inputs: int = 100,
    kl: str = "mc",
    decoder: str = "mlp",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
):
    """VAE with a mixture of M normals as posterior, and as prior the mixture of the posteriors of K pseudo-inputs."""
    networks, model = choose("decoder", NETWORKS, decoder)
    vae = gmmp(data, num_posterior_components, num_pseudo_inputs, kl, networks, latent_dim, model=model)
    return mnist_protocol(vae, learning_rate)


@preset("omniglot", "GMMpVAE Table 3: -ELBO 93.56 (CNN, M = 3), 79.92 (Pixel, M = 3)")
def gmmp_omniglot(
    data,
    *,
    num_posterior_components: int = 2,
    num_pseudo_inputs: int = 100,
    kl: str = "mc",
    decoder: str = "mlp",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
):
    """GMMpVAE on Omniglot: a mixture of M normals as posterior, and a VampPrior made of it."""
    networks, model = choose("decoder", NETWORKS, decoder)
    vae = gmmp(data, num_posterior_components, num_pseudo_inputs, kl, networks, latent_dim, model=model)
    return mnist_protocol(vae, learning_rate)


@preset("frey_faces", "GMMpVAE Table 4: -ELBO 1685.62 +- 17.52")
def gmmp_frey_faces(
    data,
    *,
    num_posterior_components: int = 2,
    num_pseudo_inputs: int = 100,
    kl: str = "mc",
    decoder: str = "mlp",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
):
    """GMMpVAE on the Frey faces, with a discretised logistic likelihood."""
    networks, model = choose("decoder", NETWORKS, decoder)
    start = {"initial_mean": 0.5, "initial_stddev": 0.02}
    likelihood = vm.DiscretizedLogistic()
    vae = gmmp(data, num_posterior_components, num_pseudo_inputs, kl, networks, latent_dim, likelihood, model, **start)
    return mnist_protocol(vae, learning_rate)


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
    """GMMpVAE on 8x8 digits."""
    networks = functools.partial(mlp_networks, hidden=NARROW)
    return digits_protocol(gmmp(data, num_posterior_components, num_pseudo_inputs, kl, networks, latent_dim), learning_rate)


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
