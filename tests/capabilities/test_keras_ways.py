"""Keras's own ways of exporting, copying, drawing and training models work on those of the library."""

import re

import keras
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue

QUICK = "prior-NormalMixture"
LONG = [
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


@pytest.mark.parametrize(
    "name", [*MODELS, *(pytest.param(name, marks=pytest.mark.slow) for name in ["prior-VampPrior", *catalogue.ACCOMPANIED])]
)
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


def table_vae():
    model = vm.VAE(vm.networks.mlp((3,), 4, ()), vm.networks.mlp((2,), 3, ()), vm.StandardNormal(2), vm.Bernoulli())
    model.compile("adam", run_eagerly=True)
    return model


WAYS = {
    "fit": lambda model, x: model.fit(x, verbose=0).history["loss"],
    "validation": lambda model, x: model.fit(np.zeros((4, 3)), validation_data=(x,), verbose=0).history["val_loss"],
    "evaluate": lambda model, x: model.evaluate(x, verbose=0),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "train_on_batch": lambda model, x: model.train_on_batch(x),
    "test_on_batch": lambda model, x: model.test_on_batch(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_data_frame_is_an_array(way):
    x = np.eye(3)[[0, 1, 2, 1]]
    expected = WAYS[way](table_vae(), x)
    keras.utils.set_random_seed(0)
    np.testing.assert_allclose(WAYS[way](table_vae(), pd.DataFrame(x, columns=list("abc"))), expected)
    with pytest.raises(ValueError, match=r"x in \{0, 1\}|validation_data in \{0, 1\}"):
        WAYS[way](table_vae(), pd.DataFrame(x + 3))
    with pytest.raises(ValueError, match="to be an array of real numbers"):
        WAYS[way](table_vae(), pd.DataFrame(x.astype(str)))


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


def regularized(**kwargs):
    """A VAE of six bits whose encoder's kernel has what Keras's layers take."""
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, **kwargs)])
    return vm.VAE(encoder, vm.networks.mlp((2,), 6), vm.StandardNormal(2), vm.Bernoulli())


BITS = np.random.default_rng(0).integers(0, 2, (32, 6)).astype("float32")


@pytest.mark.parametrize("jit_compile", [False, True])
def test_regularizers_of_weights_are_minimised(jit_compile):
    kernels = []
    for regularizer in (None, keras.regularizers.L2(0.5)):
        model = regularized(kernel_regularizer=regularizer)
        model.compile(keras.optimizers.SGD(0.1), jit_compile=jit_compile)
        (before, _), history = model.encoder.get_weights(), model.fit(BITS, batch_size=32, verbose=0).history
        kernels.append(model.encoder.get_weights()[0])
        assert history["loss"] == [-history["elbo"][0]]
    np.testing.assert_allclose(kernels[1], kernels[0] - 0.1 * before, atol=1e-6)  # the gradient of 0.5 w^2 is w


@pytest.mark.parametrize("further", [[keras.layers.ActivityRegularization(0.1)], [keras.layers.Dense(4, activity_regularizer="l2")]])
def test_losses_that_no_bound_contains_are_refused(further):
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), *further])
    model = vm.VAE(encoder, vm.networks.mlp((2,), 6), vm.StandardNormal(2), vm.Bernoulli())
    model.compile()
    with pytest.raises(ValueError, match=r"layers without add_loss and activity_regularizer.*Received: layers=\['"):
        model.fit(BITS, verbose=0)


def test_batches_are_checked_one_by_one():
    model = regularized()
    model.compile()
    assert np.isfinite(model.train_on_batch(BITS, return_dict=True)["loss"])
    assert model.test_on_batch(BITS, sample_weight=np.ones(32), return_dict=True)["elbo"] < 0
    assert model.predict_on_batch(BITS).shape == (32, 6)
    for on_batch in (model.train_on_batch, model.test_on_batch, model.predict_on_batch):
        with pytest.raises(ValueError, match="values in"):
            on_batch(np.full((4, 6), 0.5, "float32"))
    with pytest.raises(ValueError, match="no class_weight"):
        model.train_on_batch(BITS, class_weight={0: 1.0})


def test_weights_from_before_averaging_are_not_restored():
    model = regularized()
    stopping, swapping = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True), keras.callbacks.SwapEMAWeights(True)
    model.compile(keras.optimizers.Adam(1.0, use_ema=True, ema_momentum=0.5))
    for callbacks in ([stopping], [stopping, swapping]):
        with pytest.raises(ValueError, match=r"SwapEMAWeights.* before what restores.*Received: callbacks=\['EarlyStopping'\]"):
            model.fit(BITS, validation_data=(BITS,), callbacks=callbacks, verbose=0)
    history = model.fit(BITS, batch_size=8, epochs=20, validation_data=(BITS,), callbacks=[swapping, stopping], verbose=0).history
    assert 1 < len(history["val_loss"]) < 20
    assert model.evaluate(BITS, batch_size=8, verbose=0, return_dict=True)["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-6)
    model.compile()
    model.fit(BITS, validation_data=(BITS,), callbacks=[stopping], verbose=0)


def test_a_part_that_takes_the_place_of_another_is_used():
    model = regularized()
    before = model.log_likelihood(BITS, 20)
    model.decoder = vm.networks.mlp((2,), 6, (5,))
    other = vm.VAE(model.encoder, model.decoder, model.prior, model.likelihood)
    np.testing.assert_array_equal(model.log_likelihood(BITS, 20), other.log_likelihood(BITS, 20))
    assert np.all(model.log_likelihood(BITS, 20) != before)


def test_steps_that_were_traced_use_a_new_part():
    model = regularized()
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    for ask in (model.predict, model.evaluate, model.fit):
        ask(BITS, verbose=0)
    model.decoder = vm.networks.mlp((2,), 6, (5,))
    np.testing.assert_allclose(model.predict(BITS, verbose=0), model.reconstruct(BITS), atol=1e-6)
    other = vm.VAE(model.encoder, model.decoder, model.prior, model.likelihood)
    other.compile("sgd", jit_compile=False)
    assert model.evaluate(BITS, verbose=0) == pytest.approx(other.evaluate(BITS, verbose=0))
    for train in (lambda: model.fit(BITS, verbose=0), lambda: model.train_on_batch(BITS)):
        with pytest.raises(
            ValueError,
            match=r"compiled again after a part was replaced or made trainable: call compile\(\).* Received: unknown_weights=\['",
        ):
            train()
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = model.decoder.get_weights()
    model.fit(BITS, verbose=0)
    assert all(np.any(one != other) for one, other in zip(model.decoder.get_weights(), before, strict=True))


def test_steps_that_were_traced_use_a_new_part_of_a_part():
    """The two-stage VAE holds the first VAE, which holds the decoder."""
    model = catalogue.EVERY_MODEL["model-TwoStageVAE"]()
    x = catalogue.examples(model)
    model.compile("sgd", jit_compile=False)
    for ask in (model.predict, model.evaluate, model.fit):
        ask(x, verbose=0)
    before = model.log_likelihood(x, 20)
    model.first.decoder = keras.models.clone_model(model.first.decoder)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.reconstruct(x), atol=1e-6)
    other = vm.TwoStageVAE(model.first, model.second)
    np.testing.assert_array_equal(model.log_likelihood(x, 20), other.log_likelihood(x, 20))
    assert np.all(model.log_likelihood(x, 20) != before)


def test_steps_that_were_traced_use_a_new_objective():
    model = vm.VAE(vm.networks.mlp((6,), 4), vm.networks.mlp((2,), 6), vm.NormalMixture(2, 3), vm.Bernoulli())
    model.compile("sgd", jit_compile=False)
    model.fit(BITS, verbose=0)
    model.evaluate(BITS, verbose=0)
    model.objective = vm.ELBO(beta=4.0, kl=vm.divergences.MeanBound())
    figures = model.evaluate(BITS, verbose=0, return_dict=True)
    assert figures["loss"] == pytest.approx(4 * (figures["kl"] + figures["kl_gap"]) - figures["reconstruction"], rel=1e-4)
    assert {"kl_gap", "loss"} <= set(model.fit(BITS, verbose=0).history)


def betas_of(model, x):
    """Returns the beta of training and that of validation."""
    model.compile("sgd", run_eagerly=True)
    history = model.fit(x, validation_data=(x,), verbose=0).history
    return history["beta"] + history["val_beta"]


def test_another_objective_trains_with_its_beta_and_reports_its_figures():
    model = vm.VAE(vm.networks.mlp((6,), 4), vm.networks.mlp((2,), 6), vm.NormalMixture(2, 3), vm.Bernoulli())
    assert betas_of(model, BITS) == [1.0, 1.0]
    model.objective = vm.ELBO(beta=4.0, kl=vm.divergences.MeanBound())
    assert betas_of(model, BITS) == [4.0, 4.0]
    assert model.metrics_names == model.metric_names()
    assert "kl_gap" in model.metric_names()
    assert [one.name for one in model._metrics].count("elbo") == 1


def test_labels_are_learnt_from_the_next_compile_on():
    model = vm.CPVAE(vm.networks.mlp((6,), 3 + 4), vm.networks.mlp((2,), 6), vm.NormalMixture(2, 3), vm.Bernoulli())
    model.compile("sgd", run_eagerly=True)
    model.label_weight = 1.0
    model.compile("sgd", run_eagerly=True)
    assert "classification" in model.fit(BITS, np.zeros(32), verbose=0).history


def test_a_network_that_takes_the_place_of_another_is_alone(tmp_path):
    model = regularized()
    order, num_trained = [layer.name for layer in model.layers], len(model.trainable_variables)
    model.decoder = vm.networks.mlp((2,), 6)
    assert [layer.name for layer in model.layers] == order
    assert len(model.trainable_variables) == num_trained
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    model.fit(BITS, verbose=0)
    keras.models.clone_model(model).set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_is_compiled_before_it_is_trained():
    with pytest.raises(ValueError, match=r"You must call `compile\(\)`"):
        regularized().fit(BITS, verbose=0)


def test_a_list_of_callbacks_counts_epochs_once():
    model = regularized()
    model.compile("sgd", run_eagerly=True)
    callbacks = keras.callbacks.CallbackList([], add_history=True, model=model)
    for epochs_done in (1, 2, 3):
        model.fit(BITS, callbacks=callbacks, verbose=0)
        assert int(model.epochs_done) == epochs_done
