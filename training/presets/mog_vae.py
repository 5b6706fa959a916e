"""The MoG-VAE paper: a toy whose exact posterior has several modes, with a normal or a mixture as posterior and as prior."""

import functools

from training.presets.library import keras, toys, vm
from training.presets.parts import vae_of
from training.presets.registry import Experiment, preset

PAPER = "MoG-VAE Section 4: a figure, no number"


def networks(example_shape, num_outputs, latent_dim, output_shape, hidden):
    """Returns tanh MLPs; the paper does not state its networks."""
    return vm.networks.mlp(example_shape, num_outputs, hidden), vm.networks.mlp((latent_dim,), output_shape, hidden)


def toy(data, prior, posterior, learning_rate):
    """Returns the experiment: known noise, Adam, batches of 256, no warm-up, about 20,000 steps."""
    model = vae_of(data, functools.partial(networks, hidden=(64, 64)), prior, likelihood=vm.Normal(toys.NOISE), posterior=posterior)
    return Experiment(model, keras.optimizers.Adam(learning_rate), epochs=1050, batch_size=256, warm_up=0, patience=200)


@preset("mog_toy", PAPER)
def mfg_toy(data, *, learning_rate: float = 1e-3):
    """VAE with a normal posterior and a standard normal prior, on the MoG-VAE paper's toy."""
    return toy(data, vm.StandardNormal(1), vm.DiagonalNormal(), learning_rate)


@preset("mog_toy", PAPER)
def mog_posterior_toy(data, *, num_posterior_components: int = 10, learning_rate: float = 1e-3):
    """VAE with a mixture of normals as posterior and a standard normal prior, on the toy."""
    return toy(data, vm.StandardNormal(1), vm.NormalMixturePosterior(num_posterior_components), learning_rate)


@preset("mog_toy", PAPER)
def mog_prior_toy(data, *, num_components: int = 10, learning_rate: float = 1e-3):
    """VAE with a normal posterior and a learned mixture of normals as prior, on the toy."""
    return toy(data, vm.NormalMixture(1, num_components), vm.DiagonalNormal(), learning_rate)
