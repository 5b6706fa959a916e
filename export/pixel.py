"""The ONNX graphs of a pixel decoder: one from latents to a map, and one for a step, which draws a pixel from cached activations."""

import numpy as np
import tensorflow as tf

from export.convert import Graph
from export.onnx import compare, write, write_checked


def write_context(frozen, path):
    """Writes `pixel_context.onnx`, from z [N, D] to the map [N, H, W, map_channels]."""
    return write_checked(frozen, path)


def step_graph(frozen):
    """Returns the `Graph` of one step.

    Inputs: the `column` of the pixel, the map's `context` there [N, 1, 1, map_channels], `noise` [N, 1, 1, C], and the inputs that each
    layer has seen, `cache_0`, ... [N, rows, columns, channels], which are zero before the first row and move up by one at the start of
    each row. Outputs: the drawn pixel `x` [N, 1, 1, C], and `next_cache_0`, ....
    """
    decoder = frozen.model.decoder
    caches = {f"cache_{i}": cache for i, cache in enumerate(decoder.empty_caches(1))}
    shapes = {"context": (1, 1, decoder.map_channels), "noise": (1, 1, decoder.example_shape[-1])}
    shapes |= {name: cache.shape[1:] for name, cache in caches.items()}
    specs = [tf.TensorSpec([None, *shape], tf.float32, name=name) for name, shape in shapes.items()]
    return Graph(frozen.step, [tf.TensorSpec([], tf.int32, name="column"), *specs], ("x", *(f"next_{name}" for name in caches)))


def write_step(frozen, path):
    """Writes `pixel_step.onnx`, which `export.sample.draw_pixels` calls for each pixel in raster order; see `step_graph`."""
    graph = step_graph(frozen)
    write(graph, path, frozen.facts())
    rng, width, errors = np.random.default_rng(0), frozen.model.decoder.example_shape[1], []
    for column in (0, width // 2, width - 1):
        inputs = {spec.name: rng.random([4, *spec.shape[1:]], "float32") for spec in graph.inputs[1:]}
        inputs = {"column": np.array(column, "int32"), **inputs}
        errors.append(compare(path, inputs, graph.named(*map(tf.constant, inputs.values()))))
    return max(errors)
