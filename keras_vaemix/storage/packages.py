"""Packages: folders with a trained model and what is known of it, each file of which is checked before the model is loaded."""

import contextlib
import hashlib
import importlib
import json
import re
from pathlib import Path

from keras_vaemix.core.part import require
from keras_vaemix.storage.loading import load_model

BUNDLED = Path(__file__).parents[1] / "packages"
SOURCES = {"hf": "keras_vaemix.integrations.hub"}  # by scheme, the module whose `fetched` provides packages; imported when first used
NEEDED = ("README.md", "config.json", "evaluation.json", "manifest.json", "model.keras", "sampler.onnx")
GRAPHS = ("decoder.onnx", "pixel_context.onnx", "pixel_step.onnx", "sampler.onnx")
FILES = tuple(sorted({*NEEDED, *GRAPHS}))  # all that a package may hold: no other name is ever opened
MAX_BYTES = 2**30  # of a package
MAX_MANIFEST_BYTES = 2**20


def from_package(source):
    """Returns the trained model of a package.

    A package is a folder that `python -m export RUN --layout package` writes. Its manifest names the sha256 of every other file. The
    model is loaded with `safe_mode=True`, and only if all files are as named.

    Args:
        source: A folder; or, if it does not exist, the name of a bundled package, `"vamp_mnist"` or `"cp_vae_digits"`; or
            `"hf://USER/NAME"` or `"hf://USER/NAME@REVISION"`, a model on the Hugging Face Hub, for which the extra `hub`
            is needed.

    Raises:
        ValueError: There is no such package, a file is missing, surplus, too large or not the one that the manifest names, or
            `model.keras` is not a whole model of this library.
        OSError: The package could not be fetched.
    """
    with opened(str(source)) as folder:
        check_package(folder)
        return load_model(folder / "model.keras")


def opened(source):
    """Returns a context with the folder of a package."""
    scheme, separator, address = source.partition("://")
    if separator:
        require(scheme in SOURCES, f"a package at {' or '.join(f'{known}://' for known in SOURCES)}, a folder or a name", source=source)
        return importlib.import_module(SOURCES[scheme]).fetched(address)
    folder = BUNDLED / source if not Path(source).exists() and source in bundled() else Path(source)
    require(folder.is_dir(), f"a package: a folder, hf://USER/NAME, or one of {', '.join(bundled())}", source=source)
    return contextlib.nullcontext(folder)


def bundled():
    """Returns the names of the packages that come with the library."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/manifest.json"))


def check_package(folder):
    """Raises `ValueError` unless a folder holds the files of a package, those that its manifest names, with their hashes."""
    found = {path.name: path for path in folder.iterdir()}
    for name, path in sorted(found.items()):
        check_name(name)
        require(path.is_file() and not path.is_symlink(), f"{name} to be a file, neither a folder nor a link", package=str(folder))
    check_sizes({name: path.stat().st_size for name, path in found.items()})
    hashes = read_hashes(folder / "manifest.json")
    for name in sorted(found.keys() ^ {*hashes, "manifest.json"}):
        expected = f"{name}, which the manifest names" if name in hashes else f"no {name}, which the manifest does not name"
        require(False, f"{expected}: fetch the package again", package=str(folder))
    for name, expected in hashes.items():
        with open(found[name], "rb") as file:
            received = hashlib.file_digest(file, "sha256").hexdigest()
        require(received == expected, f"{name} with sha256 {expected}: fetch the package again", sha256=received)


def check_name(name):
    """Raises `ValueError` unless a package may hold a file of this name: no path, link of Windows or device has one of them."""
    require(name in FILES, f"only {', '.join(FILES)} in a package", file=name)


def check_sizes(sizes):
    """Raises `ValueError` unless files of these sizes, by name, can be a package."""
    for name in NEEDED:
        require(name in sizes, f"{name} in a package", files=sorted(sizes))
    require(sum(sizes.values()) <= MAX_BYTES, f"a package of at most {MAX_BYTES} bytes", bytes=sum(sizes.values()))
    size = sizes["manifest.json"]
    require(size <= MAX_MANIFEST_BYTES, f"manifest.json of at most {MAX_MANIFEST_BYTES} bytes", bytes=size)


def read_hashes(path):
    """Returns the sha256 of each file that a manifest names, by name; raises `ValueError` unless all of them are of a package."""
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected {path} to hold JSON. Received: {error}") from None
    hashes = manifest.get("sha256") if isinstance(manifest, dict) else None
    require(isinstance(hashes, dict), f"{path} to hold an object with sha256, an object", sha256=hashes)
    for name, digest in hashes.items():
        check_name(name)
        is_digest = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
        require(is_digest, f"the sha256 of {name} to be 64 hexadecimal digits", sha256=str(digest)[:100])
    return hashes
