"""The ONNX graphs of a pixel decoder: from latents to a map, and one step, which draws one pixel from the caches around it."""

import numpy as np
import tensorflow as tf

from export.onnx import compare, convert, write_latent_function


def write_context(frozen, path):
    """Writes `pixel_context.onnx`: z [N, D] to the map [N, H, W, map_channels]."""
    write_latent_function(frozen, frozen.context, "context", path)


def write_step(frozen, path):
    """Writes `pixel_step.onnx`, which `export.sample.draw_pixels` calls for each pixel in raster order.

    Inputs: `column` of the pixel, the map's `context` there [N, 1, 1, map_channels], `noise` [N, 1, 1, C], and `cache_0`, ..., what
    each layer has seen: [N, rows, columns, channels], zeros before the first row, moved up by one at the start of each row. Outputs:
    the pixel `x` [N, 1, 1, C], drawn, and `next_cache_0`, ....
    """
    decoder = frozen.model.decoder
    context_spec = tf.TensorSpec([None, 1, 1, decoder.map_channels], tf.float32, name="context")
    noise_spec = tf.TensorSpec([None, 1, 1, decoder.example_shape[-1]], tf.float32, name="noise")
    caches = {f"cache_{i}": cache for i, cache in enumerate(decoder.empty_caches(4))}
    cache_specs = [tf.TensorSpec([None, *cache.shape[1:]], tf.float32, name=name) for name, cache in caches.items()]
    signature = [tf.TensorSpec([], tf.int32, name="column"), context_spec, noise_spec, *cache_specs]
    outputs = ["x", *(f"next_{name}" for name in caches)]
    convert(frozen.step, signature, outputs, path)
    rng, width = np.random.default_rng(0), decoder.example_shape[1]
    for column in (0, width // 2, width - 1):
        inputs = {spec.name: rng.random([4, *spec.shape[1:]], "float32") for spec in signature[1:]}
        inputs = {"column": np.array(column, "int32"), **inputs}
        expected = frozen.step(*map(tf.constant, inputs.values()))
        compare(path, inputs, dict(zip(outputs, expected, strict=True)))
