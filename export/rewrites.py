"""TensorFlow operations that tf2onnx does not support, composed of ONNX operations."""

import numpy as np
import onnx
from tf2onnx import utils

INT64 = onnx.TensorProto.INT64


def or_zero(op, condition, x):
    """Returns x, or zero where the condition, a number, is zero, even if x is not finite there."""
    return op("Where", op("Equal", condition, 0.0), 0.0, x)


def log1p(op, x):
    """Returns the logarithm of u = 1 + x, corrected near zero for the rounding of u."""
    u = op("Add", 1.0, x)
    lost = op("Div", op("Sub", x, op("Sub", u, 1.0)), u)
    return op("Where", op("Less", op("Abs", x), 0.5), op("Add", op("Log", u), lost), op("Log", u))


def broadcast_shape(op, a, b):
    """Returns the shape to which tensors of shapes a and b are broadcast, as int64."""
    return op("Shape", op("Expand", op("ConstantOfShape", op("Cast", a, to=INT64)), op("Cast", b, to=INT64)))


# Functions of the inputs and of `op`, which adds a node that takes tensors and numbers, and returns its output.
REWRITES = {
    "Erfc": lambda op, x: op("Sub", 1.0, op("Erf", x)),
    "Expm1": lambda op, x: op("Mul", op("Tanh", op("Mul", 0.5, x)), op("Add", op("Exp", x), 1.0)),  # no cancellation near zero
    "Log1p": log1p,
    "MulNoNan": lambda op, x, y: or_zero(op, y, op("Mul", x, y)),
    "Xdivy": lambda op, x, y: or_zero(op, x, op("Div", x, y)),
    "Xlogy": lambda op, x, y: or_zero(op, x, op("Mul", x, op("Log", y))),
    "Xlog1py": lambda op, x, y: or_zero(op, x, op("Mul", x, log1p(op, y))),
    "BroadcastArgs": broadcast_shape,
}


def handlers():
    """Returns the rewrites as `tf2onnx.convert` takes them."""
    return {name: (handler(rewrite), []) for name, rewrite in REWRITES.items()}


def handler(rewrite):
    """Returns a function that replaces a node in a tf2onnx graph."""

    def replace(graph, node, name, arguments):
        inputs, output, shapes, dtypes = list(node.input), node.output[0], node.output_shapes, node.output_dtypes
        number = utils.map_onnx_to_numpy_type(graph.get_dtype(inputs[0]))

        def op(kind, *values, **attributes):
            names = [
                value if isinstance(value, str) else graph.make_const(utils.make_name(name), np.array(value, number)).output[0]
                for value in values
            ]
            return graph.make_node(kind, names, attr=attributes, name=utils.make_name(name)).output[0]

        graph.remove_node(name)
        graph.make_node("Cast", [rewrite(op, *inputs)], attr={"to": dtypes[0]}, name=name, outputs=[output], shapes=shapes, dtypes=dtypes)

    return replace
