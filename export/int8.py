"""The decoder with 8-bit weights, by ONNX Runtime's dynamic quantisation, and its error on latents drawn from the prior.

Those of a model that is conditioned are drawn given standard normal values.
"""

import logging

import numpy as np
import onnx
import tensorflow as tf

from export.compact import narrow, widen
from export.convert import ExportError
from export.onnx import session
from export.storage.files import first_line

NAME, NUM_LATENTS = "decoder_int8.onnx", 1000


def write_int8(frozen, folder):
    """Writes `decoder_int8.onnx` beside `decoder.onnx`, whose inputs and outputs it has, and returns what the manifest says of it.

    Raises:
        ExportError: The model has no `decoder.onnx` or no prior to draw from, or the decoder has no weights that can be quantised.
    """
    path = folder / "decoder.onnx"
    if not path.exists() or frozen.sampler is None:
        expected = "a decoder that gives all values at once, in decoder.onnx, and a prior to draw latents from"
        raise ExportError(f"Expected {expected}: export without --precision int8. Received: {type(frozen.model).__name__}")
    quantize(path, folder / NAME)
    size = frozen.model.condition_size
    condition = None if size is None else tf.random.stateless_normal([NUM_LATENTS, size], [0, 1])
    drawn, _ = frozen.model.draw(frozen.sampler, NUM_LATENTS, -1, [0, 0], condition)
    inputs = {spec.name: np.asarray(z).astype(spec.dtype.as_numpy_dtype) for spec, z in zip(frozen.decode_inputs(), drawn, strict=True)}
    x, approximate = (session(file).run(["x"], inputs)[0] for file in (path, folder / NAME))
    return {
        "file": NAME,
        "num_latents": NUM_LATENTS,
        **({} if size is None else {"condition": "standard normal"}),
        "mean_error": float(np.mean(np.abs(approximate - x))),
        "largest_error": float(np.max(np.abs(approximate - x))),
        "bytes": (folder / NAME).stat().st_size,
        "float32_bytes": path.stat().st_size,
    }


def quantize(source, target):
    """Writes an ONNX graph anew with 8-bit weights in its matrix products and convolutions; activations are quantised as it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    level, model = logging.root.level, onnx.load(source)
    widen(model.graph)  # it takes no weights that are cast
    logging.root.setLevel(logging.ERROR)  # it recommends a pass over the graph that the converter has made already
    try:
        quantize_dynamic(model, target, weight_type=QuantType.QUInt8)  # convolutions take no signed weights
    except Exception as error:  # of any kind: ONNX Runtime's own, and those of its tools
        expected = f"{source.name} to be quantised: export without --precision int8"
        raise ExportError(f"Expected {expected}. Received: {first_line(error)}") from error
    finally:
        logging.root.setLevel(level)
    quantized = onnx.load(target)
    if not any(tensor.data_type == onnx.TensorProto.UINT8 and len(tensor.dims) > 1 for tensor in quantized.graph.initializer):
        expected = "matrix products or convolutions with constant weights"
        raise ExportError(f"Expected {expected} in {source.name}: export without --precision int8. Received: none")
    narrow(quantized.graph)
    onnx.save(quantized, target)
