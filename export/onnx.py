"""The ONNX graphs, each checked by running it."""

import json

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf

from export.convert import ExportError, to_onnx
from export.storage.files import first_line

TOLERANCE = 1e-5


def write_decoder(frozen, path):
    """Writes `decoder.onnx`, from latents z [N, D] (or two latents, or z and a component [N]; see the manifest) to the mean x [N, *].

    It returns its error, as all of these functions do: the largest difference from TensorFlow's outputs, as `compare` has it.
    """
    if frozen.decoder != "mean":
        raise ExportError(
            f"Expected a decoder that gives all pixels at once for {path.name}: a {frozen.decoder} decoder is exported as "
            f"pixel_context.onnx and pixel_step.onnx, which python -m export.sample runs. Received: {type(frozen.model).__name__}"
        )
    return write_checked(frozen, path)


def write_checked(frozen, path, n=32):
    """Writes the graph of a file name, and compares its outputs with TensorFlow's for n examples of its inputs."""
    graph = frozen.graphs()[path.name]
    write(graph, path, frozen.facts())
    inputs = frozen.examples(graph.inputs, n)
    return compare(path, inputs, graph.named(*map(tf.constant, inputs.values())))


def write_sampler(frozen, path):
    """Writes `sampler.onnx`, from noise such as u [N] and eps [N, D], and component [N] (-1 draws it), to the mean x [N, *], the component
    and each continuous latent, such as `z_drawn` [N, D].

    A model that is conditioned also takes `condition` [N, A], and one with two levels the noise `eps_lower`. For a pixel decoder the
    output is the map `context` instead of x.
    """
    error = write_checked(frozen, path, 64)
    if frozen.sampler.num_components > 1:
        check_frequencies(path, frozen.sampler.weights().numpy())
    return error


def write(graph, path, facts=None):
    """Writes a `Graph` as an ONNX file, with facts by name as its metadata: texts, and anything else as JSON."""
    model = to_onnx(graph, path.name)
    onnx.helper.set_model_props(model, {name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in (facts or {}).items()})
    onnx.save(model, str(path))


def described(path):
    """Returns the inputs and outputs of an ONNX file, each by name with dtype and shape, in which the batch is null."""
    graph = onnx.load(path).graph
    sides = {"inputs": graph.input, "outputs": graph.output}
    return {side: {value.name: described_value(value) for value in values} for side, values in sides.items()}


def described_value(value):
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return {"dtype": dtype, "shape": [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]}


def session(graph):
    """Returns an ONNX Runtime session on the CPU for a file or its bytes."""
    return onnxruntime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), providers=["CPUExecutionProvider"])


def relative_error(received, expected):
    """Returns the largest error, relative to the largest value of its column or pixel in all examples [N, *], or to one if that is larger.

    Sums are rounded in proportion to their terms, so a small logit may be as inexact as the large ones of other examples.
    """
    largest = np.max(np.abs(expected), axis=0)
    return np.max(np.abs(received - expected) / np.maximum(1, largest))


def compare(path, inputs, expected):
    """Returns the largest error of ONNX Runtime's outputs relative to TensorFlow's, and raises `ExportError` if it is above 1e-5.

    It is relative to values above one in magnitude, as `relative_error` has it.

    Float32 rounding stays below this in all models of `tests.checks.parity`, which prints by how much.
    """
    names, errors = list(expected), []
    try:
        computed = session(path).run(names, inputs)
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise ExportError(f"Expected ONNX Runtime to run {path.name}: use other layers. Received: {first_line(error)}") from error
    for name, received in zip(names, computed, strict=True):
        wanted = np.asarray(expected[name])
        error = relative_error(received, wanted)
        if received.shape != wanted.shape or not error <= TOLERANCE:
            raise ExportError(
                f"Expected {name} of {path.name} to equal TensorFlow's to {TOLERANCE}. Received: {received.shape}, error {error}"
            )
        errors.append(float(error))
    return max(errors)


def check_frequencies(path, weights, n=20_000):
    """Raises `ExportError` if a chi-square test rejects (p < 1e-6) that components are drawn by their weights.

    It runs only the part of the graph that draws them, since so many images may not fit into memory.
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
