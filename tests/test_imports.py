"""Imports go one way."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Every room with the rooms that it may import, each of which stands above it. A room is a package, or a file that lies beside packages.
ROOMS = {
    "export.families": "",
    "export.manifest": "export.families",
    "export.tables": "export.manifest",
    "keras_vaemix.core": "",
    "keras_vaemix.version": "",
    "keras_vaemix.storage": "keras_vaemix.core keras_vaemix.version",
    "keras_vaemix.likelihoods": "keras_vaemix.core",
    "keras_vaemix.mixtures": "keras_vaemix.core",
    "keras_vaemix.networks": "keras_vaemix.core",
    "keras_vaemix.divergences": "keras_vaemix.core keras_vaemix.mixtures",
    "keras_vaemix.regularizers": "keras_vaemix.core keras_vaemix.likelihoods",
    "keras_vaemix.objectives": "keras_vaemix.core keras_vaemix.divergences keras_vaemix.regularizers",
    "keras_vaemix.importance": "keras_vaemix.core keras_vaemix.objectives",
    "keras_vaemix.imputation": "keras_vaemix.core keras_vaemix.objectives keras_vaemix.importance",
    "keras_vaemix.posteriors": "keras_vaemix.core keras_vaemix.networks",
    "keras_vaemix.categorical": "keras_vaemix.core keras_vaemix.posteriors",
    "keras_vaemix.priors": "keras_vaemix.core keras_vaemix.mixtures keras_vaemix.networks",
    "keras_vaemix.models.base": (
        "keras_vaemix.core keras_vaemix.likelihoods keras_vaemix.networks keras_vaemix.divergences "
        "keras_vaemix.objectives keras_vaemix.importance keras_vaemix.imputation keras_vaemix.posteriors keras_vaemix.regularizers "
        "keras_vaemix.priors"
    ),
    "keras_vaemix.models": (
        "keras_vaemix.core keras_vaemix.likelihoods keras_vaemix.mixtures keras_vaemix.divergences keras_vaemix.objectives "
        "keras_vaemix.posteriors keras_vaemix.categorical keras_vaemix.regularizers keras_vaemix.priors "
        "keras_vaemix.models.base"
    ),
    "keras_vaemix.pretraining": ("keras_vaemix.core keras_vaemix.mixtures keras_vaemix.posteriors keras_vaemix.priors keras_vaemix.models"),
    "keras_vaemix.evaluation": (
        "keras_vaemix.core keras_vaemix.mixtures keras_vaemix.divergences keras_vaemix.objectives "
        "keras_vaemix.importance keras_vaemix.posteriors keras_vaemix.priors keras_vaemix.models"
    ),
    "keras_vaemix.visualization": "keras_vaemix.core keras_vaemix.priors keras_vaemix.models keras_vaemix.evaluation",
    "keras_vaemix.verify": ("keras_vaemix.core keras_vaemix.divergences keras_vaemix.objectives keras_vaemix.evaluation"),
    "keras_vaemix.callbacks": "keras_vaemix.core keras_vaemix.models.base keras_vaemix.evaluation keras_vaemix.visualization",
    "keras_vaemix.integrations": (
        "keras_vaemix.core keras_vaemix.networks keras_vaemix.likelihoods keras_vaemix.posteriors keras_vaemix.priors keras_vaemix.models "
        "keras_vaemix.pretraining keras_vaemix.callbacks keras_vaemix.storage export.tables"
    ),
    "keras_vaemix": (
        "keras_vaemix.core keras_vaemix.version keras_vaemix.storage keras_vaemix.likelihoods "
        "keras_vaemix.networks keras_vaemix.divergences keras_vaemix.objectives keras_vaemix.posteriors "
        "keras_vaemix.categorical keras_vaemix.regularizers keras_vaemix.priors keras_vaemix.models "
        "keras_vaemix.pretraining keras_vaemix.evaluation keras_vaemix.verify keras_vaemix.callbacks"
    ),
    "export.shell": "",
    "export.storage": "",
    "export.sample": "export.shell export.families export.manifest",
    "export.server": "export.families export.manifest export.sample",
    "export.serve": "export.shell export.server",
    "export": (
        "export.shell export.families export.manifest export.sample keras_vaemix.core keras_vaemix.networks keras_vaemix.models "
        "keras_vaemix.integrations export.storage keras_vaemix.storage"
    ),
    "training.distributed": "keras_vaemix.core",
    "training.data": "keras_vaemix.core export.storage keras_vaemix.storage training.distributed",
    "training.features": "keras_vaemix.core keras_vaemix.evaluation export.storage training.data",
    "training.presets": "export.shell keras_vaemix.core keras_vaemix.integrations keras_vaemix training.distributed training.data",
    "training.runs": "keras_vaemix.core keras_vaemix.callbacks export.storage keras_vaemix.storage training.data training.presets",
    "training.findings": (
        "export.shell keras_vaemix.core keras_vaemix.evaluation keras_vaemix.visualization keras_vaemix.verify keras_vaemix "
        "keras_vaemix.storage training.data training.presets training.runs"
    ),
    "training.papers": "export.shell export.storage training.presets training.findings",
    "training.jobs": (
        "export.shell keras_vaemix.core keras_vaemix.likelihoods keras_vaemix.priors keras_vaemix.models keras_vaemix.evaluation "
        "keras_vaemix.visualization keras_vaemix.verify keras_vaemix.callbacks export.storage keras_vaemix.storage export "
        "training.distributed training.data training.features training.presets training.papers training.runs export.sample"
    ),
    "training": "export.shell export.storage training.distributed training.presets training.papers training.jobs",
}


def room_of(module):
    """The room that a module, or a name in one, is in; None outside of the project."""
    parts = module.split(".")
    return next((room for n in range(len(parts), 0, -1) if (room := ".".join(parts[:n])) in ROOMS), None)


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = sorted(path for top in ("keras_vaemix", "training", "export") for path in (ROOT / top).rglob("*.py"))


def imported(path):
    """The modules that a file imports, at once or when they are first used, with their full names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Later":
            names |= {ast.literal_eval(node.args[0])}
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    allowed = {room, None, *ROOMS[room].split()}
    files = [path for path in FILES if room_of(module_of(path)) == room]
    assert [
        (path.name, name) for path in files for name in imported(path) if room_of(name) not in allowed or name.startswith("tests.")
    ] == []


def test_rooms_have_an_order():
    for i, (room, below) in enumerate(ROOMS.items()):
        assert set(below.split()) <= set(list(ROOMS)[:i]), room


def test_every_folder_is_a_room():
    assert {module_of(path) for path in FILES if path.name == "__init__.py"} <= set(ROOMS)


def test_no_arrow_is_for_nothing():
    arrows = {(room_of(module_of(path)), room_of(name)) for path in FILES for name in imported(path)}
    assert {(room, other) for room, below in ROOMS.items() for other in below.split()} <= arrows


def test_export_sample_stands_alone():
    files = [*(ROOT / "export" / "shell").glob("*.py"), *(ROOT / "export" / f"{name}.py" for name in ("sample", "manifest", "families"))]
    names = set.union(*map(imported, files))
    assert {name for name in names if name.startswith("export") and room_of(name) != "export.shell"} <= {
        "export.families",
        "export.families.STANDARD",
        "export.families.fit_widths",
        "export.families.is_factor",
        "export.manifest",
        "export.manifest.locate",
        "export.manifest.read_manifest",
    }
    tops = {name.split(".")[0] for name in names} - {"export"}
    assert tops - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


def test_export_serve_does_without_tensorflow():
    names = set.union(*(imported(path) for path in FILES if room_of(module_of(path)) in ("export.server", "export.serve")))
    outside = {name.split(".")[0] for name in names if room_of(name) is None} - set(sys.stdlib_module_names)
    assert outside == {"fastapi", "starlette", "pydantic", "uvicorn", "prometheus_client", "numpy", "onnxruntime"}


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
            left += {n for name in imported(path) for n in (name, name.rpartition(".")[0])}
    outside = {name.split(".")[0] for module in seen for name in imported(ROOT / f"{module.replace('.', '/')}.py")}
    assert len(seen) > 8
    assert outside - set(sys.stdlib_module_names) == {"tests", "numpy", "torch"}
