"""Packages: what is written comes back, what was tampered with does not, and bundled ones are drawn without TensorFlow."""

import io
import math
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import ml_dtypes
import numpy as np
import onnx
import pytest
from huggingface_hub import ModelCard
from onnx import numpy_helper

import export.__main__ as command
import export.manifest
import export.sample
import keras_vaemix as vm
from export.artifact import export_run, hashes, is_artifact, sha256
from export.compact import narrow, rounded
from export.package import write_package
from export.storage.files import read_json, write_json
from keras_vaemix.integrations import model_card
from keras_vaemix.storage import packages
from tests import catalogue
from tests.checks import parity
from tests.export.test_export import WITHOUT_TENSORFLOW
from tests.integrations import local_hub

ROOT = Path(__file__).parents[2]
EVALUATION = {
    "elbo": -9.123456789,
    "elbo_se": 0.0123456,
    "kl": 2.5,
    "kl_se": 0.25,
    "log_likelihood": -8.75,
    "log_likelihood_se": 0.125,
    "active_units": 3,
    "divergence_split": {"kl": 2.5},
    "num_examples": 30,
    "num_likelihood_examples": 20,
    "num_samples": 10,
    "split": "test",
}
CONFIG = {
    "preset": "vae_digits",
    "arguments": {},
    "dataset": "npz:/home/someone/squares.npz",
    "data_sha256": 64 * "0",
    "image_size": 64,
    "seed": 3,
    "epochs": 5,
    "protocol": {"epochs": 9},
    "command": "python -m training.train vae_digits --dataset npz:/home/someone/squares.npz --run-dir /home/someone/run",
}
OTHERS = ["EmpiricalBayesVAE", "VAEIOP", "FactorVAE", "GAMIXVAE", "PixelVAE", "PixelHierarchicalVAE"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of a model with an optimizer, packaged."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    keras.utils.set_random_seed(1)
    model = catalogue.make()
    model.compile("adam", jit_compile=False)
    model.fit(np.zeros((4, 4, 4, 1), "float32"), verbose=0)
    model.save(folder / "model.keras")
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "evaluation.json", EVALUATION)
    (folder / "history.csv").write_text("epoch,loss\n0,3.0\n1,2.0\n")
    assert command.main([str(folder), "--layout", "package", "--out", str(folder / "squares")]) == 0
    return folder


@pytest.fixture
def package(run, tmp_path):
    """A copy of the package."""
    return shutil.copytree(run / "squares", tmp_path / "squares")


def test_what_is_packaged_comes_back(run):
    model, folder = vm.from_package(run / "squares"), run / "squares"
    before = keras.saving.load_model(run / "model.keras")
    assert {path.name for path in folder.iterdir()} == {*packages.NEEDED, "decoder.onnx"}
    for received, expected in zip(model.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)
    np.testing.assert_array_equal(model.sample(5, seed=2), before.sample(5, seed=2))
    assert read_json(folder / "evaluation.json") == EVALUATION
    assert read_json(folder / "config.json") == {
        **CONFIG,
        "dataset": "npz:squares.npz",
        "command": "python -m training.train vae_digits --dataset npz:squares.npz",
        "epochs_trained": 2,
    }
    errors = read_json(folder / "manifest.json")["onnx_errors"]
    assert set(errors) == {"decoder.onnx", "sampler.onnx"}
    assert all(0 < error <= 1e-5 for error in errors.values())
    assert not any("optimizer" in layer for layer in stored(folder / "model.keras"))
    x, _ = export.sample.sample(folder, 5)
    assert x.shape == (5, 4, 4, 1)


def stored(path):
    """Returns the names of all groups in the weights of a .keras file."""
    names = []
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visit(names.append)
    return names


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model-CPVAE-held", "model-HierarchicalVAE-vamp", "model-TwoStageVAE", "autoencoder-mask", *OTHERS])
def test_models_of_every_kind_come_back(name, tmp_path):
    model = parity.shaken(catalogue.EVERY_MODEL[name])
    write_package(model, {**CONFIG, "epochs_trained": 1}, EVALUATION, tmp_path / "package", "mit")
    received = vm.from_package(tmp_path / "package")
    np.testing.assert_array_equal(received.sample(4, seed=2), model.sample(4, seed=2))
    x, _ = export.sample.sample(tmp_path / "package", 4)
    assert x.shape == (4, *model.example_shape)


def test_the_card_has_the_figures_of_the_evaluation(run):
    card = ModelCard.load(run / "squares" / "README.md")
    of_card = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert of_card == {name: EVALUATION[name] for name in ("elbo", "kl", "log_likelihood", "active_units")}
    assert (card.data.license, card.data.datasets) == ("apache-2.0", ["npz:squares.npz"])
    for text in (
        "| `elbo` | -9.12 ± 0.01 |",
        "| `active_units` | 3 |",
        "Of the test split, 30 examples; the log-likelihood of 20 of them, by 10 importance samples each.",
        "| epochs | 2, at most 5 were asked for, 9 by the protocol |",
        "examples of shape [4, 4, 1] with values in {0, 1}",
    ):
        assert text in card.text
    assert "unfinished" not in card.text


def test_a_card_leaves_out_what_is_not_known():
    assert model_card.figures_of({"elbo": -9.0, "elbo_se": math.nan, "log_likelihood_sampling_error": math.nan}) == {"elbo": (-9.0, None)}


@pytest.mark.parametrize(
    ("likelihood", "values"),
    [(vm.Poisson(), "values in the counts {0, 1, 2, ...}"), (vm.Beta(), "values in (0, 1)"), (vm.Normal(), "any real values")],
)
def test_the_card_of_a_table_says_what_its_values_are_and_shows_no_pictures(likelihood, values):
    versions = {"keras_vaemix": "0.1.0"}
    parts = {"model": "VAE", "prior": "StandardNormal", "likelihood": type(likelihood).__name__, "num_components": 1, "latent_dim": 2}
    manifest = {**parts, "x_shape": [7], "versions": versions}
    config = {**CONFIG, "epochs_trained": 2}
    card = ModelCard(model_card.model_card("visits", config, EVALUATION, manifest, "mit", likelihood.support))
    assert f"examples of shape [7] with {values}." in card.text
    assert "`python -m export.sample visits --out rows.npy`" in card.text
    assert (card.data.pipeline_tag, {result.task_type for result in card.data.eval_results}) == (None, {"other"})


def test_data_with_terms_of_their_own_need_a_chosen_licence(tmp_path, capsys):
    write_json(tmp_path / "config.json", {**CONFIG, "dataset": "celeb_a"})
    write_json(tmp_path / "evaluation.json", EVALUATION)
    before = sorted(tmp_path.iterdir())
    assert command.main([str(tmp_path), "--layout", "package"]) == 1
    assert "Expected --license with one that fits the terms of celeb_a" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
    assert model_card.license_of("celeb_a", "cc-by-nc-4.0") == "cc-by-nc-4.0"


def change(name):
    """Returns a function that changes a byte in the middle of a file of a package."""

    def tamper(folder):
        contents = bytearray((folder / name).read_bytes())
        contents[len(contents) // 2] ^= 1
        (folder / name).write_bytes(contents)

    return tamper


def manifest_with(**changes):
    """Returns a function that changes entries of the hashes; None removes one."""

    def tamper(folder):
        manifest = read_json(folder / "manifest.json")
        merged = {**manifest["sha256"], **changes}
        write_json(folder / "manifest.json", {**manifest, "sha256": {name: one for name, one in merged.items() if one is not None}})

    return tamper


def link(name):
    def tamper(folder):
        (folder / name).rename(folder.parent / name)
        (folder / name).symlink_to(folder.parent / name)

    return tamper


def replace_by(name, make):
    def tamper(folder):
        (folder / name).unlink()
        make(folder / name)

    return tamper


def grow(name, size):
    return lambda folder: os.truncate(folder / name, size)


def with_code(folder):
    """Puts a model that holds code in place of the package's, and its hash into the manifest."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)])
    model.save(folder / "model.keras")
    manifest_with(**{"model.keras": sha256(folder / "model.keras")})(folder)


def with_weights_elsewhere(folder):
    """Moves an array of the model to a file outside of the package, to which a link in the weights leads."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights, names = io.BytesIO(members["model.weights.h5"]), []
    with h5py.File(weights, "r+") as file, h5py.File(folder.parent / "secret.h5", "w") as secret:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        secret["w"] = file[names[0]][()]
        del file[names[0]]
        file[names[0]] = h5py.ExternalLink(str(folder.parent / "secret.h5"), "w")
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in {**members, "model.weights.h5": weights.getvalue()}.items():
            archive.writestr(name, body)
    manifest_with(**{"model.keras": sha256(path)})(folder)


def writes(name, text):
    return lambda folder: (folder / name).write_text(text)


DIGEST = 64 * "a"
NOT_OF_A_PACKAGE = "only README.md, config.json, .* in a package. Received: file='{}'"
TAMPERED = {
    "a changed model": (change("model.keras"), "model.keras with sha256 .*: fetch the package again"),
    "a changed graph": (change("sampler.onnx"), "sampler.onnx with sha256"),
    "a changed figure": (change("evaluation.json"), "evaluation.json with sha256"),
    "a changed card": (change("README.md"), "README.md with sha256"),
    "a missing model": (lambda folder: (folder / "model.keras").unlink(), "Expected model.keras in a package"),
    "a missing manifest": (lambda folder: (folder / "manifest.json").unlink(), "Expected manifest.json in a package"),
    "a missing decoder": (lambda folder: (folder / "decoder.onnx").unlink(), "decoder.onnx, which the manifest names"),
    "a surplus graph": (writes("pixel_step.onnx", ""), "no pixel_step.onnx, which the manifest does not name"),
    "a graph that is not named": (manifest_with(**{"decoder.onnx": None}), "no decoder.onnx, which the manifest does not name"),
    "surplus code": (writes("model.py", ""), NOT_OF_A_PACKAGE.format("model.py")),
    "a hidden file": (writes(".hidden", ""), NOT_OF_A_PACKAGE.format(".hidden")),
    "a surplus folder": (lambda folder: (folder / "saved_model").mkdir(), NOT_OF_A_PACKAGE.format("saved_model")),
    "a link out of the folder": (link("config.json"), "config.json to be a file, neither a folder nor a link"),
    "a folder as a file": (replace_by("README.md", Path.mkdir), "README.md to be a file"),
    "a pipe, which nobody writes": (replace_by("README.md", os.mkfifo), "README.md to be a file"),
    "a path out of the folder": (manifest_with(**{"../model.keras": DIGEST}), NOT_OF_A_PACKAGE.format("../model.keras")),
    "an absolute path": (manifest_with(**{"/etc/hostname": DIGEST}), NOT_OF_A_PACKAGE.format("/etc/hostname")),
    "a path of Windows": (manifest_with(**{"..\\model.keras": DIGEST}), r"Received: file='\.\.\\\\"),
    "a drive of Windows": (manifest_with(**{"C:model.keras": DIGEST}), NOT_OF_A_PACKAGE.format("C:model.keras")),
    "a device of Windows": (manifest_with(NUL=DIGEST), NOT_OF_A_PACKAGE.format("NUL")),
    "a name in other case": (manifest_with(**{"MODEL.KERAS": DIGEST}), NOT_OF_A_PACKAGE.format("MODEL.KERAS")),
    "a hash that is none": (manifest_with(**{"model.keras": DIGEST[1:]}), "the sha256 of model.keras to be 64 hexadecimal digits"),
    "a hash that is a list": (manifest_with(**{"model.keras": [DIGEST]}), "the sha256 of model.keras to be 64 hexadecimal digits"),
    "a manifest that is no JSON": (writes("manifest.json", "{"), "manifest.json to hold JSON"),
    "a manifest of other text": (lambda folder: (folder / "manifest.json").write_bytes(b"\xff"), "manifest.json to hold JSON"),
    "a deep manifest": (writes("manifest.json", 100_000 * "["), "manifest.json to hold JSON"),
    "a manifest that is a list": (writes("manifest.json", "[]"), "manifest.json to hold an object with sha256"),
    "a manifest without hashes": (writes("manifest.json", '{"sha256": []}'), "manifest.json to hold an object with sha256"),
    "a huge manifest": (grow("manifest.json", 2**21), "manifest.json of at most 1048576 bytes"),
    "a huge model": (grow("model.keras", 2**31), "a package of at most 1073741824 bytes"),
    "code in the model": (with_code, "model.keras to be a whole Keras model"),
    "weights in another file": (with_weights_elsewhere, "model.keras to be a whole Keras model"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_tampered_package_is_refused_by_name(what, package):
    tamper, message = TAMPERED[what]
    tamper(package)
    with pytest.raises(ValueError, match=message):
        vm.from_package(package)


def test_a_graph_cannot_read_outside_of_its_folder(package):
    (package.parent / "secret").write_bytes(bytes(16))
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": "../secret", "length": "16"}.items():
        tensor.external_data.add(key=key, value=value)
    output = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [4])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["w"], ["x"])], "graph", [], [output], [tensor])
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)])
    (package / "sampler.onnx").write_bytes(model.SerializeToString())
    manifest_with(**hashes(package))(package)
    with pytest.raises(ValueError, match=r"sampler.onnx to be an ONNX graph. Received: .*escapes model directory"):
        export.sample.sample(package, 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("vamp_minst", f"a folder, hf://USER/NAME, or one of {', '.join(packages.bundled())}. Received: source='vamp_minst'"),
        ("../packages/vamp_mnist", "Expected a package: a folder"),
        ("s3://models/vamp", "a package at hf://, a folder or a name. Received: source='s3://models/vamp'"),
        ("hf://vamp_mnist", "hf://USER/NAME or hf://USER/NAME@REVISION. Received: address='vamp_mnist'"),
        ("hf://user/../model", "hf://USER/NAME or hf://USER/NAME@REVISION"),
    ],
)
def test_a_source_that_is_none_is_one_error(source, message):
    with pytest.raises(ValueError, match=message):
        vm.from_package(source)


def test_export_says_what_a_package_lacks(tmp_path, capsys, monkeypatch):
    write_json(tmp_path / "config.json", CONFIG)
    assert command.main([str(tmp_path), "--layout", "package"]) == 1
    assert "Expected an evaluated run: python -m training.evaluate" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert command.main([str(tmp_path), "--layout", "package"]) == 1
    assert 'error: Expected huggingface_hub to be installed: pip install ".[hub]" in a clone' in capsys.readouterr().err


@pytest.mark.parametrize(("bits", "kind"), [(11, np.float16), (8, ml_dtypes.bfloat16)])
def test_weights_are_rounded_to_significant_bits(bits, kind):
    values = np.random.default_rng(0).uniform(0.001, 1000, 5000).astype("float32") * np.array([1, -1] * 2500, "float32")
    np.testing.assert_array_equal(rounded(values, bits), values.astype(kind).astype("float32"))


def test_constants_are_narrowed_where_that_loses_nothing():
    exact, inexact = rounded(np.random.default_rng(0).standard_normal((64, 64)).astype("float32"), 8), np.full((64, 64), 0.1, "float32")
    tensors = [numpy_helper.from_array(values, name) for name, values in {"exact": exact, "inexact": inexact, "one": exact[:1]}.items()]
    kept = {tensor.name: tensor.SerializeToString() for tensor in tensors}
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["exact", "inexact"], ["x"])], "graph", [], [], tensors)
    narrow(graph)
    first, second, third = graph.initializer
    assert (first.data_type, graph.node[0].op_type, *graph.node[0].output) == (onnx.TensorProto.FLOAT16, "Cast", "exact")
    np.testing.assert_array_equal(numpy_helper.to_array(first).astype("float32"), exact)
    assert [tensor.SerializeToString() for tensor in (second, third)] == [kept["inexact"], kept["one"]]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A local stand-in of the Hub, and an empty cache."""
    with local_hub.serving() as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        files = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server


@pytest.mark.parametrize("revision", ["", "@v1"])
def test_a_package_of_the_hub(run, hub, revision, tmp_path):
    others = {".gitattributes": b"", "code.py": b""}
    hub.files["user/squares"] = {path.name: path.read_bytes() for path in (run / "squares").iterdir()} | others
    model = vm.from_package(f"hf://user/squares{revision}")
    np.testing.assert_array_equal(model.sample(5, seed=2), vm.from_package(run / "squares").sample(5, seed=2))
    assert set(hub.asked) == {path.name for path in (run / "squares").iterdir()}


def test_a_package_of_the_hub_that_cannot_be_had(run, hub, monkeypatch):
    files = {path.name: path.read_bytes() for path in (run / "squares").iterdir()}
    hub.files["user/changed"] = {**files, "README.md": b"changed"}
    hub.files["user/part"] = {name: body for name, body in files.items() if name != "sampler.onnx"}
    for name, message in {"changed": "README.md with sha256", "part": "sampler.onnx in a package"}.items():
        with pytest.raises(ValueError, match=message):
            vm.from_package(f"hf://user/{name}")
    for name in ("nobody/squares", "user/changed@v2"):
        with pytest.raises(OSError, match=f"Expected to fetch hf://{name.partition('@')[0]}: is it public, and is there a network"):
            vm.from_package(f"hf://{name}")
    hub.asked.clear()
    hub.sizes["model.keras"] = 2**31
    with pytest.raises(ValueError, match="a package of at most"):
        vm.from_package("hf://user/changed")
    assert hub.asked == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="Expected huggingface_hub to be installed"):
        vm.from_package("hf://user/changed")


def test_a_package_is_exported_to_another_folder(tmp_path):
    shutil.copytree(packages.BUNDLED / "cp_vae_digits", tmp_path / "package")
    with pytest.raises(ValueError, match=r"--out FOLDER to export the package .*package to, which holds its own files alone"):
        export_run(tmp_path / "package")
    packages.check_package(tmp_path / "package")


def test_bundled_packages_are_whole_small_and_found_alike():
    names = packages.bundled()
    assert names == export.manifest.bundled() == ["cp_vae_digits", "vamp_mnist"]
    folders = [packages.BUNDLED / name for name in names]
    assert [export.manifest.locate(name) for name in names] == folders
    assert sum(path.stat().st_size for path in packages.BUNDLED.rglob("*") if path.is_file()) <= 5_000_000
    for folder in folders:
        packages.check_package(folder)
        assert is_artifact(folder)
        config, evaluation = read_json(folder / "config.json"), read_json(folder / "evaluation.json")
        card = ModelCard.load(folder / "README.md")
        assert config["dataset"] in ("digits", "mnist")
        assert {one.metric_type: one.metric_value for one in card.data.eval_results}["elbo"] == evaluation["elbo"]
        assert (config["stopped"] == "unfinished") == ("Training is unfinished" in card.text)


def test_a_folder_comes_before_a_bundled_package_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vamp_mnist").mkdir()
    assert export.manifest.locate("vamp_mnist") == Path("vamp_mnist")
    with pytest.raises(ValueError, match=r"Expected README.md in a package"):
        vm.from_package("vamp_mnist")


@pytest.mark.parametrize("name", packages.bundled())
def test_bundled_packages_are_drawn_where_tensorflow_is_absent(name, tmp_path):
    out, environment = tmp_path / "digits.npy", {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", WITHOUT_TENSORFLOW, name, "--num", "100", "--out", str(out)]
    result = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    x = np.load(out)
    assert x.shape == (100, *read_json(packages.BUNDLED / name / "manifest.json")["x_shape"])
    assert 0.05 < x.mean() < 0.5
    assert x.std(axis=0).max() > 0.2


@pytest.mark.slow
def test_the_figures_of_a_bundled_package_are_those_of_its_weights(digits):
    model = vm.from_package("cp_vae_digits")
    model.compile(jit_compile=False)
    elbo = vm.evaluation.report(model, digits.arrays("test", model.support), 100)["elbo"]
    assert elbo == pytest.approx(read_json(packages.BUNDLED / "cp_vae_digits" / "evaluation.json")["elbo"], abs=1e-3)


@pytest.mark.slow
def test_the_hub_is_found_by_the_environment(run, tmp_path):
    with local_hub.serving() as server:
        server.files["user/squares"] = {path.name: path.read_bytes() for path in (run / "squares").iterdir()}
        code = "import keras_vaemix as vm; print(vm.from_package('hf://user/squares').sample(3, seed=0).shape)"
        environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
        result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == "(3, 4, 4, 1)", result.stderr
