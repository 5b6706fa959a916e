"""The rival: the decoders of `python -m tests.benchmarks.serving` as a user of plain PyTorch would write them, with the same weights."""

import torch
from torch import nn

from tests.benchmarks import flex_ae_rival, torch_rival


def mlp(weights):
    """Returns the gated decoder with kernels [in, out] and biases in the order of our layers."""
    network = torch_rival.decoder()
    kernels = [torch.tensor(kernel).T for kernel in weights[0::2]]
    return served(network, [value for pair in zip(kernels, map(torch.tensor, weights[1::2]), strict=True) for value in pair], (28, 28, 1))


def conv(weights):
    """Returns the InfoGAN decoder; its maps are [C, H, W] here and [H, W, C] in our weights."""
    weights = list(map(torch.tensor, weights))
    (first, *of_first), (second, *of_second), (up, *of_up), (last, bias) = (weights[i : i + 5] for i in (0, 5, 10, 15))
    channels, filters = up.shape[2:]
    network = flex_ae_rival.info_gan_decoder(len(first), first.shape[1], (channels, filters))
    by_channel = lambda value: value.unflatten(-1, (-1, filters)).movedim(-1, -2).flatten(-2)  # noqa: E731
    dense = [first.T, *of_first, by_channel(second).T, *map(by_channel, of_second)]
    return served(network, [*dense, up.permute(3, 2, 0, 1), *of_up, last.permute(3, 2, 0, 1), bias], None)


def served(network, values, shape):
    """Returns a network of logits with a sigmoid, after setting all its parameters and moments to values."""
    held = [value for name, value in network.state_dict().items() if "num_batches" not in name]
    for one, value in zip(held, values, strict=True):
        one.copy_(value)
    image = nn.Unflatten(1, shape) if shape else ChannelsLast()
    return nn.Sequential(network, nn.Sigmoid(), image).eval()


class ChannelsLast(nn.Module):
    """From [B, C, H, W] to [B, H, W, C]."""

    def forward(self, x):
        return x.movedim(1, -1)
