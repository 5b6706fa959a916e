"""The rival: the VAE with a mixture posterior, and a VampPrior built from such, as a user of plain PyTorch would write it.

It is measured on a GPU by `python -m tests.benchmarks.gpu_rivals`. Every component of the posterior is drawn and decoded, and the
divergence is estimated at the draws.
"""

import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.nn import functional as F

from tests.benchmarks.torch_rival import LATENT_DIM, NUM_PIXELS, VampPrior, cross_entropy, decoder, diagonal_normal, perceptron


class MixtureEncoder(nn.Module):
    """784 - 300 - 300 gated - means and log-variances of the M components of q(z|x), [B, M, D] each."""

    def __init__(self, num_posterior_components):
        super().__init__()
        self.num_posterior_components = num_posterior_components
        self.layers = perceptron(NUM_PIXELS, 2 * num_posterior_components * LATENT_DIM)

    def forward(self, x):
        mean, log_variance = self.layers(x).unflatten(-1, (2, self.num_posterior_components, LATENT_DIM)).unbind(dim=-3)
        return mean, F.hardtanh(log_variance, -6.0, 2.0)


class VampPriorOfMixtures(VampPrior):
    """The components of the posteriors of K pseudo-inputs, K * M with equal weights."""

    def components(self, encoder):
        normal = super().components(encoder).base_dist
        return Independent(Normal(normal.loc.flatten(0, 1), normal.scale.flatten(0, 1)), 1)


class GMMpVAE(nn.Module):
    """The model: its forward pass is the loss of a batch, the negative ELBO in nats."""

    def __init__(self, num_posterior_components, num_pseudo_inputs):
        super().__init__()
        self.encoder, self.decoder, self.prior = MixtureEncoder(num_posterior_components), decoder(), VampPriorOfMixtures(num_pseudo_inputs)

    def forward(self, x):
        components = diagonal_normal(*self.encoder(x))  # batch [B, M]
        q = MixtureSameFamily(Categorical(logits=torch.zeros(components.batch_shape, device=x.device)), components)
        z = components.rsample().movedim(1, 0)  # [M, B, D]
        logits = self.decoder(z)
        return (cross_entropy(logits, x.expand_as(logits)) + self.prior.kl(q, z, self.encoder)).mean()
