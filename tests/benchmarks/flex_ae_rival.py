"""The rival: FlexAE as a user of plain PyTorch would write it, for 28x28 images.

It is measured by `python -m tests.benchmarks.flex_ae_speed`, and on a GPU by `gpu_rivals`. Where PyTorch offers a faster idiom that is
equally readable, the rival uses it: fused optimizers, gradients only for what an optimizer updates, the batch encoded once for all
updates of the critic.
"""

import contextlib
import itertools

import torch
from torch import nn

GAMMA = 10.0


def info_gan_encoder(latent_dim, hidden, filters):
    """Returns E: two convolutions and a dense layer, all but the first with batch normalisation, and a linear layer."""
    first, second = filters
    return nn.Sequential(
        *(nn.Conv2d(1, first, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(first, second, 4, 2, 1, bias=False), nn.BatchNorm2d(second), nn.LeakyReLU(0.2)),
        nn.Flatten(),
        *(nn.Linear(49 * second, hidden, bias=False), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.2)),
        nn.Linear(hidden, latent_dim),
    )


def info_gan_decoder(latent_dim, hidden, filters):
    """Returns D: two dense layers and a transposed convolution with batch normalisation, and one that gives logits."""
    first, second = filters
    return nn.Sequential(
        *(nn.Linear(latent_dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()),
        *(nn.Linear(hidden, 49 * second, bias=False), nn.BatchNorm1d(49 * second), nn.ReLU()),
        nn.Unflatten(1, (second, 7, 7)),
        *(nn.ConvTranspose2d(second, first, 4, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU()),
        nn.ConvTranspose2d(first, 1, 4, 2, 1),
    )


def mlp(size_in, size_out, units):
    """Returns four dense layers and a linear one."""
    sizes = [size_in, *(units,) * 4]
    hidden = [part for one, other in itertools.pairwise(sizes) for part in (nn.Linear(one, other), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(units, size_out))


@contextlib.contextmanager
def without_state_updates(network):
    """Leaves the running moments of batch normalisation as they are, for another network's update."""
    norms = [module for module in network if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    yield
    for norm in norms:
        norm.track_running_stats = True


class Optimizer:
    """Parameters and the Adam that updates them."""

    def __init__(self, networks, *adam):
        self.parameters = [parameter for network in networks for parameter in network.parameters()]
        capturable = self.parameters[0].is_cuda  # in a CUDA graph
        self.optimizer = torch.optim.Adam(self.parameters, adam[0], adam[1:], eps=1e-7, fused=True, capturable=capturable)

    def minimize(self, loss):
        """Takes a step down a loss, and returns it."""
        for parameter, gradient in zip(self.parameters, torch.autograd.grad(loss, self.parameters), strict=True):
            parameter.grad = gradient
        self.optimizer.step()
        return loss.detach()


class FlexAE:
    """The four networks, their optimizers, and a step of each in turn."""

    def __init__(self, latent_dim, hidden, critic_units, critic_steps=5):
        self.latent_dim, self.critic_steps = latent_dim, critic_steps
        filters = hidden // 16, hidden // 8
        self.encoder, self.decoder = info_gan_encoder(latent_dim, hidden, filters), info_gan_decoder(latent_dim, hidden, filters)
        self.critic, self.generator = mlp(latent_dim, 1, critic_units), mlp(latent_dim, latent_dim, critic_units)
        self.optimizers = {
            "model": Optimizer([self.encoder, self.decoder], 2e-4, 0.9, 0.999),
            "critic": Optimizer([self.critic], 1e-4, 0.0, 0.9),
            "generator": Optimizer([self.generator], 2e-4, 0.0, 0.9),
            "encoder": Optimizer([self.encoder], 1e-5, 0.0, 0.9),
        }

    def num_parameters(self):
        """Returns the number of trained values."""
        networks = (self.encoder, self.decoder, self.critic, self.generator)
        return sum(parameter.numel() for network in networks for parameter in network.parameters())

    def draws(self, x):
        """Returns draws of the learned prior, as many as examples x."""
        return self.generator(torch.randn(len(x), self.latent_dim, device=x.device))

    def critic_loss(self, real, fake):
        """Returns the Wasserstein loss with its gradient penalty at random points between both."""
        between = (real + torch.rand_like(real[:, :1]) * (fake - real)).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        penalty = ((gradient.square().sum(dim=1) + 1e-12).sqrt() - 1).square().mean()
        return self.critic(fake).mean() - self.critic(real).mean() + GAMMA * penalty

    def step(self, x):
        """Takes a training step on x [B, 1, 28, 28] and returns the cost of reconstructions."""
        reconstruction = torch.sigmoid(self.decoder(self.encoder(x)))
        cost = self.optimizers["model"].minimize((x - reconstruction).square().sum(dim=(1, 2, 3)).mean())
        with torch.no_grad(), without_state_updates(self.encoder):
            codes = self.encoder(x)
        for _ in range(self.critic_steps):
            with torch.no_grad():
                draws = self.draws(x)
            self.optimizers["critic"].minimize(self.critic_loss(draws, codes))
        self.optimizers["generator"].minimize(self.critic(self.draws(x)).mean())
        with without_state_updates(self.encoder):
            codes = self.encoder(x)
        self.optimizers["encoder"].minimize(-self.critic(codes).mean())
        return cost


def train(model, x, steps, batch_size):
    """Takes `steps` steps over images x [N, 1, 28, 28] in a new order, and returns the mean cost."""
    order, total = torch.randperm(len(x)), 0.0
    for i in range(steps):
        start = i * batch_size % (len(x) - batch_size + 1)
        total = total + model.step(x[order[start : start + batch_size]])
    return float(total) / steps
