"""The rival: the two-level VAE with a VampPrior on the upper level as a user of plain PyTorch would write it.

It is measured on a GPU by `python -m tests.benchmarks.gpu_rivals`. The divergence of the lower level is in closed form.
"""

from torch import nn
from torch.distributions import kl_divergence

from tests.benchmarks.torch_rival import (
    LATENT_DIM,
    NUM_PIXELS,
    Encoder,
    Joint,
    VampPrior,
    cross_entropy,
    diagonal_normal,
    moments,
    perceptron,
)


class HVAMP(nn.Module):
    """The model: its forward pass is the loss of a batch, the negative ELBO in nats."""

    def __init__(self, num_components):
        super().__init__()
        self.top_encoder, self.encoder = Encoder(), Joint((NUM_PIXELS, LATENT_DIM), 2 * LATENT_DIM)
        self.conditional, self.decoder = perceptron(LATENT_DIM, 2 * LATENT_DIM), Joint((LATENT_DIM, LATENT_DIM), NUM_PIXELS)
        self.prior = VampPrior(num_components)

    def forward(self, x):
        q2 = diagonal_normal(*self.top_encoder(x))
        z2 = q2.rsample()
        q1, p1 = diagonal_normal(*moments(self.encoder(x, z2))), diagonal_normal(*moments(self.conditional(z2)))
        z1 = q1.rsample()
        return (cross_entropy(self.decoder(z1, z2), x) + self.prior.kl(q2, z2, self.top_encoder) + kl_divergence(q1, p1)).mean()
