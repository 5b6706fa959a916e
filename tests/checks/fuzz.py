"""Thousands of hostile inputs: each ends in one clear error or none, and writes only where it was told to.

    python -m tests.checks.fuzz --inputs 2000

prints {target: {inputs, failures}}.
"""

import argparse
import contextlib
import copy
import hashlib
import io
import json
import os
import sys
import tempfile
import unittest.mock
import warnings
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([-1, 0, 1, 2**70, "../x", "/x", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def mutated_bytes(valid):
    """Returns a strategy of valid files with bytes changed, inserted, removed or cut off."""

    @st.composite
    def draw(draw):
        data = bytearray(draw(st.sampled_from(valid)))
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, max(0, len(data) - 1)))
            how = draw(st.sampled_from(["change", "insert", "remove", "cut"]))
            piece = draw(st.binary(min_size=1, max_size=4))
            data[at : len(data) if how == "cut" else at + {"change": len(piece), "insert": 0, "remove": 4}[how]] = (
                piece if how in ("change", "insert") else b""
            )
        return bytes(data)

    return draw() | st.binary(max_size=200)


def mutated_json(valid):
    """Returns a strategy of a JSON structure with some values replaced or missing."""

    @st.composite
    def draw(draw):
        value = copy.deepcopy(valid)
        for _ in range(draw(st.integers(1, 3))):
            inner = value
            while True:
                key = draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.integers(0, len(inner) - 1))
                if not (isinstance(inner[key], (dict, list)) and inner[key] and draw(st.booleans())):
                    break
                inner = inner[key]
            if isinstance(inner, dict) and len(inner) > 1 and draw(st.booleans()):
                del inner[key]
            else:
                inner[key] = draw(JSON)
        return value

    return draw() | JSON


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


DTYPES = ["uint8", "int64", "float16", "float32", "float64", "bool", "complex64", "<U2", "S3", "datetime64[s]", "i4,f8", ">f4"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ARRAYS = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), SHAPES))
NAMES = st.sampled_from(["x", "y", "x_train", "x_val", "x_validation", "x_test", "y_train", "y_test", "y_val"])
NPZ = mutated_bytes([npz(x=np.zeros((30, 2, 2), "uint8")), npz(x_train=np.ones((9, 2)), y_train=np.arange(9))]) | st.dictionaries(
    NAMES, ARRAYS, min_size=1, max_size=4
).map(lambda arrays: npz(**arrays))


def load_npz(data, folder):
    from training.data import load

    (folder / "in.npz").write_bytes(data)
    load(f"npz:{folder / 'in.npz'}")


def image_files():
    """Returns small valid images of every supported kind."""
    from PIL import Image

    files = []
    for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP"):
        for mode in ("RGB", "L") + (("RGBA", "P", "LA") if kind == "PNG" else ()):
            file = io.BytesIO()
            Image.new(mode, (5, 4)).save(file, kind)
            files.append(file.getvalue())
    return files


def load_folder(data, folder):
    from training.data import load

    images = folder / "images"
    images.mkdir(exist_ok=True)
    for name in ("a", "b", "c", "d"):
        (images / f"{name}.png").write_bytes(VALID_IMAGES[0])
    (images / "e.jpg").write_bytes(data)
    load(f"folder:{images}", image_size=4)


VALID_IMAGES = image_files()
CONFIG = {
    "preset": "vae_digits",
    "dataset": "digits",
    "image_size": 64,
    "data_sha256": "0",
    "seed": 0,
    "epochs": 3,
    "batch_size": 100,
    "arguments": {"latent_dim": 4},
    "command": "python -m training.train",
    "monitor": "val_loss",
    "strategy": "auto",
    "precision": "float32",
    "versions": {},
}
HISTORY = b"epoch,loss,val_loss\r\n0,1.5,2.5\r\n1,1.25,nan\r\n"


def read_run(value, folder):
    """Opens a run with this config.json, with a mocked model, and resumes it."""
    from training.runs import run

    path = folder / "run" / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))
    with unittest.mock.patch.object(run, "load_model", return_value=None), contextlib.suppress(ValueError, OSError):
        run.open_run(path.parent, None)
    run.Run(path.parent, CONFIG, resume=True)


def read_past(data, folder):
    """Reads this history.csv as a resumed run does."""
    from export.storage.files import read_history
    from training.runs import run

    (folder / "history.csv").write_bytes(data)
    run.best_epoch(read_history(folder / "history.csv"), "val_loss")


def artifact(folder):
    """Writes an artifact whose sampler gives back its noise, and returns its manifest."""
    from onnx import TensorProto, helper

    kinds = {"u": (TensorProto.FLOAT, ["N"]), "eps": (TensorProto.FLOAT, ["N", 3]), "component": (TensorProto.INT64, ["N"])}
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in (("eps", "x"), ("component", "component_drawn"))]
    inputs = [helper.make_tensor_value_info(name, *kind) for name, kind in kinds.items()]
    outputs = [helper.make_tensor_value_info(b, *kinds[a]) for a, b in (("eps", "x"), ("component", "component_drawn"))]
    graph = helper.make_graph(nodes, "sampler", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir(exist_ok=True)
    (folder / "sampler.onnx").write_bytes(model.SerializeToString())
    return {
        "decoder": "map",
        "num_components": 4,
        "component_weights": [0.25] * 4,
        "latents": {"z": 3},
        "x_shape": [3],
        "noise": {"eps": {"family": "Normal", "df": None, "size": 3}},
        "sha256": {"sampler.onnx": hashlib.sha256((folder / "sampler.onnx").read_bytes()).hexdigest()},
    }


with tempfile.TemporaryDirectory() as _folder:
    MANIFEST = artifact(Path(_folder))


def sample_artifact(value, folder):
    import export.sample

    artifact(folder / "artifact")
    (folder / "artifact" / "manifest.json").write_text(json.dumps(value))
    return export.sample.main([str(folder / "artifact"), "--num", "3", "--component", "0", "--out", str(folder / "out.npy")])


VALUES = ("", "0", "-1", "1", "3", "x", "nan", "1e400", "9" * 30, "absent", "run", "npz:absent.npz", "folder:absent", "--", "-h", "\0")
COMMANDS = {
    "training.train": (
        *("vae_digits", "cp_vae_digits", "gamix_faces", "--list", "--dataset", "--data-dir", "--image-size", "--run-dir", "--resume"),
        *("--epochs", "--batch-size", "--warm-up", "--seed", "--checkpoint-seconds", "--strategy", "--likelihood-samples", "--features"),
        *("--latent-dim", "--kl", "--no-flip", "--num-components", "--dump-bad-batch", "--split", "--epochs=2", "mirrored", "lenet"),
        "--patience",
    ),
    "training.evaluate": ("--split", "test", "--num-samples", "--likelihood-examples", "--features", "--check", "--data-dir"),
    "training.pictures": ("--what", "samples", "variants", "--attribute", "--latents", "--split", "--data-dir", "--out", "out/p.png"),
    "training.reproduce": (
        *("cp_vae_table1", "vae", "mog_toy", "--rows", "--seeds", "--dataset", "--epochs", "--warm-up", "--data-dir", "--runs", "--out"),
        *("--patience", "out", "--minutes", "--status", "--likelihood-samples", "--likelihood-examples", "--strategy", "--list"),
    ),
    "export.__main__": ("--out", "out", "--format", "onnx", "saved_model", "onnx,saved_model"),
    "export.sample": ("artifact", "--num", "--component", "--seed", "--out", "out/s.npy", "out/s.png"),
}
WORDS = st.sampled_from(sorted(COMMANDS)).flatmap(
    lambda name: st.tuples(st.just(name), st.lists(st.sampled_from([*COMMANDS[name], *VALUES]) | st.text(max_size=4), max_size=6))
)


def command(value, folder):
    """Runs a command line, up to where it reads data or trains, and checks that it writes only where it was told to."""
    name, words = value
    (folder / "out").mkdir(exist_ok=True)
    (folder / "run").mkdir(exist_ok=True)
    (folder / "artifact" / "manifest.json").parent.mkdir(exist_ok=True)
    (folder / "artifact" / "manifest.json").write_text(json.dumps(artifact(folder / "artifact")))
    before = set(folder.rglob("*"))
    module = __import__(name, fromlist=["main"])
    with contextlib.ExitStack() as stack:
        for target in ("training.data.load", "training.jobs.reproduce.measure"):
            stack.enter_context(unittest.mock.patch(target, side_effect=ValueError("Expected nothing more. Received: a valid command")))
        stack.enter_context(unittest.mock.patch.dict("os.environ", VAEMIX_RUNS=str(folder / "out" / "runs")))
        stack.enter_context(contextlib.chdir(folder))
        status = module.main(words)
    new = {path.relative_to(folder).parts[0] for path in set(folder.rglob("*")) - before} - {"out"}
    if new - {part.partition("=")[2] or part for word in words for part in word.split("/")}:
        raise AssertionError(f"wrote {new}")
    return status


TARGETS = {
    "npz": (NPZ, load_npz),
    "folder": (mutated_bytes(VALID_IMAGES), load_folder),
    "manifest": (mutated_json(MANIFEST), sample_artifact),
    "config": (mutated_json(CONFIG), read_run),
    "history": (mutated_bytes([HISTORY]), read_past),
    "commands": (WORDS, command),
}


def failure(read, value, folder):
    """Returns what went wrong with an input, or None: anything but a `ValueError` or `OSError` with a message, or a status of 0, 1 or 2."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = read(value, folder)
        return None if status in (None, 0) or (status == 1 and err.getvalue().strip()) else f"status {status}: {err.getvalue()}"
    except (ValueError, OSError) as error:
        return None if str(error) else repr(error)
    except SystemExit as stop:
        return None if stop.code in (0, 2) and out.getvalue() + err.getvalue() else f"exit {stop.code}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def fuzz(target, num_inputs):
    """Tries inputs and returns the numbers of inputs and of failures; prints one failure of each kind with its input."""
    strategy, read = TARGETS[target]
    failures, count, seen = [], 0, set()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # NumPy's own, about numbers that overflow: they go to standard error, without a traceback.
        warnings.simplefilter("ignore")

        @hypothesis.settings(
            max_examples=num_inputs,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(strategy)
        def attempt(value):
            nonlocal count
            count += 1
            wrong = failure(read, value, Path(folder))
            if wrong is not None:
                failures.append(wrong)
                if wrong[:60] not in seen:
                    seen.add(wrong[:60])
                    print(f"{target}: {wrong}\n    {value!r}"[:1000], file=sys.stderr, flush=True)

        with unittest.mock.patch.dict(os.environ, {"VAEMIX_CACHE": folder, "VAEMIX_DATA": ""}):
            attempt()
    return {"inputs": count, "failures": len(failures)}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.checks.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000, help="number of inputs for each target")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS, help="targets (default: all)")
    args = parser.parse_args(argv)
    report = {target: fuzz(target, args.inputs) for target in args.targets}
    print(json.dumps(report, indent=2))
    return 1 if any(row["failures"] for row in report.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
