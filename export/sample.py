"""Sample an artifact with NumPy and ONNX Runtime alone, to a PNG grid or an .npy file."""

import argparse
import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

STANDARD = {
    "Normal": lambda rng, shape, df: rng.standard_normal(shape),
    "Laplace": lambda rng, shape, df: rng.laplace(size=shape),
    "Logistic": lambda rng, shape, df: rng.logistic(size=shape),
    "Cauchy": lambda rng, shape, df: rng.standard_cauchy(shape),
    "StudentT": lambda rng, shape, df: rng.standard_t(df, shape),
}


def read_manifest(artifact):
    """Returns the manifest of an artifact folder whose sampler is the one that it names."""
    path = Path(artifact) / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        expected = manifest["sha256"]["sampler.onnx"]
        received = hashlib.sha256((Path(artifact) / "sampler.onnx").read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"Expected an artifact folder with manifest.json and sampler.onnx. Received: {artifact}, without {error.filename}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Expected {path} to be a manifest that names sampler.onnx. Received: {error!r}") from None
    if received != expected:
        raise ValueError(f"Expected sampler.onnx with sha256 {expected}: export again. Received: {received}")
    return manifest


def sample(artifact, num=64, component=None, seed=0):
    """Returns `num` samples [num, *] of an artifact and their components [num]; a function of the integer `seed`."""
    import onnxruntime

    manifest = read_manifest(artifact)
    if num < 1:
        raise ValueError(f"Expected num >= 1. Received: num={num}")
    if component is not None and not 0 <= component < manifest["num_components"]:
        raise ValueError(f"Expected component in 0..{manifest['num_components'] - 1}. Received: component={component}")
    rng = np.random.default_rng(seed)
    u = rng.random(num, "float32")
    noise = STANDARD[manifest["noise"]["family"]](rng, (num, manifest["latent_dim"]), manifest["noise"]["df"])
    inputs = {"u": u, "eps": noise.astype("float32"), "component": np.full(num, -1 if component is None else component)}
    session = onnxruntime.InferenceSession(str(Path(artifact) / "sampler.onnx"), providers=["CPUExecutionProvider"])
    return session.run(["x", "component_drawn"], inputs)


def write_png(path, images, zoom=1):
    """Writes images [N, H, W] or [N, H, W, C] in [0, 1] as one grid."""
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"Expected images to draw: use --out FILE.npy for other data. Received: samples of shape {images.shape}")
    n, height, width, channels = images.shape
    columns = int(np.ceil(np.sqrt(n)))
    canvas = np.ones((-(-n // columns) * columns, height + 1, width + 1, channels), "float32")
    canvas[:n, :height, :width] = np.clip(images, 0, 1)
    grid = canvas.reshape(-1, columns, height + 1, width + 1, channels).swapaxes(1, 2)
    pixels = np.round(255 * grid.reshape(-1, columns * (width + 1), channels)).astype("uint8").repeat(zoom, 0).repeat(zoom, 1)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    body = b"".join(struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks)
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m export.sample", description=__doc__)
    parser.add_argument("artifact", type=Path, help="artifact folder")
    parser.add_argument("--num", type=int, default=64, help="number of samples")
    parser.add_argument("--component", type=int, help="component of the prior (default: drawn by weight)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise")
    parser.add_argument("--out", type=Path, default=Path("samples.png"), help="FILE.png, a grid, or FILE.npy (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        if args.out.suffix not in (".png", ".npy"):
            raise ValueError(f"Expected --out FILE.png or FILE.npy. Received: {args.out}")
        x, _ = sample(args.artifact, args.num, args.component, args.seed)
        if args.out.suffix == ".npy":
            np.save(args.out, x)
        else:
            write_png(args.out, x, zoom=max(1, 64 // x.shape[1]))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
