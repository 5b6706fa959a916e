"""An artifact folder, written next to the last good one, checked, and only then put in its place."""

import hashlib
import json
from pathlib import Path

import tensorflow as tf

from export.convert import OPSET, ExportError
from export.freeze import freeze
from export.int8 import write_int8
from export.manifest import FORMATS, check_formats
from export.onnx import TOLERANCE, described, relative_error
from export.precision import in_float32
from export.saved_model import write_saved_model
from export.storage.files import write_json
from export.storage.folders import folder_atomically
from export.storage.locks import locked_for
from keras_vaemix.core.part import require
from keras_vaemix.storage.loading import load_model
from keras_vaemix.storage.versions import versions


def export_run(run, out=None, formats=FORMATS, precision="float32"):
    """Exports the model of a run folder, by default to `run/export`, or that of a file `.keras`, and returns the artifact folder.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: `run` is a file, and there is no `out` (None); or a format or the precision is unknown.
    """
    check_formats(formats, precision)
    path = model_file(run)
    require(out or path.parent == Path(run), f"--out FOLDER to export the file {run} to", out=out)
    require(out or not is_artifact(path.parent), f"--out FOLDER to export the package {run} to, which holds its own files alone", out=out)
    out = Path(out or Path(run) / "export")
    check_replaceable(out)
    model = load_model(path)
    with locked_for(path.parent, out):
        return export_model(model, out, formats, precision)


def model_file(run):
    """Returns the path of the model of a run folder; a file `.keras` is itself one."""
    run = Path(run)
    path = run if run.is_file() and run.suffix == ".keras" else run / "model.keras"
    if not path.is_file():
        expected = "a run folder, any other folder with a trained model in model.keras, or a file that ends in .keras"
        raise FileNotFoundError(f"Expected {expected}. Received: {run}{received_instead(run)}")
    return path


def received_instead(run):
    """Says what is wrong with a path that is no model."""
    return ", a folder without model.keras" if run.is_dir() else ", another file" if run.exists() else ", which does not exist"


def export_model(model, out, formats=FORMATS, precision="float32"):
    """Exports a model and returns the artifact folder.

    Args:
        model: A model.
        out: Artifact folder: a new or empty one, or an earlier artifact, which is replaced; a link is followed and kept.
        formats: List of the formats to write, from `FORMATS`.
        precision: `"int8"` adds a decoder with 8-bit weights to the ONNX graphs, and its error to the manifest.

    Raises:
        ExportError: A written file failed a check. The last good artifact stays as it was.
        FileExistsError: `out` holds a model or something else, is not a folder, or contains the working folder of this process.
        FileNotFoundError: `out` is a link to nothing.
        ValueError: There is no format, or a format or the precision is unknown.
    """
    out = Path(out)
    check_formats(formats, precision)
    check_replaceable(out)
    with folder_atomically(out) as unfinished:
        write_artifact(model, unfinished, formats, precision)
    return out


def check_replaceable(out, has_model=False):
    """Raises an `OSError` unless an artifact can replace `out`, or with `has_model` a package, which holds the model too."""
    if out.is_symlink() and not out.exists():
        raise FileNotFoundError(f"Expected an artifact folder or a link to one: make its target. Received: {out}, a link to nothing")
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"Expected an artifact folder, an empty one or none: choose another --out. Received: {out}, a file")
    if Path.cwd().is_relative_to(out.resolve()):
        raise FileExistsError(f"Expected a folder that can be replaced, not the working folder: choose another --out. Received: {out}")
    if (out / "model.keras").exists() and not has_model:
        raise FileExistsError(f"Expected a folder without a model, which would be lost: choose another --out. Received: {out}")
    if out.exists() and any(out.iterdir()) and not is_artifact(out):
        raise FileExistsError(f"Expected an artifact folder, an empty one or none: choose another --out. Received: {out}, with other files")


def is_artifact(folder):
    """Returns whether a folder has a manifest of this library, and not one of another tool."""
    try:
        found = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("versions"), dict) and "keras_vaemix" in found["versions"]


def write_artifact(model, folder, formats, precision="float32"):
    frozen = freeze(in_float32(model))
    errors = frozen.write_onnx(folder) if "onnx" in formats else {}
    if "saved_model" in formats:
        write_saved_model(frozen, folder / "saved_model")
        check_saved_model(frozen, folder / "saved_model")
    int8 = {"int8": write_int8(frozen, folder)} if precision == "int8" else {}
    graphs = {path.name: described(path) for path in sorted(folder.glob("*.onnx"))}
    found = {**manifest(frozen), "graphs": graphs, "onnx_errors": errors, **int8, "sha256": hashes(folder)}
    write_json(folder / "manifest.json", found)


def check_saved_model(frozen, path):
    """Raises `ExportError` unless the reloaded SavedModel decodes as the model does."""
    inputs = {name: tf.constant(value) for name, value in frozen.examples(frozen.decode_inputs(), 8).items()}
    received = tf.saved_model.load(str(path)).signatures["decode"](**inputs)["x"]
    error = relative_error(received, frozen.decode(*inputs.values()))
    if not error <= TOLERANCE:
        raise ExportError(f"Expected the SavedModel to decode as the model does, to {TOLERANCE}. Received: error {error}")


def manifest(frozen):
    """Returns everything that a user of the artifact needs to know."""
    sampler, model = frozen.sampler, frozen.model
    return {
        **frozen.facts(),
        **{part: type(getattr(model, part)).__name__ for part in ("prior", "likelihood" if model.has_likelihood else "cost")},
        "x_shape": list(model.example_shape),
        "latents": model.latent_sizes,
        **({} if model.condition_size is None else {"condition": model.condition_size}),
        "num_components": int(sampler.num_components),
        "component_weights": [float(w) for w in sampler.weights()],
        "noise": {name: one._asdict() for name, one in frozen.noise().items()},
        **({} if (draws := frozen.draws()) is None else {"draws": draws}),
        "opset": OPSET,
        "versions": versions(),
    }


def hashes(folder):
    """Returns the sha256 of each file in a folder but its manifest, by the file's name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / "manifest.json")
    return {str(path.relative_to(folder)): sha256(path) for path in files}


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
