"""What ONNX lacks: made of other operations where it can be, else named in one error before a model is trained."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import export.convert
import keras_vaemix as vm
from export.artifact import export_model
from export.convert import ExportError, Graph
from export.freeze import check_exportable
from export.onnx import session, write
from export.rewrites import REWRITES
from export.sample import sample
from tests import catalogue
from training.presets import PRESETS, Experiment, Preset

VALUES = np.array([-np.inf, -30.0, -2.0, -1e-6, 0.0, 1e-6, 0.5, 3.0, 80.0, np.inf], "float32")
X, Y = (grid.ravel() for grid in np.meshgrid(VALUES, VALUES))
FUNCTIONS = {  # a function, and examples
    "Erfc": (tf.math.erfc, [VALUES]),
    "Expm1": (tf.math.expm1, [VALUES]),
    "Log1p": (tf.math.log1p, [np.append(VALUES[VALUES > -1], np.float32([-1, -0.9, 0.3]))]),
    "MulNoNan": (tf.math.multiply_no_nan, [X, Y]),
    "Xdivy": (tf.math.xdivy, [X, Y]),
    "Xlogy": (tf.math.xlogy, [X, np.abs(Y)]),
    "Xlog1py": (tf.math.xlog1py, [X, np.abs(Y)]),
    "BroadcastArgs": (lambda x, y: tf.broadcast_to(x, tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y))), [VALUES[:1], VALUES]),
}
ROUNDED = {"Erfc": 1e-7}  # 1 - erf loses what is small beside one


@keras.saving.register_keras_serializable("tests")
class Elementwise(keras.layers.Layer):
    """A function of each value."""

    functions = {"erfinv": tf.math.erfinv, "lgamma": tf.math.lgamma}  # noqa: RUF012

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.functions[self.function](x)


def vae(*layers, example_shape=catalogue.SHAPE):
    """Returns a VAE with further layers in its decoder."""
    output = [keras.layers.Dense(math.prod(example_shape)), keras.layers.Reshape(example_shape)]
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8), *layers, *output])
    return vm.VAE(vm.networks.mlp(example_shape, 4, (8,)), decoder, vm.StandardNormal(2), vm.Bernoulli())


def test_every_rewrite_is_tried():
    assert set(FUNCTIONS) == set(REWRITES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rewritten_operations_have_the_same_values(name, tmp_path):
    function, inputs = FUNCTIONS[name]
    specs = [tf.TensorSpec([None], name=letter) for letter, _ in zip("xy", inputs, strict=False)]
    graph = Graph(function, specs, ("z",))
    assert name in {node.type for node in tf.function(function).get_concrete_function(*specs).graph.get_operations()}
    write(graph, tmp_path / "it.onnx")
    (z,) = session(tmp_path / "it.onnx").run(["z"], dict(zip("xy", inputs, strict=False)))
    np.testing.assert_allclose(z, function(*map(tf.constant, inputs)), rtol=1e-5, atol=ROUNDED.get(name, 0))


@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_a_decoder_of_rewritten_operations_exports(activation, tmp_path):
    model = vae(keras.layers.Activation(activation))
    check_exportable(model)
    x, _ = sample(export_model(model, tmp_path / "artifact", ["onnx"]), 20)
    assert x.shape == (20, *catalogue.SHAPE)


def test_graphs_know_the_sizes_of_what_a_loop_returns(tmp_path):
    lstm = keras.layers.LSTM(8, return_sequences=True)
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.RepeatVector(5), lstm, keras.layers.Dense(2)])
    model = vm.VAE(vm.networks.mlp((5, 2), 6, (8,)), decoder, vm.StandardNormal(3), vm.Normal(scale=0.1))
    export_model(model, tmp_path / "artifact", ["onnx"])
    for name in ("decoder.onnx", "sampler.onnx"):
        (x,) = (one for one in session(tmp_path / "artifact" / name).get_outputs() if one.name == "x")
        assert x.shape == ["batch", 5, 2]


@pytest.mark.parametrize("function", Elementwise.functions)
@pytest.mark.parametrize("check", [check_exportable, lambda model: export_model(model, "artifact")])
def test_operations_that_onnx_lacks_are_named(function, check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = rf"^Expected operations .* that ONNX has, for \w+\.onnx: .*\. Received: \S*elementwise\S*/{function.capitalize()}$"
    with pytest.raises(ExportError, match=expected):
        check(vae(Elementwise(function, name="elementwise")))
    assert not list(tmp_path.iterdir())


def test_what_fails_in_a_conversion_is_one_error(monkeypatch):
    def fail(*arguments, **keywords):
        raise StopIteration("of the converter\nand its traceback")

    monkeypatch.setattr("tf2onnx.convert.from_function", fail)
    with pytest.raises(ExportError, match=r"for it\.onnx|to it\.onnx: use other layers\. Received: of the converter$"):
        export.convert.to_onnx(Graph(tf.exp, [tf.TensorSpec([None], name="x")], ("y",)), "it.onnx")


@pytest.mark.parametrize("name", ["model-CPVAE", "prior-VampPrior", "autoencoder-fitted", "PixelVAE"])
def test_a_model_of_known_operations_is_checked_without_a_conversion(name, monkeypatch):
    monkeypatch.setattr(export.convert, "to_onnx", lambda *arguments: pytest.fail("converted"))
    model = catalogue.EVERY_MODEL[name]()
    if name == "autoencoder-fitted":  # before there is a density
        model.prior.is_fitted.assign(0.0)
    check_exportable(model)


def test_operations_that_a_conversion_folds_away_are_no_obstacle(monkeypatch):
    monkeypatch.setitem(Elementwise.functions, "cholesky", lambda x: x * tf.linalg.cholesky(4 * tf.eye(2))[0, 0])
    check_exportable(vae(Elementwise("cholesky")))


def test_a_decoder_that_cannot_be_exported_is_refused_before_anything_is_written(main, tmp_path, monkeypatch):
    build = lambda data: Experiment(vae(Elementwise("lgamma"), example_shape=data.shape), "adam", 1)  # noqa: E731
    monkeypatch.setitem(PRESETS, "tiny", Preset("tiny", build, "digits", "none"))
    status, err = main("tiny", "--run-dir", tmp_path / "run")
    assert status == 1
    assert err.startswith("error: Expected operations of decoder and prior that ONNX has, for sampler.onnx: ")
    assert err.endswith("/Lgamma")
    assert not list(tmp_path.iterdir())
