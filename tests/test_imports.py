"""Imports go one way."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A module may import those of its own layer and of the layers above it in this list.
LAYERS = [
    ["backend", "blocks", "part", "progress", "replicas", "seeds", "shapes", "version", "weights", "xla", "batch"],
    ["supports", "mixtures", "gaussian_mixture", "categories", "embeddings"],
    ["networks", "likelihoods", "posteriors", "inverse_autoregressive", "priors", "divergences"],
    ["heads", "category_posteriors", "costs", "discrepancies", "adversarial", "moments", "penalties"],
    ["objectives"],
    ["importance"],
    ["models"],
    ["evaluation", "plots", "starts"],
    ["pictures"],
    ["verify"],
    ["callbacks"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imported(path):
    """The modules that a file imports, with their full names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "keras_vaemix").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_library(path):
    layer = path.relative_to(ROOT / "keras_vaemix").parts[0].removesuffix(".py")
    for name in imported(path):
        top, *rest = name.split(".")
        assert top not in ("training", "export", "tests")
        if top == "keras_vaemix" and rest and rest[0] in LEVEL and layer != "__init__":
            assert LEVEL[rest[0]] <= LEVEL[layer], f"{path} imports {name}"


def test_every_module_has_a_layer():
    modules = {path.stem if path.is_file() else path.name for path in (ROOT / "keras_vaemix").iterdir() if not path.name.startswith("__")}
    assert modules == set(LEVEL)


def test_export_sample_stands_alone():
    names = set.union(*(imported(ROOT / "export" / f"{name}.py") for name in ("sample", "manifest", "flags")))
    assert {name for name in names if name.startswith("export")} <= {
        "export",
        "export.flags",
        "export.manifest",
        "export.manifest.STANDARD",
        "export.manifest.read_manifest",
    }
    tops = {name.split(".")[0] for name in names} - {"export"}
    assert tops - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("module", ["keras_vaemix", "keras_vaemix.priors", "training.train", "export.__main__"])
def test_another_backend_is_one_error(backend, module):
    arguments = ["-c", f"import {module}"] if module.startswith("keras_vaemix") else ["-m", module, "vae_digits"]
    result = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True
    )
    assert result.returncode == 1
    error = "Expected Keras on TensorFlow, which keras_vaemix needs: set KERAS_BACKEND=tensorflow before Python starts. "
    assert result.stderr.splitlines()[-1].partition(": ")[2] == f"{error}Received: the backend {backend}"
    assert len(result.stderr.splitlines()) == 1 or arguments[0] == "-c"


def test_a_backend_that_keras_was_configured_with_is_found(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"} | {"KERAS_HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", "import keras_vaemix"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.stderr.splitlines()[-1].endswith("Received: the backend numpy")


def test_rivals_on_a_gpu_need_pytorch_and_numpy_alone():
    seen, left = set(), ["tests.benchmarks.gpu_rivals"]
    while left:
        name = left.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if name not in seen and path.is_file():
            seen.add(name)
            left += imported(path)
    outside = {name.split(".")[0] for module in seen for name in imported(ROOT / f"{module.replace('.', '/')}.py")}
    assert len(seen) > 8
    assert outside - set(sys.stdlib_module_names) == {"tests", "numpy", "torch"}
