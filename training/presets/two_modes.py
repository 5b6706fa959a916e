"""The CP-VAE paper's synthetic data, two modes in one dimension, with one latent so that densities are exact by quadrature."""

import functools

from training.presets.cp_vae import CATEGORY_PRIORS
from training.presets.library import keras, vm
from training.presets.mog_vae import networks
from training.presets.parts import choose, vae_of
from training.presets.registry import Experiment, preset

PAPER = "CP-VAE Section 5.1: a figure, no number"
HIDDEN = (32, 32)


def two_modes(model, learning_rate):
    """Returns the experiment: Adam, the paper's batches of 100, 20 epochs of 400 steps, of which the first five are warm-up."""
    return Experiment(model, keras.optimizers.Adam(learning_rate), epochs=20, warm_up=5, patience=20)


def two_modes_vae(data, prior):
    """Returns a VAE of small tanh MLPs, whose likelihood learns its scale."""
    return vae_of(data, functools.partial(networks, hidden=HIDDEN), prior, likelihood=vm.LearnedScaleNormal())


@preset("cp_vae_toy", PAPER)
def vae_two_modes(data, *, learning_rate: float = 3e-3):
    """VAE with a standard normal prior, on the CP-VAE paper's two modes."""
    return two_modes(two_modes_vae(data, vm.StandardNormal(1)), learning_rate)


@preset("cp_vae_toy", PAPER)
def mog_prior_two_modes(data, *, num_components: int = 2, learn_weights: bool = False, learning_rate: float = 3e-3):
    """VAE with a learned mixture of normals as prior, on the two modes."""
    return two_modes(two_modes_vae(data, vm.NormalMixture(1, num_components, learn_weights)), learning_rate)


@preset("cp_vae_toy", PAPER)
def cp_vae_two_modes(
    data, *, num_components: int = 2, category_prior: str = "paper", initial_stddev: float = 1.0, learning_rate: float = 3e-3
):
    """CP-VAE on the two modes, by default as in the paper: a uniform p(c) in the bound, the aggregate posterior in the sampler."""
    weights, follow = choose("category-prior", CATEGORY_PRIORS, category_prior)
    model = vm.CPVAE(
        encoder=vm.networks.mlp(data.shape, num_components + 2, HIDDEN),
        decoder=vm.networks.joint_gated_mlp([(1,), (num_components,)], data.shape, HIDDEN[:1], HIDDEN[1:]),
        prior=vm.NormalMixture(1, num_components, initial_stddev=initial_stddev, **weights),
        likelihood=vm.LearnedScaleNormal(),
        **follow,
    )
    return two_modes(model, learning_rate)
