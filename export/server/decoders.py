"""The graphs that turn latents into examples: all values at once, or pixel by pixel."""

import numpy as np

from export.sample import draw_noise, draw_pixels, open_graph

ROWS = 64  # run at a time, so that time limits are noticed


class MeanDecoder:
    """Decodes latents to the mean of p(x|z) by `decoder.onnx`."""

    graph, decoded = "decoder.onnx", "x"

    def __init__(self, artifact, manifest):
        self.session = open_graph(artifact, self.graph, threads=1)

    def outputs(self, latents, deadline):
        """Returns what the graph makes of latents by name, [N, D] each: what `decoded` names."""
        return run(self.session, [self.decoded], latents, deadline)[0]

    def finish(self, decoded, rng, deadline):
        """Returns the examples [N, *] that follow from the output of this graph or of the sampler's."""
        return decoded


class PixelDecoder(MeanDecoder):
    """Decodes latents to a map by `pixel_context.onnx`, and draws images from it by `pixel_step.onnx`."""

    graph, decoded = "pixel_context.onnx", "context"

    def __init__(self, artifact, manifest):
        super().__init__(artifact, manifest)
        self.step, self.noise, self.shape = open_graph(artifact, "pixel_step.onnx", threads=1), manifest["pixel_noise"], manifest["x_shape"]

    def finish(self, decoded, rng, deadline):
        noise = draw_noise(rng, self.noise, (len(decoded), *self.shape))
        return draw_pixels(Watched(self.step, deadline), decoded, noise)


DECODERS = {"mean": MeanDecoder, "pixel": PixelDecoder}  # by the manifest's name


class Watched:
    """A session that raises `TimeoutError` when it is run after a deadline."""

    def __init__(self, session, deadline):
        self.session, self.deadline, self.get_inputs = session, deadline, session.get_inputs

    def run(self, outputs, inputs):
        self.deadline.check()
        return self.session.run(outputs, inputs)


def run(session, outputs, inputs, deadline, options=None):
    """Returns the outputs [N, *] of a graph for inputs of N rows by name, a few rows at a time."""
    num = len(next(iter(inputs.values())))
    parts = []
    for start in range(0, num, ROWS):
        deadline.check()
        parts.append(session.run(outputs, {name: value[start : start + ROWS] for name, value in inputs.items()}, options))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]
