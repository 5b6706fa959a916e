"""Sample an artifact, with only NumPy and ONNX Runtime, to a PNG grid or an .npy file."""

import argparse
import contextlib
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

from export import families
from export.families import STANDARD
from export.manifest import locate, read_manifest
from export.shell import flags
from export.shell.command import Command

MAX_VALUES = 2**28  # values drawn at once
FAR = 0.5  # from [0, 1]: that a picture shows values beyond as black or white is said


def sample(artifact, num=64, component=None, seed=0, condition=None, draws=False):
    """Returns `num` samples [num, *] of an artifact, a folder or a bundled package's name, and their components [num], by `seed`.

    They are means of p(x|z), or with `draws`, and always for a pixel decoder, draws from it. The artifact of a model that is conditioned
    takes a condition, [A] or [num, A].
    """
    artifact = locate(artifact)
    manifest = read_manifest(artifact)
    rng = np.random.default_rng(seed)
    inputs = sampler_inputs(manifest, num, component, rng, condition)
    factors = factors_of(manifest) if draws else []
    outputs = ["context" if manifest["decoder"] == "pixel" else "x", "component_drawn", *families.outputs_of(factors)]
    sampler = open_graph(artifact, "sampler.onnx")
    with fitting(artifact):
        x, component, *parameters = sampler.run(outputs, inputs)
        if factors:
            x = families.draw(factors, x, dict(zip(outputs[2:], parameters, strict=True)), rng)
    if manifest["decoder"] != "pixel":
        return x, component
    noise, step = draw_noise(rng, manifest["pixel_noise"], (num, *manifest["x_shape"])), open_graph(artifact, "pixel_step.onnx")
    with fitting(artifact):
        return draw_pixels(step, x, noise), component


def factors_of(manifest):
    """Returns the blocks of x that are drawn, none for a pixel decoder; raises `ValueError` if the artifact gives only means."""
    if "draws" not in manifest and manifest["decoder"] != "pixel":
        expected = "an artifact with draws: export it again, from a likelihood whose `factors` are of known families, or sample means"
        raise ValueError(f"Expected {expected}. Received: one with {manifest.get('likelihood', 'no likelihood')} and without draws")
    return manifest.get("draws", [])


def sampler_inputs(manifest, num, component, rng, condition=None):
    """Returns the inputs of `sampler.onnx` by name for `num` draws of a component, None for one drawn by its weight."""
    if num < 1:
        raise ValueError(f"Expected num >= 1. Received: num={num}")
    if component is not None and not 0 <= component < manifest["num_components"]:
        raise ValueError(f"Expected component in 0..{manifest['num_components'] - 1}. Received: component={component}")
    sizes = [np.prod(manifest["x_shape"], dtype=object), *(noise["size"] or 1 for noise in manifest["noise"].values())]
    if num * max(sizes) > MAX_VALUES:
        raise ValueError(f"Expected at most {MAX_VALUES} values: draw fewer samples at once, with different seeds. Received: num={num}")
    shapes = {name: (num,) if noise["size"] is None else (num, noise["size"]) for name, noise in manifest["noise"].items()}
    inputs = {name: draw_noise(rng, noise, shapes[name]) for name, noise in manifest["noise"].items()}
    return {**inputs, **condition_of(manifest, num, condition), "component": np.full(num, -1 if component is None else component)}


def condition_of(manifest, num, condition):
    """Returns a condition [num, A] by its name as an input, or nothing for an artifact without; raises `ValueError` unless it fits."""
    size, received = manifest.get("condition"), None if condition is None else np.asarray(condition, "float32")
    if size is None and received is None:
        return {}
    shape = None if received is None else received.shape
    if size is None:
        raise ValueError(f"Expected no condition: the model of this artifact is not conditioned. Received: shape {shape}")
    if shape not in ((size,), (num, size)) or not np.isfinite(received).all():
        raise ValueError(f"Expected a condition of {size} finite values, [{size}] or [{num}, {size}]. Received: shape {shape}")
    return {"condition": np.broadcast_to(received, (num, size))}


@contextlib.contextmanager
def fitting(artifact):
    """Raises one `ValueError` for a graph whose inputs or outputs differ from the manifest."""
    try:
        yield
    except (MemoryError, TimeoutError):
        raise
    except Exception as error:  # ONNX Runtime's own, which have no common class
        (first, *_) = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"Expected the graphs of {artifact} to have the inputs and outputs of its manifest. Received: {first}") from error


def open_graph(artifact, name, threads=0):
    """Returns an ONNX Runtime session.

    Args:
        threads: Number of threads for an operation; 0 means one per core. They wait for each other, so one is faster on busy cores.
    """
    import onnxruntime

    path, options = Path(artifact) / name, onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own, which have no common class
        raise ValueError(f"Expected {path} to be an ONNX graph. Received: {str(error).splitlines()[0]}") from error


def draw_noise(rng, noise, shape):
    """Returns draws from the standard distribution that the manifest names."""
    return STANDARD[noise["family"]](rng, shape, noise["df"]).astype("float32")


def draw_pixels(step, context, noise):
    """Draws images pixel by pixel, in raster order.

    Args:
        step: Session of `pixel_step.onnx`.
        context: The output of `sampler.onnx` or `pixel_context.onnx`, [N, H, W, map_channels].
        noise: Noise for each value, [N, H, W, C].

    Returns:
        The images [N, H, W, C].
    """
    x = np.empty_like(noise)
    shapes = {i.name: i.shape for i in step.get_inputs() if i.name.startswith("cache_")}
    caches = {name: np.zeros((len(x), *shape[1:]), "float32") for name, shape in shapes.items()}
    outputs = ["x", *(f"next_{name}" for name in caches)]
    for i in range(x.shape[1]):
        # The last row of a cache is the row being drawn.
        caches = {name: np.concatenate([cache[:, 1:], np.zeros_like(cache[:, :1])], axis=1) for name, cache in caches.items()}
        for j in range(x.shape[2]):
            here = np.s_[:, i : i + 1, j : j + 1]
            inputs = {"column": np.array(j, "int32"), "context": context[here], "noise": noise[here], **caches}
            x[here], *after = step.run(outputs, inputs)
            caches = dict(zip(caches, after, strict=True))
    return x


def png(images, zoom=1, gap=1):
    """Returns images [N, H, W] or [N, H, W, C] in [0, 1] as the bytes of one grid, with `gap` white pixels after each."""
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"Expected images for a PNG: take .npy for other data. Received: samples of shape {images.shape}")
    n, height, width, channels = images.shape
    columns = int(np.ceil(np.sqrt(n)))
    canvas = np.ones((-(-n // columns) * columns, height + gap, width + gap, channels), "float32")
    canvas[:n, :height, :width] = np.clip(images, 0, 1)
    grid = canvas.reshape(-1, columns, height + gap, width + gap, channels).swapaxes(1, 2)
    pixels = np.round(255 * grid.reshape(-1, columns * (width + gap), channels)).astype("uint8").repeat(zoom, 0).repeat(zoom, 1)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    body = b"".join(struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@contextlib.contextmanager
def atomically(path):
    """Yields a temporary path that replaces `path`, or its target if it is a link, if the block succeeds.

    Raises:
        OSError: The folder cannot be written to, or its disk is full. An existing file stays as it was.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{os.getpid()}-{Path(path).name}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(f"Expected a writable folder with free space for {path}. Received: {target.parent}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_samples(path, x):
    """Writes samples [N, *] to FILE.png, as a grid of images, or to FILE.npy; either a whole file or none.

    A PNG has values below 0 as black, and above 1 as white: that some are far beyond is reported on standard error.
    """
    low, high = np.min(x), np.max(x)
    if path.suffix == ".png" and not -FAR <= low <= high <= 1 + FAR:
        print(f"{path} shows values below 0 as black and above 1 as white, of {low:.3g} to {high:.3g}: take .npy for all", file=sys.stderr)
    with atomically(path) as temporary:
        if path.suffix == ".npy":
            np.save(temporary, x)
        else:
            temporary.write_bytes(png(x, zoom=-(-64 // max(x.shape[1:3])) if x.ndim > 2 else 1))


def numbers(text):
    """Returns the numbers between the commas of a flag."""
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"of numbers with commas between them, such as 0,1.5. Received: {text!r}") from None


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m export.sample", description=__doc__)
    parser.add_argument("artifact", type=flags.path, help="artifact or package folder, or the name of a bundled package")
    parser.add_argument("--num", type=flags.integer, default=64, help="number of samples")
    parser.add_argument("--component", type=flags.integer, help="component of the prior (default: drawn by their weights)")
    parser.add_argument("--condition", type=numbers, metavar="Y1,Y2,...", help="what a model that is conditioned is given, for all samples")
    parser.add_argument("--draws", action="store_true", help="draws from p(x|z) instead of its means")
    parser.add_argument("--seed", type=flags.seed_number, default=0, help="seed of the noise")
    parser.add_argument("--out", type=flags.path, default=Path("samples.png"), help="FILE.png (a grid) or FILE.npy (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.out.suffix not in (".png", ".npy"):
        raise ValueError(f"Expected --out FILE.png or FILE.npy. Received: {args.out}")
    return args


def draw(args):
    """Writes the samples, and prints where to."""
    x, _ = sample(args.artifact, args.num, args.component, args.seed, args.condition, args.draws)
    write_samples(args.out, x)
    print(args.out)


main = Command(parse, draw)

if __name__ == "__main__":
    sys.exit(main())
