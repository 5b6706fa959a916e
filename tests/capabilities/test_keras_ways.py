"""Keras's own ways of exporting, copying, drawing and training models work on those of the library."""

import re

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue

QUICK = "prior-NormalMixture"
LONG = [
    "prior-VampPrior",
    "model-CPVAE",
    "model-HierarchicalVAE",
    "posterior-InverseAutoregressive",
    "autoencoder-fitted",
    "GAMIXVAE",
    "PixelVAE",
]
MODELS = [QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]


def by_saved_model(path, x):
    loaded = tf.saved_model.load(path)
    return loaded.serve(x)


def by_onnx(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (received,) = session.run(None, x if isinstance(x, dict) else {session.get_inputs()[0].name: x})
    return received


def by_litert(path, x):
    interpreter = tf.lite.Interpreter(path)
    interpreter.resize_tensor_input(0, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


# TensorFlow's, and Keras's.
OF_EXPORTERS = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter:UserWarning", "ignore:.*np.object:FutureWarning")
FORMATS = {"tf_saved_model": ("folder", by_saved_model), "onnx": ("x.onnx", by_onnx), "litert": ("x.tflite", by_litert)}


@OF_EXPORTERS
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", MODELS)
def test_export_gives_what_call_computes(name, format, tmp_path):
    model = catalogue.EVERY_MODEL[name]()
    x, (file, run) = catalogue.examples(model, 5), FORMATS[format]
    model.export(tmp_path / file, format=format, verbose=False)
    np.testing.assert_allclose(run(str(tmp_path / file), x), model(x), atol=1e-5)


@OF_EXPORTERS
@pytest.mark.slow
@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
@pytest.mark.parametrize("name", catalogue.ACCOMPANIED)
def test_export_takes_what_accompanies_x(name, format, tmp_path):
    test_export_gives_what_call_computes(name, format, tmp_path)


@pytest.mark.parametrize("name", [*MODELS, *(pytest.param(name, marks=pytest.mark.slow) for name in catalogue.ACCOMPANIED)])
def test_a_clone_has_weights_of_its_own(name):
    model = catalogue.EVERY_MODEL[name]()
    x, clone = catalogue.examples(model, 5), keras.models.clone_model(model)
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(x), model(x))


def fit(x, *callbacks, **settings):
    """Returns a model after three epochs, with its history: always from the same weights."""
    keras.utils.set_random_seed(0)
    model = catalogue.EVERY_MODEL[QUICK]()
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model, model.fit(x, epochs=3, verbose=0, callbacks=callbacks, **settings).history


def test_callbacks_of_keras_watch_the_validation(tmp_path):
    """An improvement below `min_delta` counts as none: the second epoch is the last, and the first has the best weights."""
    x, never = catalogue.examples(catalogue.EVERY_MODEL[QUICK]()), {"monitor": "val_elbo", "mode": "max", "min_delta": 1e9}
    model, history = fit(
        x,
        keras.callbacks.ModelCheckpoint(
            tmp_path / "{epoch}.keras", monitor="val_elbo", mode="max", save_best_only=True, initial_value_threshold=-1e9
        ),
        keras.callbacks.ReduceLROnPlateau(**never, factor=0.5, patience=1),
        keras.callbacks.EarlyStopping(**never, patience=1, restore_best_weights=True),
        validation_split=0.2,
        batch_size=8,
    )
    assert len(history["val_elbo"]) == 2
    assert float(model.optimizer.learning_rate) == pytest.approx(5e-3)
    first = keras.saving.load_model(tmp_path / "1.keras", safe_mode=True)
    np.testing.assert_array_equal(first(x), model(x))
    assert first.evaluate(x[24:], verbose=0, return_dict=True)["elbo"] == pytest.approx(history["val_elbo"][0], abs=1e-5)


def test_an_epoch_is_one_line(capsys):
    callback = vm.callbacks.EpochLine("Pretraining epoch")
    callback.set_params({"epochs": 20, "steps": 1})
    callback.on_epoch_begin(1)
    callback.on_epoch_end(1, {"elbo": -23.1434, "loss": 23.14, "beta": 0.0, "val_loss": 1234.5678, "val_kl": 0.00012345})
    line = re.sub(r"\d+\.\d s", "1.2 s", capsys.readouterr().out)
    assert line == "Pretraining epoch 2/20  1.2 s  loss 23.14  beta 0.00  elbo -23.14  | validation: loss 1234.57  kl 0.00012\n"


@pytest.mark.slow
def test_a_validation_split_is_the_last_examples():
    x = catalogue.examples(catalogue.EVERY_MODEL[QUICK]())
    (_, split), (_, given) = fit(x, validation_split=0.2, shuffle=False), fit(x[:24], validation_data=(x[24:],), shuffle=False)
    assert split == given


@pytest.mark.slow
def test_generators_yield_tuples():
    x = catalogue.examples(catalogue.EVERY_MODEL[QUICK]())

    def batches():
        while True:
            yield (x[:10],)
            yield (x[10:20],)

    (_, generated), (_, given) = fit(batches(), steps_per_epoch=2, shuffle=False), fit(x[:20], batch_size=10, shuffle=False)
    assert generated == given


def test_summaries_and_drawings_show_the_networks():
    model, lines = catalogue.EVERY_MODEL[QUICK](), []
    model.summary(print_fn=lines.append)
    summary = "\n".join(map(str, lines))
    for network in (model.encoder, model.decoder):
        assert f"{network.count_params():,}" in summary
        drawing = keras.utils.model_to_dot(network).to_string()
        assert all(type(layer).__name__ in drawing for layer in network.layers)
    assert "VAE" in keras.utils.model_to_dot(model).to_string()
    assert isinstance(model, vm.VAE)
