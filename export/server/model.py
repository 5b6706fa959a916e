"""The model behind the server: one object that samples and decodes any artifact."""

from typing import NamedTuple

import numpy as np
import onnxruntime

from export import families
from export.manifest import check_named, locate, read_manifest
from export.sample import condition_of, factors_of, fitting, open_graph, sampler_inputs
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
        ValueError: The artifact is not one, or its sampler does not return latents.
    """

    def __init__(self, artifact):
        self.artifact = artifact = locate(artifact)
        self.manifest = read_manifest(artifact, is_whole=True)
        if self.manifest["decoder"] not in DECODERS:
            raise ValueError(f"Expected a decoder among {', '.join(DECODERS)}. Received: {self.manifest['decoder']}")
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

    @property
    def center(self):
        """What the model is described at: zeros for all that it is conditioned on, [A], or None."""
        size = self.manifest.get("condition")
        return None if size is None else np.zeros(size)

    def given(self, latents, y):
        """Returns the decoder's inputs by name: latents, and y [A] for each row of a model that is conditioned."""
        return {**latents, **condition_of(self.manifest, len(next(iter(latents.values()))), y)}

    def sample(self, num, component, seed, deadline, y=None, draws=False):
        """Returns `num` samples as `Drawn`, those of `export.sample.sample`; a function of `seed`, given y [A] of a condition."""
        rng, factors = np.random.default_rng(seed), factors_of(self.manifest) if draws else []
        inputs, further = sampler_inputs(self.manifest, num, component, rng, y), families.outputs_of(factors)
        with self.fitting():
            names = [*further, self.decoder.decoded, *self.outputs()]
            found = dict(zip(names, run(self.sampler, names, inputs, deadline), strict=True))
            decoded, drawn = found[self.decoder.decoded], [found[name] for name in self.outputs()]
            x = families.draw(factors, decoded, found, rng) if factors else self.decoder.finish(decoded, rng, deadline)
        return Drawn(finite(x), drawn[0], self.named(drawn))

    def sample_latents(self, num, component, seed, deadline):
        """Returns the latents of such samples at the center by name, and their components [num], without decoding them."""
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True
        inputs = sampler_inputs(self.manifest, num, component, np.random.default_rng(seed), self.center)
        with self.fitting():
            drawn = run(self.sampler, self.outputs(), inputs, deadline, options)
        return self.named(drawn), drawn[0]

    def named(self, drawn):
        """Returns the decoder's inputs by name, of the outputs that `outputs` names."""
        component, *continuous = drawn
        latents = dict(zip(self.continuous, continuous, strict=True))
        return {name: latents.get(name, component) for name in self.sizes}

    def decode(self, latents, seed, deadline, y=None):
        """Returns what latents by name decode to, given y [A] of a condition, as `Drawn`; a pixel decoder's draws follow from `seed`."""
        with self.fitting():
            x = self.decoder.finish(self.decoder.outputs(self.given(latents, y), deadline), np.random.default_rng(seed), deadline)
        return Drawn(finite(x), None, latents)

    def fitting(self):
        """Returns the context in which the graphs are run."""
        return fitting(self.artifact)


def finite(x):
    """Returns an array, or raises `ValueError` if it has values that are not finite."""
    if not np.isfinite(x).all():
        raise ValueError("Expected latents that decode to finite values: use smaller ones. Received: values that are not finite")
    return x
