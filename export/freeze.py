"""What an artifact computes: decoding and sampling, with the prior frozen to constants."""

from typing import Any, NamedTuple

import tensorflow as tf

from export.onnx import write_decoder, write_sampler
from export.pixel import write_context, write_step
from keras_vaemix.models import PixelVAE
from keras_vaemix.networks.pixel_sampler import PixelSampler
from keras_vaemix.priors import LocationScaleMixture


class Frozen(NamedTuple):
    """A model's decoder and its frozen prior. A VampPrior's pseudo-inputs are encoded here, once, and are gone."""

    model: Any
    prior: LocationScaleMixture

    decoder = "mean"
    decode_inputs = ("z",)
    sampler_outputs = ("x", "component_drawn")

    def decode(self, z):
        """Returns the mean of p(x|z), [N, *]."""
        return self.model.decode(z)

    def sample(self, u, noise, component):
        """Returns the means [N, *] and the components [N] of draws made of noise; see `LocationScaleMixture.transport`."""
        z, component = self.prior.transport(u, noise, component)
        return self.decode(z), component

    def draw(self, n, component, seed):
        """Returns what `model.sample` does for a stateless seed [2], and the components [n]; `component` -1 draws it."""
        z, component = self.prior.sample(n, component, seed)
        return self.decode(z), component

    def write_onnx(self, folder):
        write_decoder(self, folder / "decoder.onnx")
        write_sampler(self, folder / "sampler.onnx")

    def facts(self):
        """Returns what the manifest says of the decoder."""
        return {"decoder": self.decoder}


class FrozenPixels(Frozen):
    """The same for a pixel decoder, whose latents become a map, and whose images are then drawn pixel by pixel."""

    decoder = "pixel"
    decode_inputs = ("z", "seed")
    sampler_outputs = ("context", "component_drawn")

    def decode(self, z, seed):
        """Returns samples of p(x|z), [N, H, W, C], for a stateless seed [2]."""
        return self.model.decode(z, seed)

    def context(self, z):
        """Returns the map [N, H, W, map_channels] through which the decoder sees z."""
        return self.model.decoder.context(z)

    def sample(self, u, noise, component):
        """Returns the maps [N, H, W, map_channels] and the components [N] of draws made of noise."""
        z, component = self.prior.transport(u, noise, component)
        return self.context(z), component

    def draw(self, n, component, seed):
        latent_seed, pixel_seed = tf.unstack(tf.random.split(seed, 2))
        z, component = self.prior.sample(n, component, latent_seed)
        return self.decode(z, pixel_seed), component

    def step(self, column, context, noise, *caches):
        """Draws one pixel: see `PixelSampler.pixel`. Returns it [N, 1, 1, C] and the caches after it."""
        pixel, caches = PixelSampler(self.model.decoder, self.model.likelihood).pixel(caches, context, noise, column)
        return pixel, *caches

    def write_onnx(self, folder):
        write_context(self, folder / "pixel_context.onnx")
        write_step(self, folder / "pixel_step.onnx")
        write_sampler(self, folder / "sampler.onnx")

    def facts(self):
        return {**super().facts(), "pixel_noise": {"family": type(self.model.likelihood.noise()).__name__, "df": None}}


def freeze(model):
    """Returns the `Frozen` form of a model."""
    return (FrozenPixels if isinstance(model, PixelVAE) else Frozen)(model, model.prior.freeze(model.encode))
