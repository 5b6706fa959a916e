"""The rival: the gated VAE of the VampPrior protocol as a user of plain PyTorch would write it.

It is measured by `python -m tests.benchmarks.training_speed`, and on a GPU by `gpu_rivals`. Where PyTorch offers a faster idiom that
is equally readable, the rival uses it: one product for value and gate and one for both heads, no validation of arguments, pseudo-inputs
encoded once per step.
"""

import math

import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence
from torch.nn import functional as F

torch.distributions.Distribution.set_default_validate_args(False)

NUM_PIXELS, HIDDEN, LATENT_DIM = 784, 300, 40


class Linear(nn.Linear):
    """A linear layer initialised by He, as ours are with `--init he`."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight)
        nn.init.zeros_(self.bias)


class Gated(Linear):
    """h = (W x + a) * sigmoid(V x + c)."""

    def __init__(self, size_in, size_out):
        super().__init__(size_in, 2 * size_out)

    def forward(self, x):
        return F.glu(super().forward(x))


def perceptron(size_in, size_out):
    """Returns two gated layers of 300 and a linear one."""
    return nn.Sequential(Gated(size_in, HIDDEN), Gated(HIDDEN, HIDDEN), Linear(HIDDEN, size_out))


class Joint(nn.Module):
    """Each input goes through its own gated layer, then all together through another and a linear one."""

    def __init__(self, sizes_in, size_out):
        super().__init__()
        self.branches = nn.ModuleList(Gated(size, HIDDEN) for size in sizes_in)
        self.trunk = nn.Sequential(Gated(len(sizes_in) * HIDDEN, HIDDEN), Linear(HIDDEN, size_out))

    def forward(self, *inputs):
        return self.trunk(torch.cat([branch(one) for branch, one in zip(self.branches, inputs, strict=True)], dim=-1))


class Encoder(nn.Module):
    """784 - 300 - 300 gated - the mean and the log-variance of q(z|x)."""

    def __init__(self):
        super().__init__()
        self.layers = perceptron(NUM_PIXELS, 2 * LATENT_DIM)

    def forward(self, x):
        return moments(self.layers(x))


def decoder():
    """Returns 40 - 300 - 300 gated - 784 logits."""
    return perceptron(LATENT_DIM, NUM_PIXELS)


def moments(params):
    """Returns the mean and the clipped log-variance given by a network's outputs."""
    mean, log_variance = params.chunk(2, dim=-1)
    return mean, F.hardtanh(log_variance, -6.0, 2.0)


def diagonal_normal(mean, log_variance):
    return Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)


class StandardNormal(nn.Module):
    """p(z) = N(0, I), with the KL divergence in closed form."""

    def kl(self, q, z, encoder):
        p = Independent(Normal(torch.zeros_like(z), torch.ones_like(z)), 1)
        return kl_divergence(q, p)


class Mixture(nn.Module):
    """p(z) with K components, and the KL divergence estimated at the draw z."""

    def kl(self, q, z, encoder):
        components = self.components(encoder)
        p = MixtureSameFamily(Categorical(logits=torch.zeros(components.batch_shape, device=z.device)), components)
        return q.log_prob(z) - p.log_prob(z)


class NormalMixture(Mixture):
    """K diagonal normals with learned means and scales."""

    def __init__(self, num_components, spread=1.0):
        super().__init__()
        self.loc = nn.Parameter(spread * torch.randn(num_components, LATENT_DIM))
        self.raw_scale = nn.Parameter(torch.full((num_components, LATENT_DIM), math.log(math.expm1(1.0))))

    def components(self, encoder):
        return Independent(Normal(self.loc, F.softplus(self.raw_scale) + 1e-3), 1)


class VampPrior(Mixture):
    """The posteriors of K pseudo-inputs."""

    def __init__(self, num_components):
        super().__init__()
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
        return (cross_entropy(self.decoder(z), x) + self.prior.kl(q, z, self.encoder)).mean()


def cross_entropy(logits, x):
    """Returns -log p(x|z), summed over pixels."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=-1)


def binarized_batches(x, steps, batch_size=100):
    """Yields `steps` batches of grey examples x [N, 784], in a new order and with new binarisation noise."""
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
