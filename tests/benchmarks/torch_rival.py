"""The rival: the gated VAE of the VampPrior protocol as a user of plain PyTorch writes it.

It is measured by `python -m tests.benchmarks.training_speed`. Where PyTorch offers a faster idiom at no cost to the reader, the
rival has it: one product for value and gate and one for both heads, no validation of arguments, pseudo-inputs encoded once in a step.
"""

import math

import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence
from torch.nn import functional as F

torch.distributions.Distribution.set_default_validate_args(False)

NUM_PIXELS, HIDDEN, LATENT_DIM = 784, 300, 40


class Linear(nn.Linear):
    """A linear layer that starts as ours do."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight)
        nn.init.zeros_(self.bias)


class Gated(Linear):
    """h = (W x + a) * sigmoid(V x + c)."""

    def __init__(self, size_in, size_out):
        super().__init__(size_in, 2 * size_out)

    def forward(self, x):
        return F.glu(super().forward(x))


class Encoder(nn.Module):
    """784 - 300 - 300 gated - the mean and the log-variance of q(z|x)."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Gated(NUM_PIXELS, HIDDEN), Gated(HIDDEN, HIDDEN), Linear(HIDDEN, 2 * LATENT_DIM))

    def forward(self, x):
        mean, log_variance = self.layers(x).chunk(2, dim=-1)
        return mean, F.hardtanh(log_variance, -6.0, 2.0)


def decoder():
    """Returns 40 - 300 - 300 gated - 784 logits."""
    return nn.Sequential(Gated(LATENT_DIM, HIDDEN), Gated(HIDDEN, HIDDEN), Linear(HIDDEN, NUM_PIXELS))


def diagonal_normal(mean, log_variance):
    return Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)


class StandardNormal(nn.Module):
    """p(z) = N(0, I), with the KL divergence in closed form."""

    def kl(self, q, z, encoder):
        p = Independent(Normal(torch.zeros_like(z), torch.ones_like(z)), 1)
        return kl_divergence(q, p)


class Mixture(nn.Module):
    """p(z) of K components, with the KL divergence estimated at the draw z."""

    def kl(self, q, z, encoder):
        p = MixtureSameFamily(Categorical(logits=torch.zeros(self.num_components)), self.components(encoder))
        return q.log_prob(z) - p.log_prob(z)


class NormalMixture(Mixture):
    """K diagonal normals with learned means and scales."""

    def __init__(self, num_components):
        super().__init__()
        self.num_components = num_components
        self.loc = nn.Parameter(torch.randn(num_components, LATENT_DIM))
        self.raw_scale = nn.Parameter(torch.full((num_components, LATENT_DIM), math.log(math.expm1(1.0))))

    def components(self, encoder):
        return Independent(Normal(self.loc, F.softplus(self.raw_scale) + 1e-3), 1)


class VampPrior(Mixture):
    """The posteriors of K pseudo-inputs."""

    def __init__(self, num_components):
        super().__init__()
        self.num_components = num_components
        self.raw_pseudo_inputs = nn.Parameter(torch.randn(num_components, NUM_PIXELS) * 0.2 - 3.0)

    def components(self, encoder):
        return diagonal_normal(*encoder(torch.sigmoid(self.raw_pseudo_inputs)))


class VAE(nn.Module):
    """The model: its forward pass is the loss of a batch, the negative ELBO in nats."""

    def __init__(self, prior):
        super().__init__()
        self.encoder, self.decoder, self.prior = Encoder(), decoder(), prior

    def forward(self, x):
        q = diagonal_normal(*self.encoder(x))
        z = q.rsample()
        reconstruction = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(dim=1)
        return (reconstruction + self.prior.kl(q, z, self.encoder)).mean()


def binarized_batches(x, steps, batch_size=100):
    """Yields `steps` batches of grey examples x [N, 784], in a new order and with new ink."""
    order = torch.randperm(len(x))
    for i in range(steps):
        start = i * batch_size % (len(x) - batch_size + 1)
        yield torch.bernoulli(x[order[start : start + batch_size]])


def train(loss_of, optimizer, batches):
    """Takes one step for each batch and returns the mean loss."""
    total, steps = 0.0, 0
    for x in batches:
        optimizer.zero_grad()
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        total, steps = total + loss.detach(), steps + 1
    return float(total) / steps
