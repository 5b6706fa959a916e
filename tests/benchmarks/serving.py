"""The speed of an exported decoder, in images per second: ONNX Runtime, TensorFlow and PyTorch, for one image and for many.

    python -m tests.benchmarks.serving --out serving.json

The decoders of `vae_mnist` (40 latents, 300 and 300 gated units) and of InfoGAN (transposed convolutions), for 28x28 images. Every way is a
separate process that turns a NumPy array of latents into one of images on all cores; all have the same weights and must give the same
images to 1e-5. A figure is the median call of a turn; ways take turns, and the best turn of each counts. Processor time is that of all
threads, including waiting for each other; other jobs on the machine hardly change it. Needs `pip install -r requirements-bench.txt`.
"""

import itertools
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks import harness

BATCHES, NETWORKS, TOLERANCE = (1, 64, 1024), ("mlp", "conv"), 1e-5
MOST_CALLS = 300
SHAPE, FILTERS, HIDDEN = (28, 28, 1), (32, 16), 256


# What is served.


def write(folder):
    """Exports the decoders, with perturbed weights, and writes their weights, latents and images into a folder."""
    import keras_vaemix as vm
    from export.artifact import export_model

    rng = np.random.default_rng(0)
    decoders = {
        "mlp": vm.networks.gated_mlp((40,), SHAPE),
        "conv": vm.networks.info_gan_decoder(40, SHAPE, FILTERS, HIDDEN),
    }
    for name, decoder in decoders.items():
        for weight in decoder.weights:
            moved = np.exp(0.3 * rng.standard_normal(weight.shape)) if "variance" in weight.path else 1
            weight.assign(weight * moved + 0.02 * rng.random(weight.shape))
        model = vm.VAE(vm.networks.gated_mlp(SHAPE, 80, (8,)), decoder, vm.StandardNormal(40), vm.Bernoulli())
        export_model(model, folder / name)
        decoder.save(folder / f"{name}.keras")
        z = rng.standard_normal((max(BATCHES), 40)).astype("float32")
        np.savez(folder / f"{name}.npz", *decoder.get_weights(), z=z, x=model.decode(z).numpy())


def measured(stopwatch, folder, seconds, make):
    """Times calls of `make(network, folder)`, a function from latents to images, for every network and batch, for `seconds` each.

    Reports the median and the minimum milliseconds of a call, its processor time, and the largest difference from the live model.
    """
    arrays = {network: np.load(folder / f"{network}.npz") for network in NETWORKS}
    cells = {
        (network, n): (function, arrays[network]["z"][:n].copy(), arrays[network]["x"][:n])
        for network in NETWORKS
        for function in [make(network, folder)]
        for n in BATCHES
    }
    differences = {cell: float(np.max(np.abs(function(z) - x))) for cell, (function, z, x) in cells.items()}
    while True:
        with stopwatch:
            figures = []
            for cell, (function, z, _) in cells.items():
                calls, processor = durations(function, z, seconds)
                times = {"median": statistics.median(calls), "least": min(calls), "processor": processor, "calls": len(calls)}
                figures.append({"network": cell[0], "batch": cell[1], **times, "difference": differences[cell]})
            stopwatch.value = figures


def durations(function, z, seconds):
    """Returns the milliseconds of each of at least five calls, and the mean processor time of one, after a call that is not counted."""
    function(z)
    calls, processor, end = [], time.process_time(), time.perf_counter() + seconds
    while len(calls) < 5 or (time.perf_counter() < end and len(calls) < MOST_CALLS):
        start = time.perf_counter()
        function(z)
        calls.append(1000 * (time.perf_counter() - start))
    return calls, 1000 * (time.process_time() - processor) / len(calls)


# The ways.


def onnx_runtime(network, folder, threads=0):
    from export.sample import open_graph

    graph = open_graph(folder / network, "decoder.onnx", threads)
    return lambda z: graph.run(["x"], {"z": z})[0]


def one_thread(network, folder):
    return onnx_runtime(network, folder, threads=1)


def signature(network, folder, is_compiled=False):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder / network / "saved_model"))
    decode = tf.function(lambda z: loaded.signatures["decode"](z=z)["x"], jit_compile=is_compiled, autograph=False)
    return lambda z: decode(tf.constant(z)).numpy()


def compiled_signature(network, folder):
    return signature(network, folder, is_compiled=True)


def predict(network, folder):
    import keras

    import keras_vaemix  # noqa: F401  registers layers

    model = keras.Sequential([keras.saving.load_model(folder / f"{network}.keras"), keras.layers.Activation("sigmoid")])
    return lambda z: model.predict(z, batch_size=len(z), verbose=0)


def pytorch(network, folder, is_compiled=False):
    import torch

    from tests.benchmarks import serving_rival

    harness.use_cores()
    arrays = np.load(folder / f"{network}.npz")
    module = getattr(serving_rival, network)([arrays[f"arr_{i}"] for i in range(len(arrays.files) - 2)])
    module = torch.compile(module) if is_compiled else module

    @torch.inference_mode()
    def call(z):
        return module(torch.from_numpy(z)).numpy()

    return call


def pytorch_compiled(network, folder):
    return pytorch(network, folder, is_compiled=True)


WAYS = {
    "ONNX Runtime": onnx_runtime,
    "ONNX Runtime, one thread": one_thread,
    "SavedModel": signature,
    "SavedModel, compiled by XLA": compiled_signature,
    "`model.predict`": predict,
    "PyTorch eager": pytorch,
    "PyTorch compiled": pytorch_compiled,
}


# The table.


def best(turns, figure):
    """Returns the minimum of a figure over the turns of each (network, batch, way)."""
    cells = list(itertools.product(NETWORKS, BATCHES))
    return {(*cell, way): min(turn[i][figure] for _, turn in of_way) for (way,), of_way in turns.items() for i, cell in enumerate(cells)}


def check(turns):
    """Raises `ValueError` if a way does not give the live model's images."""
    for (way,), of_way in turns.items():
        for figure in of_way[0][1]:
            if not figure["difference"] <= TOLERANCE:
                raise ValueError(f"Expected images of the live model to {TOLERANCE}. Received: {way}, {figure}")


def table(milliseconds, processor):
    """Returns the lines of two Markdown tables for each (network, batch, way): elapsed milliseconds and processor time."""
    lines = []
    for title, values, show in (
        ("milliseconds (images per second)", milliseconds, lambda n, ms: f"{ms:.3g} ({1000 * n / ms:,.0f})"),
        ("milliseconds of the processor", processor, lambda n, ms: f"{ms:.3g}"),
    ):
        lines += [f"| {title} | {' | '.join(WAYS)} |", "|---" * (1 + len(WAYS)) + "|"]
        for network, n in itertools.product(NETWORKS, BATCHES):
            lines.append(f"| {network}, batch {n} | {' | '.join(show(n, values[network, n, way]) for way in WAYS)} |")
        lines.append("")
    return lines[:-1]


def main(argv=None):
    parser = harness.parser("serving", __doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="time for decoding a batch in a turn")
    args = harness.parse(parser, argv, rivals=["torch"])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder)
        turns = harness.measure({(way,): (measured, (folder, args.seconds, make)) for way, make in WAYS.items()}, args.repetitions)
    check(turns)
    harness.report(args.command, table(best(turns, "median"), best(turns, "processor")), harness.recorded(turns), args.out)


if __name__ == "__main__":
    main()
