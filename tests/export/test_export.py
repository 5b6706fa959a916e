"""Exported artifacts: what TensorFlow computes, in ONNX Runtime and in a SavedModel, and nothing half-written."""

import contextlib
import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image
from scipy.stats import chisquare

import export.__main__ as command
import export.artifact
import export.onnx
import export.sample
import keras_vaemix as vm
from export.convert import Graph
from keras_vaemix.core.seeds import stateless_seed
from keras_vaemix.storage import packages
from tests import catalogue

ROOT = Path(__file__).parents[2]


@keras.saving.register_keras_serializable("tests")
class StudentMixture(vm.MixturePrior):
    """A user's own prior: a mixture of K Student t densities."""

    def __init__(self, latent_dim, num_components=4, dof=5.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.num_components, self.dof = num_components, dof
        self.loc = self.add_weight((num_components, latent_dim), "random_normal", name="loc")
        self.raw_logits = self.add_weight((num_components,), "zeros", name="logits")

    def logits(self):
        return tf.convert_to_tensor(self.raw_logits)

    def components(self, encode):
        return tfp.distributions.Independent(tfp.distributions.StudentT(self.dof, self.loc, 1.0), 1)


PRIORS = {**catalogue.PRIORS, "StudentMixture": lambda: StudentMixture(3)}


def save_run(folder, prior="NormalMixture"):
    keras.utils.set_random_seed(1)
    model = catalogue.make()
    model.prior = PRIORS[prior]()
    for weight in model.prior.trainable_weights:
        weight.assign(weight + tf.random.stateless_normal(weight.shape, [0, 1]))
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A run folder whose model is exported, and the model."""
    folder = tmp_path_factory.mktemp("exported")
    model = save_run(folder, "VampPrior")
    assert command.main([str(folder)]) == 0
    return folder / "export", model


def test_prior_of_a_user_exports_to_onnx(tmp_path):
    save_run(tmp_path, "StudentMixture")
    x, component = export.sample.sample(export.artifact.export_run(tmp_path, formats=["onnx"]), 20)
    assert x.shape == (20, 4, 4, 1)
    assert component.max() < 4


def test_onnx_runtime_computes_what_tensorflow_does(exported):
    folder, model = exported
    z = np.random.default_rng(5).standard_normal((17, 3)).astype("float32")
    (x,) = onnxruntime.InferenceSession(str(folder / "decoder.onnx")).run(None, {"z": z})
    np.testing.assert_allclose(x, model.decode(z), atol=1e-5)
    inputs = {"u": np.linspace(0, 0.99, 17, dtype="float32"), "eps": z, "component": np.array([-1, 2, 0] * 5 + [4, -1])}
    x, component = onnxruntime.InferenceSession(str(folder / "sampler.onnx")).run(["x", "component_drawn"], inputs)
    noise = {name: tf.constant(inputs[name]) for name in ("u", "eps")}
    z, drawn = model.prior.generate(noise, tf.constant(inputs["component"]), model.encode)
    np.testing.assert_array_equal(component, drawn)
    np.testing.assert_allclose(x, model.decode(z), atol=1e-5)


def test_pseudo_inputs_and_encoder_are_gone(exported):
    folder, model = exported
    graph = onnx.load(folder / "sampler.onnx").graph
    sizes = sorted(np.prod(t.dims) for t in graph.initializer)
    assert [i.name for i in graph.input] == ["u", "eps", "component"]
    assert sum(sizes) < sum(np.prod(w.shape) for w in model.decoder.weights) + 100
    assert sum(np.prod(w.shape) for w in model.encoder.weights) > 100


def test_graphs_say_what_they_are(exported):
    folder, model = exported
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("decoder.onnx", "sampler.onnx"):
        graph = onnx.load(folder / name)
        facts = {prop.key: prop.value for prop in graph.metadata_props}
        assert facts == {key: str(manifest[key]) for key in ("library", "version", "model", "decoder", "latent_dim", "value_range")}
        values = [*graph.graph.input, *graph.graph.output]
        assert {value.type.tensor_type.shape.dim[0].dim_param for value in values} == {"batch"}
    assert (facts["library"], facts["model"], facts["latent_dim"]) == ("keras_vaemix", type(model).__name__, "3")


def test_sampled_components_have_their_weights(exported):
    folder, _ = exported
    weights = np.array(json.loads((folder / "manifest.json").read_text())["component_weights"])
    _, component = export.sample.sample(folder, 20_000, seed=3)
    assert chisquare(np.bincount(component, minlength=5), 20_000 * weights / weights.sum()).pvalue > 1e-4
    _, component = export.sample.sample(folder, 10, component=3)
    assert set(component) == {3}


def test_samples_have_the_statistics_of_the_model(exported):
    folder, model = exported
    x, _ = export.sample.sample(folder, 20_000)
    expected = model.sample(20_000, seed=0).numpy()
    np.testing.assert_allclose(x.mean(0), expected.mean(0), atol=0.01)
    np.testing.assert_allclose(x.std(0), expected.std(0), atol=0.01)


def test_saved_model_signatures(exported, binary):
    folder, model = exported
    loaded = tf.saved_model.load(str(folder / "saved_model")).signatures
    assert set(loaded) >= {"sample", "sample_component", "decode", "encode", "log_joint"}
    z = tf.random.stateless_normal([30, 3], [0, 0])
    x = tf.constant(binary)
    np.testing.assert_allclose(loaded["decode"](z=z)["x"], model.decode(z), atol=1e-5)
    np.testing.assert_allclose(loaded["encode"](x=x)["mean"], model.encode(x).mean(), atol=1e-5)
    log_px = model.likelihood.log_prob(model.decode_params(z[None]), x)[0]
    np.testing.assert_allclose(
        loaded["log_joint"](x=x, z=z)["log_joint"], log_px + model.prior.distribution(model.encode).log_prob(z), rtol=1e-5
    )
    drawn = loaded["sample"](n=tf.constant(9), seed=stateless_seed(4))
    np.testing.assert_allclose(drawn["x"], model.sample(9, seed=4), atol=1e-5)
    one = loaded["sample_component"](n=tf.constant(9), component=tf.constant(2), seed=stateless_seed(4))
    np.testing.assert_allclose(one["x"], model.sample(9, 2, seed=4), atol=1e-5)


def test_manifest_tells_what_the_artifact_is(exported):
    folder, _ = exported
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["latent_dim"], manifest["num_components"], manifest["x_shape"]) == (3, 5, [4, 4, 1])
    assert sum(manifest["component_weights"]) == pytest.approx(1, abs=1e-5)
    assert manifest["value_range"] == [0.0, 1.0]
    assert set(manifest["sha256"]) == {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"manifest.json"}
    for name, digest in manifest["sha256"].items():
        assert export.artifact.sha256(folder / name) == digest


def test_manifest_names_every_input_and_output(exported):
    folder, _ = exported
    graphs = json.loads((folder / "manifest.json").read_text())["graphs"]
    floats = lambda *shape: {"dtype": "float32", "shape": [None, *shape]}  # noqa: E731
    integers = {"dtype": "int64", "shape": [None]}
    assert graphs["decoder.onnx"] == {"inputs": {"z": floats(3)}, "outputs": {"x": floats(4, 4, 1)}}
    assert graphs["sampler.onnx"]["inputs"] == {"u": floats(), "eps": floats(3), "component": integers}
    assert graphs["sampler.onnx"]["outputs"] == {"x": floats(4, 4, 1), "component_drawn": integers, "z_drawn": floats(3)}
    session = onnxruntime.InferenceSession(str(folder / "sampler.onnx"))
    assert set(graphs["sampler.onnx"]["inputs"]) == {one.name for one in session.get_inputs()}


def test_failed_export_leaves_the_last_good_one(exported, tmp_path, monkeypatch, capsys):
    run = shutil.copytree(exported[0].parent, tmp_path / "run")
    contents = lambda: {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}  # noqa: E731
    before = contents()
    monkeypatch.setattr(export.onnx, "TOLERANCE", -1.0)
    assert command.main([str(run)]) == 1
    assert "error: Expected x of decoder.onnx" in capsys.readouterr().err
    assert contents() == before
    assert sorted(path.name for path in run.iterdir()) == ["export", "model.keras"]


def test_wrong_frequencies_are_found(exported):
    folder, _ = exported
    with pytest.raises(export.onnx.ExportError, match="drawn by their weights"):
        export.onnx.check_frequencies(folder / "sampler.onnx", np.array([0.3, 0.1, 0.2, 0.2, 0.2]))


def test_a_graph_of_something_else_is_found(exported, tmp_path):
    folder, _ = exported
    with pytest.raises(export.onnx.ExportError, match="to equal TensorFlow's"):
        export.onnx.compare(folder / "decoder.onnx", {"z": np.zeros((2, 3), "float32")}, {"x": np.ones((2, 4, 4, 1))})


def test_an_error_is_relative_to_the_largest_value_of_its_column():
    expected = np.array([[0.5, -0.25], [0.5, 100.0]])
    error = lambda *off: export.onnx.relative_error(expected + np.array(off), expected)  # noqa: E731
    assert error([2e-5, 0], [0, 0]) == pytest.approx(2e-5)
    assert error([0, 2e-5], [0, 0]) == pytest.approx(2e-7)
    assert np.isnan(error([0, 0], [np.nan, 0]))


def test_a_saved_model_errs_relative_to_its_values(tmp_path):
    spec = tf.TensorSpec([None, 2], name="z")
    tf.saved_model.save(tf.Module(), tmp_path, {"decode": tf.function(lambda z: {"x": 1000 * z}, [spec])})
    ones = lambda specs, n: {"z": np.ones((n, 2), "float32")}  # noqa: E731
    frozen = lambda scale: SimpleNamespace(decode_inputs=lambda: [spec], examples=ones, decode=lambda z: scale * z)  # noqa: E731
    export.artifact.check_saved_model(frozen(1000.005), tmp_path)
    with pytest.raises(export.onnx.ExportError, match="the SavedModel to decode as the model does, to 1e-05"):
        export.artifact.check_saved_model(frozen(1000.05), tmp_path)


WITHOUT_TENSORFLOW = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras", "keras_vaemix", "training", "tensorflow_probability", "PIL", "scipy"}:
            raise ImportError(name + " is absent")
sys.meta_path.insert(0, Absent())
import export.sample
sys.exit(export.sample.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_samples_where_tensorflow_is_absent(exported, tmp_path, suffix):
    """The same as where it is there."""
    one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
    arguments = [str(exported[0]), "--num", "10", "--component", "1", "--seed", "5", "--out"]
    result = subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments, one], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert export.sample.main([*arguments, str(two)]) == 0
    assert one.read_bytes() == two.read_bytes()
    if suffix == "png":
        with Image.open(tmp_path / "one.png") as image:
            assert image.mode == "L"
            assert image.size == (4 * 5 * 16, 3 * 5 * 16)
    else:
        assert np.load(tmp_path / "one.npy").shape == (10, 4, 4, 1)


@pytest.mark.parametrize("shape", [(5, 6, 7), (5, 6, 7, 1), (5, 6, 7, 3)])
def test_png_grid_holds_the_images(tmp_path, shape):
    images = np.random.default_rng(0).random(shape)
    (tmp_path / "grid.png").write_bytes(export.sample.png(images, zoom=2))
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)[::2, ::2]
    np.testing.assert_array_equal(pixels[7:13, 8:15].squeeze(), np.round(255 * images[4]).astype("uint8").squeeze())


@pytest.mark.parametrize(("low", "high", "says"), [(-1, 1, True), (-0.1, 1.1, False)])
def test_a_png_of_values_far_outside_of_the_unit_interval_is_reported(tmp_path, low, high, says, capsys):
    x = np.linspace(low, high, 32, dtype="float32").reshape(2, 4, 4)
    for suffix in ("npy", "png"):
        assert capsys.readouterr().err == ""
        export.sample.write_samples(tmp_path / f"x.{suffix}", x)
    expected = f"{tmp_path / 'x.png'} shows values below 0 as black and above 1 as white, of -1 to 1: take .npy for all\n"
    assert capsys.readouterr().err == expected * says


@contextlib.contextmanager
def files_of_at_most(num_bytes):
    """Lets no file grow beyond so many bytes, as a disk without room does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["samples.png", "samples.npy"])
def test_samples_on_a_full_disk_leave_the_last_ones(exported, tmp_path, name, capsys):
    (tmp_path / name).write_bytes(b"before")
    arguments = [str(exported[0]), "--out", str(tmp_path / name)]
    with files_of_at_most(500):
        assert export.sample.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: Expected a writable folder with free space for {tmp_path / name}. Received: {tmp_path}: ")
    assert error.count("\n") == 1
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"before")]
    assert export.sample.main(arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() != b"before"


def test_samples_are_written_through_a_link_and_into_folders_alone(exported, tmp_path, capsys):
    (tmp_path / "link.png").symlink_to(tmp_path / "target.png")
    assert export.sample.main([str(exported[0]), "--out", str(tmp_path / "link.png")]) == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "target.png").stat().st_size
    capsys.readouterr()
    assert export.sample.main([str(exported[0]), "--out", str(tmp_path / "nowhere" / "a.npy")]) == 1
    assert f"Received: {tmp_path / 'nowhere'}: [Errno 2]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--component", "5"], "component in 0..4. Received: component=5"),
        (["--component", "-1"], "component in 0..4. Received: component=-1"),
        (["--num", "0"], "num >= 1. Received: num=0"),
        (["--out", "samples.jpg"], "FILE.png or FILE.npy"),
    ],
)
def test_bad_arguments(exported, capsys, arguments, message):
    assert export.sample.main([str(exported[0]), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_files_that_are_not_those_of_the_manifest_are_refused(exported, tmp_path, capsys):
    folder = shutil.copytree(exported[0], tmp_path / "export")
    graph = folder / "sampler.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert export.sample.main([str(folder)]) == 1
    assert "sampler.onnx with sha256" in capsys.readouterr().err
    (folder / "manifest.json").write_text("{")
    assert export.sample.main([str(folder)]) == 1
    assert "manifest.json to hold JSON" in capsys.readouterr().err
    assert export.sample.main([str(tmp_path / "nowhere")]) == 1
    assert "Expected an artifact folder" in capsys.readouterr().err


def test_a_model_file_is_exported_to_a_folder_of_its_own(exported, tmp_path, capsys):
    file = shutil.copy(exported[0].parent / "model.keras", tmp_path / "other.keras")
    assert command.main([str(file)]) == 1
    assert capsys.readouterr().err == f"error: Expected --out FOLDER to export the file {file} to. Received: out=None\n"
    assert command.main([str(file), "--out", str(tmp_path / "artifact"), "--format", "onnx"]) == 0
    assert export.sample.sample(tmp_path / "artifact", 2)[0].shape == (2, 4, 4, 1)


@pytest.mark.parametrize(
    ("name", "received"),
    [("", "a folder without model.keras"), ("model.h5", "another file"), ("gone.keras", "which does not exist")],
)
def test_a_path_without_a_model_is_one_error(name, received, tmp_path, capsys):
    (tmp_path / "model.h5").touch()
    assert command.main([str(tmp_path / name)]) == 1
    expected = "a run folder, any other folder with a trained model in model.keras, or a file that ends in .keras"
    assert capsys.readouterr().err == f"error: Expected {expected}. Received: {tmp_path / name}, {received}\n"


def test_export_refuses_what_it_should(exported, tmp_path, capsys):
    run = exported[0].parent
    (tmp_path / "thesis.txt").write_text("a year of work")
    assert command.main([str(run), "--out", str(tmp_path)]) == 1
    assert "with other files" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()
    assert command.main([str(run), "--format", "tflite"]) == 1
    assert "Received: ['tflite']" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("formats", "precision", "message"),
    [
        (["ONNX"], "float32", "a list of formats among onnx, saved_model. Received: ['ONNX']"),
        ([], "float32", "a list of formats among onnx, saved_model. Received: []"),
        ("onnx", "float32", "a list of formats among onnx, saved_model. Received: onnx"),
        (["onnx"], "int4", "a precision among float32, int8. Received: int4"),
        (["saved_model"], "int8", "formats with onnx for the precision int8. Received: ['saved_model']"),
    ],
)
def test_formats_are_checked_before_anything_is_written(formats, precision, message, tmp_path):
    for export_it in (export.artifact.export_model, export.artifact.export_run):
        with pytest.raises(ValueError, match=re.escape(f"Expected {message}")):
            export_it(tmp_path / "model", tmp_path / "out", formats, precision)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("layout", "flag", "value"), [("package", "format", "onnx"), ("package", "precision", "float32"), ("artifact", "license", "mit")]
)
def test_a_flag_of_the_other_layout_is_refused(layout, flag, value, capsys):
    assert command.main(["run", "--layout", layout, f"--{flag}", value]) == 1
    expected = f"no --{flag} for --layout {layout}, which does not take it. Received: --{flag} {value}"
    assert capsys.readouterr().err == f"error: Expected {expected}\n"


def test_export_through_a_link_replaces_its_target(exported, tmp_path, monkeypatch):
    write = lambda model, folder, formats, precision: shutil.copytree(exported[0], folder, dirs_exist_ok=True)  # noqa: E731
    monkeypatch.setattr(export.artifact, "write_artifact", write)
    save_run(tmp_path / "run")
    served, link = tmp_path / "served", tmp_path / "run" / "export"
    served.mkdir()
    link.symlink_to(served)
    for _ in range(2):
        previous = served.stat().st_ino
        assert command.main([str(tmp_path / "run"), "--format", "onnx"]) == 0
        assert link.is_symlink()
        assert served.stat().st_ino != previous
        assert {path.name for path in served.iterdir()} == {"decoder.onnx", "sampler.onnx", "saved_model", "manifest.json"}
    assert [path.name for path in sorted(tmp_path.rglob("*")) if served not in path.parents] == ["run", "export", "model.keras", "served"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "not the working folder: choose another --out. Received: ."),
        ("..", "not the working folder: choose another --out. Received: .."),
        ("dangling", "or a link to one: make its target. Received: dangling, a link to nothing"),
        ("loop", "or a link to one: make its target. Received: loop, a link to nothing"),
        ("model.keras", "choose another --out. Received: model.keras, a file"),
        ("other", "choose another --out. Received: other, with other files"),
        ("page", "choose another --out. Received: page, with other files"),
        ("package", "a folder without a model, which would be lost: choose another --out. Received: package"),
    ],
)
def test_export_into_what_cannot_be_replaced_is_one_error(out, message, tmp_path, monkeypatch, capsys):
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.txt").touch()
    (tmp_path / "model.keras").touch()
    (tmp_path / "page").mkdir()
    shutil.copytree(packages.BUNDLED / "cp_vae_digits", tmp_path / "package")
    (tmp_path / "page" / "manifest.json").write_text('{"name": "a web page"}')
    for name, target in (("dangling", tmp_path / "nothing"), ("loop", "loop"), ("other", tmp_path / "kept")):
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(work if out in (".", "..") else tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert command.main([str(tmp_path), "--out", out]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: Expected ")
    assert error.endswith(message + "\n")
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_export_on_a_full_disk_names_the_folder(tmp_path, capsys):
    save_run(tmp_path)
    with files_of_at_most(500):
        assert command.main([str(tmp_path), "--format", "onnx"]) == 1
    assert capsys.readouterr().err.startswith(f"error: Expected room on the disk of {tmp_path}: make some, and export again. Received: ")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_components_without_location_and_scale_do_not_export():
    components = tfp.distributions.Independent(tfp.distributions.Gumbel(tf.zeros((3, 2)), 1.0), 1)
    with pytest.raises(ValueError, match=r"location-scale family.*Received: Independent of Gumbel"):
        vm.priors.LocationScaleMixture.of(tf.zeros(3), components)


def test_means_are_taken_axis_by_axis(tmp_path):
    x = np.random.default_rng(0).normal(100, 1, (2, 256, 256, 3)).astype("float32")
    path = tmp_path / "mean.onnx"
    for keepdims in (True, False):
        mean = Graph(lambda x, k=keepdims: tf.reduce_mean(x, (1, 2), k), [tf.TensorSpec((None, 256, 256, 3), name="x")], ["y"])
        export.onnx.write(mean, path)
        (received,) = export.onnx.session(path).run(["y"], {"x": x})
        np.testing.assert_allclose(received, x.mean((1, 2), "float64", keepdims=keepdims), rtol=1e-6)
        means = [node for node in onnx.load(path).graph.node if node.op_type == "ReduceMean"]
        assert [list(a.ints) for node in means for a in node.attribute if a.name == "axes"] == [[2], [1]]
