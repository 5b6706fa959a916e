"""The rival: GAMIX-VAE with its discriminator as a user of plain PyTorch would write it, for 64x64 or 256x256 images.

It is measured by `python -m tests.benchmarks.gamix_speed`, and on a GPU by `gpu_rivals`. Where PyTorch offers a faster idiom that is
equally readable, the rival uses it: fused optimizers, gradients only for what an optimizer updates, one call of the decoder for
reconstructions and draws, and channels-last maps, which take two thirds of the time. Its strided convolutions pad both sides equally: it
is our network on mirrored images.
"""

import itertools
import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from tests.benchmarks.flex_ae_rival import Optimizer

SIDE = 4  # of the last map
SCALE, TARGET_VARIANCE, LIMITS = 0.05, 0.1, (-6.0, 2.0)
FLOOR, EPSILON = 1e-6, 1e-3


class Sizes(NamedTuple):
    """The sizes of the networks.

    Attributes:
        latent_dim: Number of latents D.
        filters: Channels of each stage of encoder and decoder, which halves or doubles the map.
        depth: Number of residual blocks in a stage.
        discriminator_filters: Channels of its convolutions except for the scores; all but the last halve the map.
    """

    latent_dim: int
    filters: tuple
    depth: int
    discriminator_filters: tuple


FACES = Sizes(128, (16, 32, 64, 128), 1, (16, 32, 64))
CELEBA_HQ = Sizes(256, (64, 128, 256, 512, 512, 512), 2, (64, 128, 256, 512))


class Residual(nn.Module):
    """The sum of a shortcut and f."""

    def __init__(self, shortcut, f):
        super().__init__()
        self.shortcut, self.f = nn.Sequential(*shortcut), nn.Sequential(*f)

    def forward(self, h):
        return self.shortcut(h) + self.f(h)


def pre_activation(channels):
    return nn.GroupNorm(min(32, channels // 4), channels, EPSILON), nn.ReLU()


def convolution(size_in, size_out, stride=1):
    return nn.Conv2d(size_in, size_out, 3, stride, 1)


def projection(size_in, size_out):
    return [] if size_in == size_out else [nn.Conv2d(size_in, size_out, 1)]


def second_half(channels):
    return *pre_activation(channels), convolution(channels, channels)


def down(size_in, size_out):
    """Returns the block that halves a map: f by its stride, the shortcut by averaging."""
    first = *pre_activation(size_in), convolution(size_in, size_out, 2)
    return Residual([nn.AvgPool2d(2), *projection(size_in, size_out)], [*first, *second_half(size_out)])


def up(size_in, size_out):
    """Returns the block that doubles a map by repeating its pixels."""
    first = *pre_activation(size_in), nn.Upsample(scale_factor=2), convolution(size_in, size_out)
    return Residual([*projection(size_in, size_out), nn.Upsample(scale_factor=2)], [*first, *second_half(size_out)])


def stages(first_block, filters, depth):
    """Returns the residual blocks of all stages, of which `first_block` makes each first one."""
    blocks = []
    for size_in, size_out in itertools.pairwise((filters[0], *filters)):
        same = [Residual([], [*second_half(size_out), *second_half(size_out)]) for _ in range(depth - 1)]
        blocks += [first_block(size_in, size_out), *same]
    return blocks


def encoder(sizes):
    """Returns the ResNetV2 from images [B, 3, H, W] to means and log-variances."""
    first, last = sizes.filters[0], sizes.filters[-1]
    outputs = nn.Flatten(), nn.Linear(last * SIDE**2, 2 * sizes.latent_dim)
    return nn.Sequential(convolution(3, first), *stages(down, sizes.filters, sizes.depth), *pre_activation(last), *outputs)


def decoder(sizes):
    """Returns the ResNetV2 from latents to images."""
    last, first = sizes.filters[0], sizes.filters[-1]
    inputs = nn.Linear(sizes.latent_dim, first * SIDE**2), nn.Unflatten(1, (first, SIDE, SIDE))
    outputs = *pre_activation(last), convolution(last, 3), nn.Sigmoid()
    return nn.Sequential(*inputs, *stages(up, sizes.filters[::-1], sizes.depth), *outputs)


def discriminator(sizes):
    """Returns the PatchGAN, with instance normalisation in all but the first layer and the scores."""
    first, *rest = sizes.discriminator_filters
    layers = [nn.Conv2d(3, first, 4, 2, 1), nn.LeakyReLU(0.2)]
    for size_in, size_out, stride in zip((first, *rest), rest, (*(2,) * (len(rest) - 1), 1), strict=False):
        layers += [nn.Conv2d(size_in, size_out, 4, stride, 1, bias=False), nn.GroupNorm(size_out, size_out, EPSILON), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(rest[-1], 1, 4, 1, 1))


def divergence(mean, variance):
    """Returns KL(N(mean, variance) || N(0, I)), summed over latents."""
    return 0.5 * (variance + mean.square() - 1 - variance.log()).sum(dim=-1)


class GAMIX:
    """The three networks, two optimizers, and their step. If compiled, each loss is one graph."""

    def __init__(self, adversarial_weight, is_compiled=False, sizes=FACES):
        self.adversarial_weight, self.latent_dim = adversarial_weight, sizes.latent_dim
        networks = encoder(sizes), decoder(sizes), discriminator(sizes)
        self.encoder, self.decoder, self.discriminator = (network.to(memory_format=torch.channels_last) for network in networks)
        adam = 2e-4, 0.5, 0.999
        self.optimizers = {"model": Optimizer([self.encoder, self.decoder], *adam), "discriminator": Optimizer([self.discriminator], *adam)}
        if is_compiled:
            self.images_and_loss = torch.compile(self.images_and_loss)
            self.discriminator_loss, self.generator_loss = torch.compile(self.discriminator_loss), torch.compile(self.generator_loss)

    def num_parameters(self):
        """Returns the number of trained values."""
        return sum(parameter.numel() for optimizer in self.optimizers.values() for parameter in optimizer.parameters)

    def images_and_loss(self, x, noise):
        """Returns reconstructions and draws [2 B, 3, H, W], the reconstruction term, and the loss (13) without the adversarial term."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        log_variance = F.hardtanh(log_variance, *LIMITS)
        variance, center = log_variance.exp(), mean.mean(dim=0)
        spread = mean.var(dim=0, correction=0) + variance.mean(dim=0) + FLOOR
        z = mean + (0.5 * log_variance).exp() * noise[0]
        fresh = (center + spread.sqrt() * noise[1]).detach()
        images = self.decoder(torch.cat([z, fresh]))
        absolute = (x - images[: len(x)]).abs().sum(dim=(1, 2, 3)).mean()
        reconstruction = -absolute / SCALE - x[0].numel() * math.log(2 * SCALE)
        variance_kl = divergence(torch.zeros_like(mean), variance / TARGET_VARIANCE).mean()
        return images, reconstruction, divergence(center, spread) + variance_kl - reconstruction

    def discriminator_loss(self, x, fake):
        """Returns the discriminator's least-squares loss."""
        return 0.5 * ((self.discriminator(x) - 1).square().mean() + self.discriminator(fake).square().mean())

    def generator_loss(self, fake):
        """Returns the least-squares loss against the discriminator."""
        return 0.5 * (self.discriminator(fake) - 1).square().mean()

    def step(self, x):
        """Takes a training step on x [B, 3, H, W] and returns the reconstruction term and the discriminator's loss."""
        images, reconstruction, loss = self.images_and_loss(x, torch.randn(2, len(x), self.latent_dim, device=x.device))
        discriminator_loss = self.optimizers["discriminator"].minimize(self.discriminator_loss(x, images.detach()))
        self.discriminator.requires_grad_(False)  # if compiled, its gradients would be taken in the model's update too
        self.optimizers["model"].minimize(loss + self.adversarial_weight * self.generator_loss(images))
        self.discriminator.requires_grad_(True)
        return torch.stack([reconstruction.detach(), discriminator_loss])


def pixels(images):
    """Returns 8-bit images [N, 64, 64, 3] as [N, 3, 64, 64] in [0, 1], channels last in memory."""
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 255


def train(model, x, steps, batch_size):
    """Takes `steps` steps over images x [N, 3, 64, 64] in a new order, and returns the means of their figures."""
    order, total = torch.randperm(len(x)), 0.0
    for i in range(steps):
        start = i * batch_size % (len(x) - batch_size + 1)
        total = total + model.step(x[order[start : start + batch_size]])
    return (total / steps).tolist()
