"""The manifest of an artifact folder, read as untrusted: every value, and every file's hash, is checked before use."""

import hashlib
import json
from pathlib import Path, PurePosixPath

from export.families import STANDARD, fit_widths, is_factor

FORMATS = ("onnx", "saved_model")  # that an artifact can have
PRECISIONS = ("float32", "int8")  # of its decoder; that of float32 is always there
MAX_SIZE = 2**24  # of a latent or an example: an ONNX file cannot hold more
BUNDLED = Path(__file__).parents[1] / "keras_vaemix" / "packages"  # packages that come with the library; it is not imported


def check_formats(formats, precision):
    """Raises `ValueError` unless an artifact can have these formats, at least one, and this precision."""
    are_known = isinstance(formats, (list, tuple)) and formats and all(name in FORMATS for name in formats)
    check(are_known, f"a list of formats among {', '.join(FORMATS)}", formats)
    check(precision in PRECISIONS, f"a precision among {', '.join(PRECISIONS)}", precision)
    check(precision != "int8" or "onnx" in formats, "formats with onnx for the precision int8", formats)


def locate(artifact):
    """Returns the folder of an artifact: this one or, if it does not exist, the bundled package of this name."""
    is_bundled = not Path(artifact).exists() and str(artifact) in bundled()
    return BUNDLED / artifact if is_bundled else Path(artifact)


def bundled():
    """Returns the names of the bundled packages."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/manifest.json"))


def read_manifest(artifact, is_whole=False):
    """Returns the manifest of an artifact folder after checking the hashes of its graphs, or with `is_whole` of all its files.

    Raises:
        FileNotFoundError: The manifest, or a file that it names, does not exist.
        ValueError: The manifest is invalid, a file differs from its hash, or there is no graph to sample.
    """
    folder = Path(artifact)
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        check_manifest(manifest)
        graphs = ("sampler.onnx", "pixel_step.onnx") if manifest["decoder"] == "pixel" else ("sampler.onnx",)
        names = manifest["sha256"] if is_whole else graphs
        check_named(artifact, manifest["sha256"], names)
        hashes = [(name, manifest["sha256"][name], hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in names]
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        own = f", such as {folder / 'export'}" if (folder / "export" / "manifest.json").exists() else ""
        raise FileNotFoundError(
            f"Expected an artifact folder, with manifest.json and sampler.onnx{own}, or a bundled package: {' or '.join(bundled())}. "
            f"Received: {artifact}, without {error.filename}"
        ) from None
    except KeyError as missing:
        raise ValueError(f"Expected {path} to be the manifest of an artifact. Received: one without {missing.args[0]}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"Expected {path} to hold JSON. Received: {error}") from None
    except ValueError as error:
        raise ValueError(f"{error}, in {path}") from None
    for name, expected, received in hashes:
        if received != expected:
            raise ValueError(f"Expected {name} with sha256 {expected}: export again. Received: {received}")
    return manifest


def check_named(artifact, hashes, names):
    """Raises `ValueError` unless an artifact names all graphs that are needed; one with only a SavedModel has none."""
    missing = [name for name in names if name not in hashes]
    others = ", ".join(sorted({PurePosixPath(name).parts[0] for name in hashes})) or "nothing"
    if missing:
        expected = f"an artifact with {', '.join(missing)}: export it with --format onnx"
        raise ValueError(f"Expected {expected}. Received: {artifact}, with only {others}")


def check_manifest(manifest):
    """Raises `ValueError` or `KeyError` unless every value that a reader uses has the right kind."""
    check(isinstance(manifest, dict), "an object", manifest)
    check(isinstance(manifest["decoder"], str), "decoder, a name", manifest["decoder"])
    check(is_size(manifest["num_components"]), "num_components, an integer of at least 1", manifest["num_components"])
    check(is_list(manifest["x_shape"], is_size) and manifest["x_shape"], "x_shape, a list of sizes", manifest["x_shape"])
    check_latents(manifest)
    check(isinstance(manifest["noise"], dict), "noise, an object", manifest["noise"])
    check(is_size(manifest.get("condition", 1)), "condition, a number of attributes", manifest.get("condition"))
    check(isinstance(manifest.get("table", {}), dict), "table, an object", manifest.get("table"))
    for noise in (*manifest["noise"].values(), *([manifest["pixel_noise"]] if manifest["decoder"] == "pixel" else [])):
        check_noise(noise)
    for noise in manifest["noise"].values():
        check(noise["size"] is None or is_size(noise["size"]), "noise with a size, or null for one value", noise)
    check_draws(manifest.get("draws"), manifest["x_shape"])
    check(isinstance(manifest["sha256"], dict), "sha256, an object", manifest["sha256"])
    for name, digest in manifest["sha256"].items():
        check(is_inside(name), "names of files in the artifact folder", name)
        check(isinstance(digest, str) and len(digest) == 64, "hashes of 64 digits", digest)


def check_latents(manifest):
    """Raises an error unless the decoder has named inputs, and each component a weight."""
    latents, weights = manifest["latents"], manifest["component_weights"]
    check(isinstance(latents, dict) and latents, "latents, an object", latents)
    check(all(name.isidentifier() and (size is None or is_size(size)) for name, size in latents.items()), "latents by name", latents)
    check(is_list(weights, is_weight) and sum(weights) > 0, "component_weights, a list of numbers from 0 to 1", weights)
    check(len(weights) == manifest["num_components"], "component_weights, one for each component", len(weights))


def is_weight(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1.001


def check_noise(noise):
    """Raises an error unless the noise can be drawn."""
    check(isinstance(noise, dict), "noise, an object", noise)
    check(isinstance(noise["family"], str) and noise["family"] in STANDARD, f"noise of a family among {', '.join(STANDARD)}", noise)
    df = noise["df"]
    is_positive = isinstance(df, (int, float)) and not isinstance(df, bool) and 0 < df < float("inf")
    check(is_positive or (df is None and noise["family"] != "StudentT"), "noise with degrees of freedom above 0, or null", noise)


def check_draws(draws, x_shape):
    """Raises an error unless the draws are of blocks that make up the last axis of x, or there are none."""
    if draws is not None:
        check(is_list(draws, is_factor), "draws, a list of families with their parameters", draws)
        widths = [one["width"] for one in draws]
        check(is_list(widths, is_size) and sum(widths) == x_shape[-1], f"draws of {x_shape[-1]} values together", widths)
        expected = "draws whose parameters are lists of one number for each value of their block, or of one for all"
        check(fit_widths(draws), expected, [one["parameters"] for one in draws])


def is_size(value):
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SIZE


def is_list(values, is_member):
    return isinstance(values, list) and all(map(is_member, values))


def is_inside(name):
    """Returns whether a file name is relative and stays inside its folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name and "\0" not in name


def check(condition, expected, received):
    if not condition:
        raise ValueError(f"Expected {expected}. Received: {str(received)[:100]}")
