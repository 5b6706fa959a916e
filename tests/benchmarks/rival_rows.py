"""The rows of `python -m tests.benchmarks.gpu_rivals`: our presets in plain PyTorch, with their batches made on the device."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from tests.benchmarks import cp_vae_rival, flex_ae_rival, gamix_rival, gmmp_rival, hvamp_rival, torch_rival
from tests.benchmarks.torch_steps import Descent

EAGER, COMPILED, GRAPH, COMPILED_GRAPH = "eager", "compiled", "graph", "compiled_graph"
KINDS = (EAGER, GRAPH, COMPILED, COMPILED_GRAPH)


class Row(NamedTuple):
    """What is measured.

    Attributes:
        preset: Name of our preset, and its keywords.
        build: Function of whether it is compiled that returns an object with `step(x)` and `num_parameters()`.
        batch_size: The preset's batch size.
        side: Side of the images: 28 for digits, which are given; larger images are random and in colour.
        examples: Function from 8-bit images [B, *] to a batch.
        kinds: Those of `KINDS` that are measured.
        factors: Factors of its batch size that are measured, if requested.
    """

    preset: tuple
    build: Callable
    batch_size: int
    side: int
    examples: Callable
    kinds: tuple = KINDS
    factors: tuple = (1, 8)


def binarized(images):
    """Returns digits [B, 784] binarised at random."""
    return torch.bernoulli(images.flatten(1).float() / 255)


def grey(images):
    """Returns digits [B, 1, 28, 28] in [0, 1]."""
    return images.unsqueeze(1).float() / 255


def coloured(images):
    """Returns images [B, 3, H, W] in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() / 255


def digits(preset, make, *sizes, **keywords):
    """Returns the row of a model whose forward pass is its loss."""
    return Row((preset, keywords), lambda is_compiled: Descent(make(*sizes), is_compiled), 100, 28, binarized)


def mixture(preset, prior, num_components):
    return digits(preset, lambda: torch_rival.VAE(prior(num_components)), num_components=num_components)


def faces(preset, side, adversarial_weight, sizes, **settings):
    build = lambda is_compiled: gamix_rival.GAMIX(adversarial_weight, is_compiled, sizes)  # noqa: E731
    return Row((preset, {}), build, 64, side, coloured, **settings)


def flex_ae(is_compiled):
    """Returns FlexAE, uncompiled: its critic is differentiated twice, which PyTorch does not compile."""
    return flex_ae_rival.FlexAE(latent_dim=32, hidden=1024, critic_units=1024)


ROWS = {
    "vae_mnist": digits("vae_mnist", lambda: torch_rival.VAE(torch_rival.StandardNormal())),
    "vamp_mnist_500": mixture("vamp_mnist", torch_rival.VampPrior, 500),
    "cp_vae_mnist_10": digits("cp_vae_mnist", cp_vae_rival.CPVAE, 10, num_components=10),
    "gamix_faces": faces("gamix_faces", 64, 5000.0, gamix_rival.FACES),
    "mog_prior_mnist_500": mixture("mog_prior_mnist", torch_rival.NormalMixture, 500),
    "mog_prior_mnist_5000": mixture("mog_prior_mnist", torch_rival.NormalMixture, 5000),
    "vamp_mnist_5000": mixture("vamp_mnist", torch_rival.VampPrior, 5000),
    "cp_vae_mnist_500": digits("cp_vae_mnist", cp_vae_rival.CPVAE, 500, num_components=500),
    "gmmp_mnist_3": digits("gmmp_mnist", gmmp_rival.GMMpVAE, 3, 100, num_posterior_components=3),
    "hvamp_mnist": digits("hvamp_mnist", hvamp_rival.HVAMP, 10),
    "flex_ae_mnist": Row(("flex_ae_mnist", {}), flex_ae, 128, 28, grey, kinds=(EAGER, GRAPH)),
    "gamix_celeba_hq": faces("gamix_celeba_hq", 256, 80000.0, gamix_rival.CELEBA_HQ, kinds=(EAGER,), factors=(1,)),
}
