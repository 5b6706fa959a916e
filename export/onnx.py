"""The ONNX graphs, each checked by running it before it counts."""

import logging

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

OPSET = 17  # 18, 21 and 23 give the same optimised graph in ONNX Runtime
TOLERANCE = 1e-5


class ExportError(ValueError):
    """An exported file does not do what the model does."""


def write_decoder(frozen, path):
    """Writes `decoder.onnx`: the latents z [N, D] (two of them, or with a component [N], as the manifest says) to the mean x [N, *]."""
    if frozen.decoder != "mean":
        raise ExportError(
            f"Expected a decoder that gives all pixels at once for {path.name}: a {frozen.decoder} decoder is exported as "
            f"pixel_context.onnx and pixel_step.onnx, which python -m export.sample runs. Received: {type(frozen.model).__name__}"
        )
    write_latent_function(frozen, frozen.decode, "x", path)


def write_latent_function(frozen, function, output, path):
    """Writes a function of the latents."""
    specs = frozen.latents()
    convert(function, specs, [output], path)
    inputs = frozen.examples(specs)
    compare(path, inputs, {output: function(*map(tf.constant, inputs.values()))})


def write_sampler(frozen, path):
    """Writes `sampler.onnx`: noise, such as u [N] and eps [N, D], and component [N] (-1: draw it) to the mean x [N, *] and component [N].

    A model of two levels takes the noise `eps_lower` too. A pixel decoder's has the map `context` in the place of x.
    """
    specs = frozen.sampler_inputs()
    convert(frozen.sample, specs, frozen.sampler_outputs, path)
    inputs = frozen.examples(specs, 64)
    expected = frozen.sample(*map(tf.constant, inputs.values()))
    compare(path, inputs, dict(zip(frozen.sampler_outputs, expected, strict=True)))
    check_frequencies(path, frozen.sampler.weights().numpy())


def convert(function, signature, output_names, path):
    """Converts a function of tensors into an ONNX file with named outputs."""

    def named(*inputs):
        outputs = function(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return {name: tf.identity(output, name) for name, output in zip(output_names, outputs, strict=True)}

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    graph, _ = tf2onnx.convert.from_function(tf.function(named, autograph=False), signature, opset=OPSET)
    known = {spec.name for spec in signature}
    if {i.name for i in graph.graph.input} != known:
        raise ExportError(f"Expected the inputs {sorted(known)} in {path.name}. Received: {[i.name for i in graph.graph.input]}")
    average_axis_by_axis(graph.graph)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, str(path))


def average_axis_by_axis(graph):
    """Turns each mean over several axes, in place, into means over one after the other.

    ONNX Runtime adds up a whole map of a normalisation in float32, one value after the other: of 256x256 pixels that errs by 2e-5.
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


def session(graph):
    """Returns an ONNX Runtime session on the CPU for a file, or for the bytes of one."""
    return onnxruntime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), providers=["CPUExecutionProvider"])


def relative_error(received, expected):
    """Returns the largest error, relative to values beyond one."""
    return np.max(np.abs(received - expected) / np.maximum(1, np.abs(expected)))


def compare(path, inputs, expected):
    """Raises `ExportError` unless ONNX Runtime gives what TensorFlow gives, to 1e-5 of the larger of one and the value.

    Rounding in float32 stays below it in all models of `tests.parity`, which prints how far.
    """
    names = list(expected)
    for name, received in zip(names, session(path).run(names, inputs), strict=True):
        wanted = np.asarray(expected[name])
        error = relative_error(received, wanted)
        if received.shape != wanted.shape or not error <= TOLERANCE:
            raise ExportError(
                f"Expected {name} of {path.name} to equal TensorFlow's to {TOLERANCE}. Received: {received.shape}, error {error}"
            )


def check_frequencies(path, weights, n=20_000):
    """Raises `ExportError` if a chi-square test refutes (p < 1e-6) that components are drawn by their weights.

    Of the graph it runs the part that draws them: so many images may not fit into memory.
    """
    from scipy.stats import chisquare

    inputs = {"u": np.random.default_rng(1).random(n, "float32"), "component": np.full(n, -1)}
    part = onnx.utils.Extractor(onnx.load(path)).extract_model(list(inputs), ["component_drawn"])
    (drawn,) = session(part.SerializeToString()).run(["component_drawn"], inputs)
    counts = np.bincount(drawn, minlength=len(weights))
    rare = n * weights < 5
    observed, expected = [np.append(a[~rare], a[rare].sum()) for a in (counts, n * weights.astype("float64"))]
    keep = expected > 0
    observed, expected = observed[keep], expected[keep] * observed[keep].sum() / expected[keep].sum()
    if len(observed) > 1 and chisquare(observed, expected).pvalue < 1e-6:
        raise ExportError(f"Expected components of {path.name} drawn by their weights. Received: chi-square p < 1e-6 over {n} draws")
