"""Encoders, decoders and critics of the regularised autoencoders' papers, by their names in flags."""

import warnings

from training.presets.library import keras, part, supports, vm
from training.presets.parts import choose

SYNTHETIC = {"networks": "mlp", "hidden": 256}  # for the synthetic manifolds


def mlp_pair(shape, num_outputs, latent_dim, output_shape, hidden, activation):
    """Returns an encoder and a decoder of four hidden layers each, as in MaskAAE."""
    layers, end = (hidden,) * 4, keras.layers.Activation(activation or "linear")
    decoder = vm.networks.mlp((latent_dim,), output_shape, layers, "relu")
    return vm.networks.mlp(shape, num_outputs, layers, "relu"), keras.Model(decoder.inputs, end(decoder.outputs[0]))


def info_gan_pair(shape, num_outputs, latent_dim, output_shape, hidden, activation):
    """Returns InfoGAN networks like those of FlexAE and of Dai & Wipf, whose convolutions have hidden / 16 and hidden / 8 channels."""
    filters = max(1, hidden // 16), max(1, hidden // 8)
    encoder = vm.networks.info_gan_encoder(shape, num_outputs, filters, hidden)
    return encoder, vm.networks.info_gan_decoder(latent_dim, output_shape, filters[::-1], hidden, output_activation=activation)


def dcgan_pair(shape, num_outputs, latent_dim, output_shape, hidden, activation):
    """Returns the convolutions of the RAE paper, the widest with `hidden` channels; the decoder of 64x64 images has one more."""
    filters = tuple(max(1, hidden // n) for n in (8, 4, 2, 1))
    up = filters[:0:-1] if shape[0] < 64 else filters[::-1]
    return vm.networks.dcgan_encoder(shape, num_outputs, filters), vm.networks.dcgan_decoder(
        latent_dim, output_shape, up, output_activation=activation
    )


NETWORKS = {"mlp": mlp_pair, "info_gan": info_gan_pair, "dcgan": dcgan_pair}


def pair(data, networks, latent_dim, hidden, num_outputs=None, activation=None, output_shape=None):
    """Returns encoder and decoder, whose outputs by default have the data's shape.

    Raises `ValueError` for impossible sizes, and warns of fewer latents than the data's known dimension.
    """
    part.check_positive(latent_dim=latent_dim, hidden=hidden)
    if latent_dim < data.intrinsic_dim:
        expected = f"Expected latent_dim of at least {data.intrinsic_dim}, the dimension of {data.name}, for exact reconstructions."
        warnings.warn(f"{expected} Received: latent_dim={latent_dim}", stacklevel=2)
    is_possible = networks == "mlp" or data.is_images()
    part.require(is_possible, "--networks mlp for data that are not images", networks=networks)
    return choose("networks", NETWORKS, networks)(
        data.shape, num_outputs or latent_dim, latent_dim, output_shape or data.shape, hidden, activation
    )


def cost_of(data, own, weight=1.0):
    """Returns the cost `own`, a class, for values in [0, 1], and the squared error for real ones."""
    return (vm.costs.RealSquaredError if data.support is supports.REAL else own)(weight)


def critic_of(latent_dim, units):
    """Returns a critic with four hidden layers."""
    return vm.networks.mlp((latent_dim,), 1, (units,) * 4, "relu")


def image_critic(data, networks, hidden):
    """Returns a critic of examples, without batch normalisation."""
    if networks == "mlp":
        return vm.networks.mlp(data.shape, 1, (hidden,) * 4, "relu")
    return vm.networks.info_gan_encoder(data.shape, 1, (max(1, hidden // 16), max(1, hidden // 8)), hidden, normalization=False)
