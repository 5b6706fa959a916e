"""The importance-weighted rows that the GMMpVAE paper's Table 2 is compared with."""

import keras_vaemix as vm
from training.presets import preset
from training.presets.cp_vae import NARROW, WIDE
from training.presets.parts import digits_protocol, gated_vae, mnist_protocol


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
