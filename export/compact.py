"""Smaller files: weights of few significant bits, constants of graphs in float16 where that is exact, compressed model files."""

import zipfile

import keras
import numpy as np
import onnx
from onnx import numpy_helper

from export.precision import with_weights_of
from keras_vaemix.storage.archives import uncompiled

LARGE = 1024  # values of an array from which on it is worth it


def round_weights(model, bits):
    """Rounds the large weights of a model, in place, to float16 numbers of at most `bits` significant bits."""
    model.set_weights([rounded(w, bits) if w.size >= LARGE and w.dtype == np.float32 else w for w in model.get_weights()])


def rounded(values, bits):
    """Returns the nearest numbers of `bits` significant bits, and of float16's range, in float32."""
    mantissas, exponents = np.frexp(values.astype("float64"))
    return np.ldexp(np.round(np.ldexp(mantissas, bits)), exponents - bits).astype("float16").astype("float32")


def narrow(graph):
    """Stores large float32 constants of an ONNX graph, in place, as float16 and casts them back, where float16 holds every value."""
    casts = []
    for tensor in graph.initializer:
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= LARGE and is_half(values):
            tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), f"{name}/float16"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], name=f"{name}/cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def widen(graph):
    """Undoes `narrow`, in place: constants of a graph in float16 that are cast are stored as float32 again."""
    casts = {node.input[0]: node for node in graph.node if node.op_type == "Cast" and node.name.endswith("/cast")}
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT16 and tensor.name in casts:
            cast = casts[tensor.name]
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float32"), cast.output[0]))
            graph.node.remove(cast)


def is_half(values):
    """Returns whether float16 holds every value of an array exactly."""
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype("float16"), values)


def save_compact(model, path):
    """Saves a model for use rather than further training: without the optimizers' state, and compressed."""
    bare = with_weights_of(model, uncompiled(keras.saving.serialize_keras_object(model)))
    plain = path.with_name(f"plain-{path.name}")
    bare.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as target:
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))
    plain.unlink()
