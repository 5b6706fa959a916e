"""The functions of an artifact: decoding and sampling, with the prior frozen to constants."""

import functools
import json
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from export import families
from export.convert import Graph, check_convertible
from export.onnx import write_decoder, write_sampler
from export.pixel import step_graph, write_context, write_step
from export.precision import in_float32
from export.sample import draw_noise
from keras_vaemix.core.sampler import Sampler
from keras_vaemix.core.shapes import specs_of
from keras_vaemix.models import PixelDecoding
from keras_vaemix.networks.pixel_sampler import PixelSampler
from keras_vaemix.storage.versions import versions

MOST_VALUES = 2**19


class Frozen(NamedTuple):
    """A model's decoder and its frozen sampler; a VampPrior's pseudo-inputs are encoded here, once, and not exported.

    Attributes:
        model: The model.
        sampler: Its `Sampler`, or None if there is no density yet.
    """

    model: Any
    sampler: Sampler | None

    decoder, decoded = "mean", "x"

    def latents(self):
        """Returns the latents that are decoded as `tf.TensorSpec`s."""
        return specs_of(self.model.latent_sizes)

    def conditions(self):
        """Returns what decoding and sampling are conditioned on as `tf.TensorSpec`s: none, or "condition" [N, A]."""
        size = self.model.condition_size
        return [] if size is None else specs_of({"condition": size})

    def sampler_outputs(self):
        """Returns the names of the outputs of `sample`: what is decoded, component, continuous latents, and parameters of draws."""
        return (self.decoded, *(f"{name}_drawn" for name in ("component", *self.continuous())), *self.beside_mean(*self.first_latents()))

    def continuous(self):
        """Returns the names of the latents that are not categories."""
        return [name for name, size in self.model.latent_sizes.items() if size is not None]

    def decode_inputs(self):
        """Returns the inputs of `decode` as `tf.TensorSpec`s."""
        return specs_of(self.model.decode_sizes)

    def noise(self):
        """Returns the `Noise` that sampling takes, by name."""
        return self.model.noise(self.sampler)

    def sampler_inputs(self):
        """Returns the inputs of `sample` as `tf.TensorSpec`s: each noise, any condition, and a component or -1."""
        noise = [tf.TensorSpec(one.shape(None), tf.float32, name=name) for name, one in self.noise().items()]
        return [*noise, *self.conditions(), tf.TensorSpec([None], tf.int64, name="component")]

    def examples(self, specs, n=32):
        """Returns n inputs for each of `specs`, as a dict of arrays: noise, and every component in turn (and -1 for a sampler).

        They are fewer, but at least two, if n examples have more than `MOST_VALUES` values, since networks hold far more for each.
        """
        rng, n = np.random.default_rng(0), max(2, min(n, MOST_VALUES // math.prod(self.model.example_shape)))
        noise = self.noise()
        first = -1 if any(spec.name in noise for spec in specs) else 0
        draw = {
            "component": lambda spec: np.arange(n) % (self.sampler.num_components - first) + first,
            "seed": lambda spec: np.array([0, 0], "int32"),
            **{name: lambda spec, one=one: draw_noise(rng, one._asdict(), tuple(one.shape(n))) for name, one in noise.items()},
        }
        normal = lambda spec: rng.standard_normal((n, spec.shape[1])).astype("float32")  # noqa: E731
        return {spec.name: draw.get(spec.name, normal)(spec) for spec in specs}

    def decode(self, *latents):
        """Returns the mean of p(x|z), [N, *]."""
        return self.model.decode(*latents)

    def sample_latents(self, *inputs):
        """Returns all inputs of the decoder and the components [N], for the inputs that `sampler_inputs` describes."""
        names = [spec.name for spec in self.sampler_inputs()[:-1]]
        return self.model.generate(self.sampler, dict(zip(names, inputs[:-1], strict=True)), inputs[-1])

    def sample(self, *inputs):
        """Returns means [N, *], components [N] and continuous latents of samples made from noise, and the parameters of draws."""
        latents, component = self.sample_latents(*inputs)
        named = dict(zip(self.model.decode_sizes, latents, strict=True))
        continuous = (named[name] for name in self.continuous())
        return self.decoded_from(*latents), component, *continuous, *self.beside_mean(*latents).values()

    def decoded_from(self, *latents):
        """Returns what the sampler's graph makes of the latents."""
        return self.decode(*latents)

    def factors(self, *latents):
        """Returns the `Factor`s of p(x|z) that `export.families` knows, or None."""
        model = self.model
        factors = model.likelihood.factors(model.decoder_params(*latents)) if model.has_likelihood else None
        return factors if factors and {one.family for one in factors} <= set(families.FAMILIES) else None

    def first_latents(self):
        """Returns one example of the decoder's inputs."""
        return [tf.zeros([1, *spec.shape[1:]], spec.dtype) for spec in self.decode_inputs()]

    def beside_mean(self, *latents):
        """Returns what draws from p(x|z) take beside its mean, tensors by name."""
        return families.tensors(self.factors(*latents) or [])

    def draws(self):
        """Returns how the manifest says that x is drawn, or None: only the mean is exported."""
        factors = self.factors(*self.first_latents())
        return None if factors is None else families.described(factors, self.model.example_shape[-1])

    def draw(self, n, component, seed, condition=None):
        """Returns samples as `model.sample` does, for a stateless seed [2], and their components [n]; `component` -1 draws them.

        The `condition` of a model that is conditioned is [n, A], or [1, A] for all samples.
        """
        each = None if condition is None else tf.broadcast_to(condition, [n, self.model.condition_size])
        latents, component = self.model.draw(self.sampler, n, component, seed, each)
        return self.decode(*latents), component

    def graphs(self):
        """Returns the `Graph`s by file name; the last is the sampler's, if there is a density, and contains the first."""
        return {"decoder.onnx": Graph(self.decode, self.decode_inputs(), ("x",)), **self.sampler_graph()}

    def sampler_graph(self):
        return {} if self.sampler is None else {"sampler.onnx": Graph(self.sample, self.sampler_inputs(), self.sampler_outputs())}

    def write_onnx(self, folder):
        """Writes the graphs, and returns the error of each by file name."""
        writers = {"decoder.onnx": write_decoder, "sampler.onnx": write_sampler}
        return {name: write(self, folder / name) for name, write in writers.items()}

    def facts(self):
        """Returns what each graph says of itself in its metadata, and the manifest too."""
        model = self.model
        schema = model.likelihood.schema if model.has_likelihood else None
        return {
            "library": "keras_vaemix",
            "version": versions()["keras_vaemix"],
            "model": type(model).__name__,
            "decoder": self.decoder,
            "latent_dim": sum(size or 0 for size in model.latent_sizes.values()),
            "value_range": None if model.support.pixel_range is None else list(model.support.pixel_range),
            **({} if schema is None else {"table": json.loads(schema)}),
        }


class FrozenPixels(Frozen):
    """The same for a pixel decoder, which maps the latents to a context map and then draws images pixel by pixel."""

    decoder, decoded = "pixel", "context"

    def decode_inputs(self):
        return [*self.latents(), tf.TensorSpec([2], tf.int32, name="seed")]

    def factors(self, *latents):
        return None  # x is drawn pixel by pixel

    def context(self, *latents):
        """Returns the map [N, H, W, map_channels] through which the decoder sees the latents."""
        return self.model.decoder.context(self.model.code(*latents))

    def decoded_from(self, *latents):
        return self.context(*latents)

    def draw(self, n, component, seed):
        latent_seed, pixel_seed = tf.unstack(tf.random.split(seed, 2))
        latents, component = self.model.draw(self.sampler, n, component, latent_seed)
        return self.decode(*latents, pixel_seed), component

    def step(self, column, context, noise, *caches):
        """Draws one pixel and returns it [N, 1, 1, C] with the caches after it; see `PixelSampler.pixel`."""
        pixel, caches = PixelSampler(self.model.decoder, self.model.likelihood).pixel(caches, context, noise, column)
        return pixel, *caches

    def graphs(self):
        context = Graph(self.context, self.latents(), ("context",))
        return {"pixel_context.onnx": context, "pixel_step.onnx": step_graph(self), **self.sampler_graph()}

    def write_onnx(self, folder):
        writers = {"pixel_context.onnx": write_context, "pixel_step.onnx": write_step, "sampler.onnx": write_sampler}
        return {name: write(self, folder / name) for name, write in writers.items()}

    def facts(self):
        noise = self.model.likelihood.noise()
        return {**super().facts(), "pixel_noise": {"family": type(noise).__name__, "df": noise.parameters.get("df")}}


def freeze(model):
    """Returns the `Frozen` form of a model."""
    model = model.export_model()
    return frozen(model, model.sampler().constants())


@functools.singledispatch
def frozen(model, sampler):
    """Returns the frozen form of a model with a frozen sampler, or with None."""
    return Frozen(model, sampler)


frozen.register(PixelDecoding, FrozenPixels)


def check_exportable(model):
    """Raises `ExportError` if decoder or sampler have operations that ONNX does not have; a quick check before training.

    It covers all latents, including those that an export leaves out.
    """
    model = in_float32(model)
    graphs = frozen(model, model.sampler().constants() if model.can_sample() else None).graphs()
    if "sampler.onnx" in graphs:
        del graphs[next(iter(graphs))]
    for name, graph in graphs.items():
        check_convertible(graph, name)
