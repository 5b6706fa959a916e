"""The rival: CP-VAE as a user of plain PyTorch would write it, with gated heads and one straight-through category.

It is measured on a GPU by `python -m tests.benchmarks.gpu_rivals`. The divergence is exact: that of the categories, and that of the
normals for every category by PyTorch's own formula, [B, K, D].
"""

import math

import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn import functional as F

from tests.benchmarks.torch_rival import LATENT_DIM, NUM_PIXELS, Joint, NormalMixture, cross_entropy, moments, perceptron


class GatedHeads(nn.Module):
    """q(z|x, c) = N(g mu(x) + v, (r sigma(x))^2) with gate g, shift v and factor r of each category."""

    def __init__(self, num_components):
        super().__init__()
        self.raw_gate, self.shift, self.log_factor = (nn.Parameter(torch.zeros(num_components, LATENT_DIM)) for _ in range(3))

    def coefficients(self):
        """Returns g, v and r, each [K, D]."""
        return 2 * torch.sigmoid(self.raw_gate), self.shift, self.log_factor.exp()


class CPVAE(nn.Module):
    """The model: its forward pass is the loss of a batch, the negative ELBO in nats, and updates the running mean of q(c|x)."""

    def __init__(self, num_components, temperature=1.0, aggregate_rate=0.01):
        super().__init__()
        self.num_components, self.temperature, self.aggregate_rate = num_components, temperature, aggregate_rate
        self.encoder = perceptron(NUM_PIXELS, num_components + 2 * LATENT_DIM)
        self.decoder = Joint((LATENT_DIM, num_components), NUM_PIXELS)
        self.prior, self.heads = NormalMixture(num_components, spread=0.05), GatedHeads(num_components)
        self.register_buffer("aggregate", torch.full((num_components,), 1 / num_components))

    def forward(self, x):
        logits, params = self.encoder(x).split((self.num_components, 2 * LATENT_DIM), dim=1)
        log_q, (mean, log_variance) = logits.log_softmax(dim=1), moments(params)
        scale, (gate, shift, factor) = torch.exp(0.5 * log_variance), self.heads.coefficients()
        c = F.gumbel_softmax(log_q, self.temperature, hard=True)  # [B, K]
        z = Normal(c @ gate * mean + c @ shift, c @ factor * scale).rsample()
        every = Independent(Normal(gate * mean[:, None] + shift, factor * scale[:, None]), 1)  # batch [B, K]
        kl_of_normals = kl_divergence(every, self.prior.components(None))
        kl = (log_q.exp() * (log_q + math.log(self.num_components) + kl_of_normals)).sum(dim=1)
        self.aggregate.lerp_(log_q.detach().exp().mean(dim=0), self.aggregate_rate)
        return (cross_entropy(self.decoder(z, c), x) + kl).mean()
