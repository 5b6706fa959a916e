"""The rows of `python -m tests.benchmarks.gpu_rivals`: our presets in plain PyTorch, with their batches made on the device."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from tests.benchmarks import cp_vae_rival, flex_ae_rival, gamix_rival, gmmp_rival, hvamp_rival, torch_rival
from tests.benchmarks.gpu_presets import GPU_PRESETS, GPUPreset
from tests.benchmarks.torch_steps import Descent

EAGER, COMPILED, GRAPH, COMPILED_GRAPH = "eager", "compiled", "graph", "compiled_graph"
KINDS = (EAGER, GRAPH, COMPILED, COMPILED_GRAPH)


class Row(NamedTuple):
    """What is measured.

    Attributes:
        ours: Our preset.
        build: Function of whether it is compiled that returns an object with `step(x)` and `num_parameters()`.
        examples: Function from 8-bit images [B, *] to a batch.
        kinds: Those of `KINDS` that are measured.
    """

    ours: GPUPreset
    build: Callable
    examples: Callable
    kinds: tuple = KINDS


def binarized(images):
    """Returns digits [B, 784] binarised at random."""
    return torch.bernoulli(images.flatten(1).float() / 255)


def grey(images):
    """Returns digits [B, 1, 28, 28] in [0, 1]."""
    return images.unsqueeze(1).float() / 255


def coloured(images):
    """Returns images [B, 3, H, W] in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() / 255


def digits(name, make, *sizes):
    """Returns the named row of a model whose forward pass is its loss."""
    return name, Row(GPU_PRESETS[name], lambda is_compiled: Descent(make(*sizes), is_compiled), binarized)


def mixture(name, prior, num_components):
    return digits(name, lambda: torch_rival.VAE(prior(num_components)))


def faces(name, adversarial_weight, sizes):
    build = lambda is_compiled: gamix_rival.GAMIX(adversarial_weight, is_compiled, sizes)  # noqa: E731
    return name, Row(GPU_PRESETS[name], build, coloured)


def flex_ae(is_compiled):
    """Returns FlexAE, uncompiled: its critic is differentiated twice, which PyTorch does not compile."""
    return flex_ae_rival.FlexAE(latent_dim=32, hidden=1024, critic_units=1024)


ROWS = dict(
    [
        digits("vae_mnist", lambda: torch_rival.VAE(torch_rival.StandardNormal())),
        mixture("vamp_mnist_500", torch_rival.VampPrior, 500),
        digits("cp_vae_mnist_10", cp_vae_rival.CPVAE, 10),
        faces("gamix_faces", 5000.0, gamix_rival.FACES),
        ("flex_ae_mnist", Row(GPU_PRESETS["flex_ae_mnist"], flex_ae, grey, kinds=(EAGER, GRAPH))),
        digits("gmmp_mnist_3", gmmp_rival.GMMpVAE, 3, 100),
        digits("hvamp_mnist", hvamp_rival.HVAMP, 10),
        mixture("mog_prior_mnist_500", torch_rival.NormalMixture, 500),
        mixture("mog_prior_mnist_5000", torch_rival.NormalMixture, 5000),
        mixture("vamp_mnist_5000", torch_rival.VampPrior, 5000),
        digits("cp_vae_mnist_500", cp_vae_rival.CPVAE, 500),
        faces("gamix_celeba_hq", 80000.0, gamix_rival.CELEBA_HQ),
    ]
)
