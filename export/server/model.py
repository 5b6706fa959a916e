"""The model behind the server: one object that samples and decodes any artifact."""

from typing import NamedTuple

import numpy as np
import onnxruntime

from export.manifest import check_named, locate, read_manifest
from export.sample import fitting, open_graph, sampler_inputs
from export.server.decoders import DECODERS, run


class Drawn(NamedTuple):
    """Examples with what they were made from.

    Attributes:
        x: Examples [N, *], float32.
        component: Component of each [N], or None where latents were given.
        latents: Inputs of the decoder by name: [N, D] each, or [N] for a category.
    """

    x: np.ndarray
    component: np.ndarray | None
    latents: dict


class Model:
    """An artifact whose graphs are open. Its methods may be called from several threads at once.

    Args:
        artifact: Artifact or package folder, or the name of a bundled package; the hashes of all its files are checked.

    Raises:
        ValueError: The artifact is not one, its model is conditioned, or its sampler does not return latents.
    """

    def __init__(self, artifact):
        self.artifact = artifact = locate(artifact)
        self.manifest = read_manifest(artifact, is_whole=True)
        if self.manifest["decoder"] not in DECODERS:
            raise ValueError(f"Expected a decoder among {', '.join(DECODERS)}. Received: {self.manifest['decoder']}")
        if "condition" in self.manifest:
            expected = "a model that is not conditioned: sample it by python -m export.sample"
            raise ValueError(f"Expected {expected}. Received: one on {self.manifest['condition']} attributes")
        kind = DECODERS[self.manifest["decoder"]]
        check_named(artifact, self.manifest["sha256"], [kind.graph])
        self.decoder, self.sampler = kind(artifact, self.manifest), open_graph(artifact, "sampler.onnx", threads=1)
        self.sizes = self.manifest["latents"]
        known, needed = {output.name for output in self.sampler.get_outputs()}, self.outputs()
        if not set(needed) <= known:
            expected = f"sampler.onnx of {artifact} with the outputs {', '.join(needed)}: export again"
            raise ValueError(f"Expected {expected}. Received: {', '.join(sorted(known))}")

    @property
    def continuous(self):
        """Names and sizes of the latents that are not categories."""
        return {name: size for name, size in self.sizes.items() if size is not None}

    @property
    def categories(self):
        """Names of the decoder's inputs that are a component's number."""
        return [name for name, size in self.sizes.items() if size is None]

    @property
    def is_image(self):
        """Whether examples are images that a PNG can show."""
        shape = self.manifest["x_shape"]
        return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))

    def outputs(self):
        """Returns the names of the sampler's outputs that do not need the decoder."""
        return [f"{name}_drawn" for name in ("component", *self.continuous)]

    def sample(self, num, component, seed, deadline):
        """Returns `num` samples as `Drawn`, those of `export.sample.sample`; a function of `seed`."""
        rng = np.random.default_rng(seed)
        inputs = sampler_inputs(self.manifest, num, component, rng)
        with self.fitting():
            decoded, *drawn = run(self.sampler, [self.decoder.decoded, *self.outputs()], inputs, deadline)
            x = self.decoder.finish(decoded, rng, deadline)
        return Drawn(finite(x), drawn[0], self.named(drawn))

    def sample_latents(self, num, component, seed, deadline):
        """Returns the latents of such samples by name, and their components [num], without decoding them."""
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True
        inputs = sampler_inputs(self.manifest, num, component, np.random.default_rng(seed))
        with self.fitting():
            drawn = run(self.sampler, self.outputs(), inputs, deadline, options)
        return self.named(drawn), drawn[0]

    def named(self, drawn):
        """Returns the decoder's inputs by name, of the outputs that `outputs` names."""
        component, *continuous = drawn
        latents = dict(zip(self.continuous, continuous, strict=True))
        return {name: latents.get(name, component) for name in self.sizes}

    def decode(self, latents, seed, deadline):
        """Returns what latents by name decode to, as `Drawn`; a pixel decoder's draws are a function of `seed`."""
        with self.fitting():
            x = self.decoder.finish(self.decoder.outputs(latents, deadline), np.random.default_rng(seed), deadline)
        return Drawn(finite(x), None, latents)

    def fitting(self):
        """Returns the context in which the graphs are run."""
        return fitting(self.artifact)


def finite(x):
    """Returns an array, or raises `ValueError` if it has values that are not finite."""
    if not np.isfinite(x).all():
        raise ValueError("Expected latents that decode to finite values: use smaller ones. Received: values that are not finite")
    return x
