"""Conversion of a function of tensors to an ONNX graph, with one error that names what ONNX cannot do."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx.handler import tf_op

from export.compact import narrow
from export.rewrites import REWRITES, handlers

OPSET = 17  # 18, 21 and 23 give the same optimised graph in ONNX Runtime


class ExportError(ValueError):
    """A model that cannot be exported, or an exported file that differs from it."""


class Graph(NamedTuple):
    """The source of an ONNX graph: a function of tensors, `tf.TensorSpec`s of its inputs, and names of its outputs."""

    function: Callable
    inputs: list
    outputs: tuple

    def named(self, *inputs):
        """Returns the outputs of the function by name."""
        outputs = self.function(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return {name: tf.identity(output, name) for name, output in zip(self.outputs, outputs, strict=True)}


def to_onnx(graph, name):
    """Returns the ONNX model of a `Graph`; `name` is the name of its file, for errors.

    Raises:
        ExportError: The graph has an operation that ONNX does not have, or the conversion fails.
    """
    traced = tf.function(graph.named, autograph=False)
    outputs = traced.get_concrete_function(*graph.inputs).structured_outputs  # errors here are the function's own
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    try:
        model, _ = tf2onnx.convert.from_function(traced, graph.inputs, opset=OPSET, custom_op_handlers=handlers())
        check_known(model.graph, name)
        average_axis_by_axis(model.graph)
        narrow(model.graph)
        name_batch(model.graph)
        onnx.checker.check_model(model, full_check=True)
        set_sizes(model.graph, outputs)
    except ExportError:
        raise
    except Exception as error:  # of any kind: tf2onnx's handlers and ONNX's checker raise many
        (first, *_) = str(error).splitlines() or [type(error).__name__]
        raise ExportError(
            f"Expected a function that tf2onnx converts for {name}: use other layers or operations. Received: {first}"
        ) from error
    known = {spec.name for spec in graph.inputs}
    if {i.name for i in model.graph.input} != known:
        raise ExportError(f"Expected the inputs {sorted(known)} in {name}. Received: {[i.name for i in model.graph.input]}")
    return model


def check_convertible(graph, name):
    """Raises `ExportError` for operations that ONNX does not have, as `to_onnx` does, but only traces the graph if there are none.

    A graph with an operation that tf2onnx does not list is converted, since conversion may fold the operation away.
    """
    definition = tf.function(graph.named, autograph=False).get_concrete_function(*graph.inputs).graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    if {node.op for node in nodes} - {*tf_op.create_mapping(OPSET, []), *REWRITES, "ReadVariableOp"}:
        to_onnx(graph, name)


def check_known(graph, name):
    """Raises `ExportError` if a graph has operations that ONNX does not have, which tf2onnx leaves as TensorFlow's."""
    unknown = [node.name for node in nodes_of(graph) if not onnx.defs.has(node.op_type, OPSET, node.domain)]
    if unknown:
        expected = f"operations of decoder and prior that ONNX has, for {name}: use other layers or activations"
        raise ExportError(f"Expected {expected}. Received: {', '.join(dict.fromkeys(unknown))}")


def nodes_of(graph):
    """Returns all nodes of a graph, including those of loops and branches."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]
    return [*graph.node, *(node for part in inner for node in nodes_of(part))]


def set_sizes(graph, outputs):
    """Gives outputs, in place, the sizes that TensorFlow's `outputs` have by name: a conversion forgets those that a loop returns."""
    for value in graph.output:
        dimensions, shape = value.type.tensor_type.shape.dim, outputs[value.name].shape
        for dimension, size in zip(dimensions, shape if shape.rank == len(dimensions) else (), strict=False):
            if size is not None:
                dimension.dim_value = size


def name_batch(graph):
    """Names the first dimension of each input and output `batch`, in place, where it has no size."""
    for value in (*graph.input, *graph.output):
        for dimension in value.type.tensor_type.shape.dim[:1]:
            if not dimension.HasField("dim_value"):
                dimension.dim_param = "batch"


def average_axis_by_axis(graph):
    """Turns each mean over several axes, in place, into means over one axis at a time.

    ONNX Runtime sums a whole map in a normalisation value by value in float32, with an error of 2e-5 for 256x256 pixels.
    """
    nodes = []
    for node in graph.node:
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        axes = sorted(attributes.get("axes", ()), reverse=True)
        if node.op_type != "ReduceMean" or len(axes) < 2 or axes[-1] < 0:
            nodes.append(node)
            continue
        names = [node.input[0], *(f"{node.output[0]}/axis{axis}" for axis in axes[:-1]), node.output[0]]
        for axis, before, after in zip(axes, names[:-1], names[1:], strict=True):
            keepdims = attributes.get("keepdims", 1)
            nodes.append(
                onnx.helper.make_node("ReduceMean", [before], [after], name=f"{node.name}/axis{axis}", axes=[axis], keepdims=keepdims)
            )
    del graph.node[:]
    graph.node.extend(nodes)
