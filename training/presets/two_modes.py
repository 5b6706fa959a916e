"""The CP-VAE paper's two modes in one dimension: with one latent, so that densities are exact by quadrature, or its own forty."""

import functools

from training.presets.cp_vae import CATEGORY_PRIORS
from training.presets.library import keras, vm
from training.presets.mog_vae import networks
from training.presets.parts import choose, mlp_networks, vae_of
from training.presets.registry import Experiment, preset

PAPER = "CP-VAE Section 5.1: a figure, no number"
TANH, GATED, GLOROT = (32, 32), (300, 300), {"kernel_initializer": "glorot_uniform"}  # the last two are the paper's
NETWORKS = {
    "tanh": functools.partial(networks, hidden=TANH),
    "gated": functools.partial(mlp_networks, hidden=GATED, start=GLOROT["kernel_initializer"]),
}
CATEGORICAL = {  # encoder and decoder of a CP-VAE, from the numbers of outputs of the encoder, of latents and of categories
    "tanh": lambda shape, n, d, k: (vm.networks.mlp(shape, n, TANH), vm.networks.joint_gated_mlp([(d,), (k,)], shape, TANH[:1], TANH[1:])),
    "gated": lambda shape, n, d, k: (
        vm.networks.gated_mlp(shape, n, GATED, **GLOROT),
        vm.networks.joint_gated_mlp([(d,), (k,)], shape, GATED[:1], GATED[1:], **GLOROT),
    ),
}


def two_modes(model, learning_rate):
    """Returns the experiment: Adam, the paper's batches of 100, 20 epochs of 400 steps, of which the first five are warm-up."""
    return Experiment(model, keras.optimizers.Adam(learning_rate), epochs=20, warm_up=5, patience=20)


def two_modes_vae(data, prior, networks):
    """Returns a VAE whose likelihood learns its scale."""
    return vae_of(data, choose("networks", NETWORKS, networks), prior, likelihood=vm.LearnedScaleNormal())


@preset("cp_vae_toy", PAPER)
def vae_two_modes(data, *, latent_dim: int = 1, networks: str = "tanh", learning_rate: float = 3e-3):
    """VAE with a standard normal prior, on the CP-VAE paper's two modes."""
    return two_modes(two_modes_vae(data, vm.StandardNormal(latent_dim), networks), learning_rate)


@preset("cp_vae_toy", PAPER)
def mog_prior_two_modes(
    data,
    *,
    num_components: int = 2,
    learn_weights: bool = False,
    latent_dim: int = 1,
    networks: str = "tanh",
    learning_rate: float = 3e-3,
):
    """VAE with a learned mixture of normals as prior, on the two modes."""
    return two_modes(two_modes_vae(data, vm.NormalMixture(latent_dim, num_components, learn_weights), networks), learning_rate)


@preset("cp_vae_toy", PAPER)
def cp_vae_two_modes(
    data,
    *,
    num_components: int = 2,
    category_prior: str = "paper",
    initial_stddev: float = 1.0,
    latent_dim: int = 1,
    networks: str = "tanh",
    learning_rate: float = 3e-3,
):
    """CP-VAE on the two modes, by default as in the paper: a uniform p(c) in the bound, the aggregate posterior in the sampler."""
    weights, follow = choose("category-prior", CATEGORY_PRIORS, category_prior)
    make = choose("networks", CATEGORICAL, networks)
    model = vm.CPVAE(
        *make(data.shape, num_components + 2 * latent_dim, latent_dim, num_components),
        prior=vm.NormalMixture(latent_dim, num_components, initial_stddev=initial_stddev, **weights),
        likelihood=vm.LearnedScaleNormal(),
        **follow,
    )
    return two_modes(model, learning_rate)
