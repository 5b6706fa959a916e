"""The rival: pythae's VAE and VAMP around the same networks as `torch_rival`."""

import torch
from pythae.models import VAE, VAMP, VAEConfig, VAMPConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import nn

from tests.benchmarks import torch_rival
from tests.benchmarks.torch_rival import LATENT_DIM, NUM_PIXELS


class Encoder(BaseEncoder):
    """The gated encoder, with outputs named as pythae expects."""

    def __init__(self):
        super().__init__()
        self.network = torch_rival.Encoder()

    def forward(self, x):
        mean, log_variance = self.network(x)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """The gated decoder; pythae's Bernoulli loss takes probabilities."""

    def __init__(self):
        super().__init__()
        self.network = torch_rival.decoder()

    def forward(self, z):
        return ModelOutput(reconstruction=torch.sigmoid(self.network(z)))


def vae():
    """Returns a VAE with a standard normal prior."""
    return VAE(VAEConfig((NUM_PIXELS,), LATENT_DIM, reconstruction_loss="bce"), Encoder(), Decoder())


def vamp(num_components):
    """Returns a VAE with a VampPrior."""
    config = VAMPConfig((NUM_PIXELS,), LATENT_DIM, reconstruction_loss="bce", number_components=num_components)
    return VAMP(config, Encoder(), Decoder())


def train(model, optimizer, batches):
    """Takes one step for each batch as `BaseTrainer.train_step` does, and returns the mean loss."""
    model.train()
    total, steps = 0.0, 0
    for x in batches:
        loss = model({"data": x}, epoch=1, dataset_size=len(x), uses_ddp=False).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, steps = total + loss.item(), steps + 1
    return total / steps


def take_weights(model, encoder, decoder, pseudo_inputs):
    """Gives a VAMP model the weights of one of ours: kernels and biases in the order of our layers, and u [K, 784]."""
    layers, weights = [*model.encoder.network.layers, *model.decoder.network], [*encoder, *decoder]
    with torch.no_grad():
        for layer, kernel, bias in zip(layers, weights[0::2], weights[1::2], strict=True):
            layer.weight.copy_(torch.tensor(kernel).T)
            layer.bias.copy_(torch.tensor(bias))
        linear = model.pseudo_inputs[0]
        linear.weight.copy_(torch.tensor(pseudo_inputs).T)
        nn.init.zeros_(linear.bias)
