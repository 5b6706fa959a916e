"""Callbacks: warm-up, early stopping that waits for it, no training on NaN, and what TensorBoard is shown."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG

import keras_vaemix as vm
from keras_vaemix import callbacks
from keras_vaemix.visualization.grids import MISSING
from keras_vaemix.visualization.plots import component_samples
from tests import catalogue


class Seen(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.betas = []

    def on_train_batch_end(self, batch, logs=None):
        self.betas.append(float(self.model.beta))


def test_warm_up_goes_on_in_a_second_fit(binary):
    model, seen = catalogue.make(), Seen()
    model.compile("adam", run_eagerly=True)
    for expected in ([0.25, 0.5], [0.75, 1.0], [1.0, 1.0]):
        model.fit(binary, batch_size=30, epochs=2, verbose=0, callbacks=[callbacks.KLWarmUp(4), seen])
        assert seen.betas == pytest.approx(expected)


def test_beta_of_a_warm_up_is_that_of_the_objective(binary):
    model, seen = catalogue.make(), Seen()
    model.objective = vm.ELBO(beta=4.0)
    model.compile("adam", run_eagerly=True)
    model.fit(binary, batch_size=30, epochs=3, verbose=0, callbacks=[callbacks.KLWarmUp(2), seen])
    assert seen.betas == pytest.approx([2.0, 4.0, 4.0])


def test_validation_has_beta_one_in_a_warm_up(binary):
    model = catalogue.make()
    model.compile("adam", run_eagerly=True)
    logs = model.fit(binary, epochs=1, verbose=0, validation_data=binary, callbacks=[callbacks.KLWarmUp(100)]).history
    assert logs["val_loss"][0] == pytest.approx(-logs["val_elbo"][0], rel=1e-5)
    assert logs["loss"][0] < -logs["elbo"][0] + 1e-4
    assert logs["beta"][0] == pytest.approx(0.01)


def stopped_after(values, **kwargs):
    stopping = callbacks.EarlyStopping(**kwargs)
    stopping.set_model(catalogue.make())
    for epoch, value in enumerate(values):
        stopping.model.stop_training = False
        stopping.on_epoch_end(epoch, {"val_loss": value})
        if stopping.model.stop_training:
            return epoch + 1
    return None


def test_early_stopping_counts_from_the_best_epoch():
    assert stopped_after([5, 4, 4.5, 4.2, 4.1], patience=3) == 5
    assert stopped_after([5, 4, 4.5, 4.2, 3.9], patience=3) is None


def test_early_stopping_waits_for_the_warm_up():
    assert stopped_after([1, 2, 3, 4, 5, 6, 7, 8], patience=2, warm_up=5) == 7
    assert stopped_after([2, 3, 4, 5, 6, 7], patience=2, warm_up=5, past=[1]) == 6


def test_early_stopping_takes_no_nan_for_the_best():
    nan = float("nan")
    assert stopped_after([5, nan, 4, 3, 2, 1], patience=2) is None
    assert stopped_after([nan, 5, 4, nan, 4.5], patience=2) == 5


def test_early_stopping_starts_again_in_another_fit():
    stopping = callbacks.EarlyStopping(patience=2, past=[3.0])
    for _ in range(2):
        stopping.set_model(catalogue.make())
        stopping.on_train_begin()
        stopping.on_epoch_end(0, {"val_loss": 4.0})
        assert stopping.values == [3.0, 4.0]


class Kept(keras.callbacks.Callback):
    """The decoder's output and the validation loss after each epoch."""

    def on_train_begin(self, logs=None):
        self.outputs, self.losses = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.outputs.append(self.model.decode(np.ones((2, catalogue.LATENT_DIM))).numpy())
        self.losses.append(logs["val_loss"])


@pytest.mark.parametrize("patience", [2, 50])
def test_early_stopping_restores_the_best_weights(binary, patience):
    """Whether training stops or not: on other data the bound gets worse from some epoch on."""
    model, kept = catalogue.make(), Kept()
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    stopping = callbacks.EarlyStopping(patience, restore_best_weights=True)
    model.fit(binary, epochs=6, batch_size=10, verbose=0, validation_data=1 - binary, callbacks=[kept, stopping])
    best = int(np.argmin(kept.losses))
    assert best == stopping.best() < len(kept.losses) - 1
    assert len(kept.losses) == min(6, best + 1 + patience)
    np.testing.assert_allclose(model.decode(np.ones((2, catalogue.LATENT_DIM))), kept.outputs[best], rtol=1e-5)
    assert np.abs(kept.outputs[best] - kept.outputs[-1]).max() > 1e-3


def test_after_the_best_weights_are_restored_other_noise_is_drawn(binary):
    """What counts draws and epochs is no weight of the best epoch: another `fit` goes on where the last one stopped."""
    model = catalogue.make()
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    settings = {"epochs": 4, "batch_size": 10, "verbose": 0, "validation_data": 1 - binary}
    stopping = callbacks.EarlyStopping(50, restore_best_weights=True)
    model.fit(binary, **settings, callbacks=[callbacks.KLWarmUp(4), stopping])
    steps = 4 * -(-len(binary) // 10)
    assert stopping.best() < 3
    assert [int(one) for one in (model.steps_done, model.epochs_done, model.optimizer.iterations)] == [steps, 4, steps]
    assert int(model.draw_counter) == steps
    assert float(model.beta) == 1.0


def test_early_stopping_keeps_the_last_weights_unless_it_is_told(binary):
    model, kept = catalogue.make(), Kept()
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    model.fit(binary, epochs=3, verbose=0, validation_data=1 - binary, callbacks=[kept, callbacks.EarlyStopping(1)])
    np.testing.assert_array_equal(model.decode(np.ones((2, catalogue.LATENT_DIM))), kept.outputs[-1])


def test_early_stopping_leaves_out_epochs_without_validation(binary):
    model, stopping = catalogue.make(), callbacks.EarlyStopping(patience=2)
    model.compile("adam", run_eagerly=True)
    model.fit(binary, epochs=4, verbose=0, validation_data=binary, validation_freq=2, callbacks=[stopping])
    np.testing.assert_array_equal(np.isnan(stopping.values), [True, False, True, False])
    with pytest.raises(ValueError, match="val_loss in the logs: pass validation_data to fit"):
        model.fit(binary, verbose=0, callbacks=[stopping])


def test_early_stopping_without_validation_says_so():
    with pytest.raises(ValueError, match=r"val_loss in the logs: pass validation_data to fit"):
        callbacks.EarlyStopping().on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("schedule", "name", "weight"),
    [
        (callbacks.KLWarmUp(2), "autoencoder-fitted", "beta, which KLWarmUp sets. Received: model='Autoencoder'"),
        (callbacks.TemperatureAnnealing(), "prior-NormalMixture", "temperature, which TemperatureAnnealing"),
        (callbacks.HoldCategories(2), "model-CPVAE", "category_posterior.held, which HoldCategories"),
    ],
)
def test_schedules_of_other_models_are_refused(schedule, name, weight):
    schedule.set_model(catalogue.EVERY_MODEL[name]())
    with pytest.raises(ValueError, match=f"a model with {weight}"):
        schedule.on_train_begin()


def test_tensorboard_takes_the_arguments_of_keras(binary, tmp_path):
    assert not callbacks.TensorBoard(tmp_path, binary).write_graph
    assert not callbacks.TensorBoard(tmp_path, binary, write_graph=False).write_graph


@pytest.mark.parametrize("logs", [{"loss": float("nan")}, {"loss": float("inf")}])
def test_stop_on_nan(logs):
    with pytest.raises(FloatingPointError, match=r"finite loss.*from step 4 of epoch 1 on"):
        callbacks.StopOnNaN().on_train_batch_end(3, logs)
    callbacks.StopOnNaN().on_train_batch_end(3, {"loss": 1.0})
    with pytest.raises(FloatingPointError, match="finite val_loss"):
        callbacks.StopOnNaN().on_epoch_end(3, {"loss": 1.0, "val_loss": float("nan")})


def lines_of_charts(log_dir, tags):
    """Returns for each chart of the layout in a folder which of the tags it shows."""
    events = EventAccumulator(str(log_dir), size_guidance={"tensors": 0}).Reload()
    (written,) = events.Tensors(CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout.FromString(tf.make_ndarray(written.tensor_proto).item())
    assert {"Objective and its parts", "Schedules"} <= {category.title for category in layout.category}
    return [[re.match(chart.multiline.tag[0], tag) for tag in tags] for category in layout.category for chart in category.chart]


@pytest.mark.parametrize("prior", ["StandardNormal", "VampPrior"])
def test_tensorboard_shows_parts_pictures_and_components(prior, binary, tmp_path):
    model = catalogue.make(prior)
    model.compile("adam", run_eagerly=True)
    x = np.tile(binary, (2, 1, 1, 1))
    board = callbacks.TensorBoard(tmp_path, x, picture_freq=1, labels=np.arange(60) % 3)
    model.fit(x, epochs=2, verbose=0, validation_data=x, callbacks=[board])
    tags = {}
    for side in ("train", "validation"):
        events = EventAccumulator(str(tmp_path / side), size_guidance={"tensors": 0})
        events.Reload()
        found = {tag: events.SummaryMetadata(tag) for tag in events.Tags()["tensors"]}
        tags[side] = {tag: metadata.plugin_data.plugin_name for tag, metadata in found.items()}
        assert all("/" in tag for tag in found if tag != CONFIG_SUMMARY_TAG)
        assert [tag for tag, metadata in found.items() if not metadata.summary_description] in ([], [CONFIG_SUMMARY_TAG])
    parts = {f"objective/{name}": "scalars" for name in ("loss", "elbo", "reconstruction", "kl")}
    assert parts.items() <= tags["train"].items()
    assert parts.items() <= tags["validation"].items()
    shown = {f"schedules/{name}": "scalars" for name in ("learning_rate", "beta")}
    shown |= {f"images/{name}": "images" for name in ("reconstructions", "samples")}
    assert shown.items() <= tags["train"].items()
    mixture = {
        "components/pseudo_inputs": "images",
        "components/use": "images",
        "components/perplexity": "scalars",
        "components/dead": "scalars",
        "components/cluster_accuracy": "scalars",
        "components/categories": "images",
        "kl_gap/variational": "scalars",
    }
    assert (mixture.items() <= tags["train"].items()) == (prior == "VampPrior")
    assert all(map(any, lines_of_charts(tmp_path / "train", [*tags["train"], *tags["validation"]])))


def test_tensorboard_shows_an_evaluation_by_itself(binary, tmp_path):
    model, board = catalogue.make(), callbacks.TensorBoard(tmp_path, binary)
    model.compile("adam", run_eagerly=True)
    figures = model.evaluate(binary, verbose=0, callbacks=[board], return_dict=True)
    events = EventAccumulator(str(tmp_path / "validation"), size_guidance={"tensors": 0}).Reload()
    assert {f"evaluation_{name}_vs_iterations" for name in figures} <= set(events.Tags()["tensors"])


def test_tensorboard_refuses_labels_of_other_examples(binary, tmp_path):
    with pytest.raises(ValueError, match=r"one label for each of 30 examples\. Received: labels=29"):
        callbacks.TensorBoard(tmp_path, binary, labels=np.zeros(29, int))


@pytest.mark.parametrize("name", ["CPVAE-conditioned", *(pytest.param(n, marks=pytest.mark.slow) for n in ("VAE-conditioned", "VAE-gaps"))])
def test_tensorboard_takes_what_accompanies_examples(name, tmp_path):
    model = catalogue.ACCOMPANIED[name]()
    model.compile("adam", run_eagerly=True)
    given = catalogue.examples(model, 12)
    model.fit(given, epochs=1, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path, given, picture_freq=1)])
    events = EventAccumulator(str(tmp_path / "train"), size_guidance={"tensors": 0}).Reload()
    assert {"images/reconstructions", "images/samples"} <= set(events.Tags()["tensors"])
    _, _, samples = tf.make_ndarray(events.Tensors("images/samples")[0].tensor_proto)
    picture, conditions = tf.io.decode_png(samples).numpy(), given.get("condition")
    np.testing.assert_array_equal(picture, np.round(255 * component_samples(model, seed=0, conditions=conditions).picture()))
    _, _, reconstructions = tf.make_ndarray(events.Tensors("images/reconstructions")[0].tensor_proto)
    is_red = np.all(tf.io.decode_png(reconstructions).numpy() == np.round(255 * np.array(MISSING)), axis=-1)
    assert is_red.any() == (name == "VAE-gaps")
    if conditions is not None:
        assert np.any(picture != np.round(255 * component_samples(model, seed=0, conditions=-conditions).picture()))
        with pytest.raises(ValueError, match=r"a dict \{'x': x, 'condition': y\} as the examples of TensorBoard"):
            model.fit(given, epochs=1, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path, given["x"])])


def test_pictures_leave_training_alone(binary, tmp_path):
    weights = []
    for shown in ([], [callbacks.TensorBoard(tmp_path, binary, picture_freq=1)]):
        keras.utils.set_random_seed(0)
        model = catalogue.make("VampPrior")
        model.compile("adam", run_eagerly=True)
        model.fit(binary, epochs=2, verbose=0, shuffle=False, callbacks=shown)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_that_are_no_images_have_no_pictures(tmp_path):
    model = vm.VAE(vm.networks.gated_mlp((6,), 4, (5,)), vm.networks.gated_mlp((2,), (6,), (5,)), vm.NormalMixture(2, 3), vm.Normal())
    model.compile("adam", run_eagerly=True)
    x = tf.random.stateless_normal((40, 6), [0, 0]).numpy()
    model.fit(x, epochs=1, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path, x)])
    assert np.isfinite(model.log_likelihood(x, 10)).all()


class Killed(Exception):
    pass


class Kill(keras.callbacks.Callback):
    """Ends the process's part of the work in the middle of an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 3:
            raise Killed


def test_callbacks_of_keras_work_and_backup_and_restore_resumes_to_the_same_bits(binary, tmp_path):
    weights = []
    for name, killed in (("whole", False), ("killed", True)):
        shown = [
            keras.callbacks.BackupAndRestore(tmp_path / name),
            keras.callbacks.ModelCheckpoint(tmp_path / f"{name}.keras", monitor="val_elbo", mode="max", save_best_only=True),
            keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=50),
            keras.callbacks.ReduceLROnPlateau("val_loss"),
            keras.callbacks.CSVLogger(tmp_path / f"{name}.csv"),
        ]
        arguments = {"batch_size": 15, "epochs": 3, "verbose": 0, "shuffle": False, "validation_data": binary}
        keras.utils.set_random_seed(0)
        model = catalogue.make(seed=3)
        model.compile("adam", run_eagerly=True)
        if killed:
            with pytest.raises(Killed):
                model.fit(binary, callbacks=[*shown, Kill()], **arguments)
            model = catalogue.make(seed=3)
            model.compile("adam", run_eagerly=True)
        model.fit(binary, callbacks=shown, **arguments)
        assert (tmp_path / f"{name}.keras").exists()
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_beta_that_is_not_the_objective_s_is_warned_of(tmp_path):
    """As loaded weights, or a warm-up that was interrupted, leave it."""
    first, model = catalogue.make(), catalogue.make()
    first.objective = vm.ELBO(beta=4.0)
    first.save_weights(tmp_path / "first.weights.h5")
    model.load_weights(tmp_path / "first.weights.h5")
    model.compile("sgd", jit_compile=False)
    x = catalogue.examples(model)
    with pytest.warns(UserWarning, match=r"beta=4, .* not with 1, its objective's: pass callbacks\.KLWarmUp, or call model\.beta\.assign"):
        model.fit(x, verbose=0)
    model.fit(x, verbose=0, callbacks=[vm.callbacks.KLWarmUp(0)])
    model.fit(x, verbose=0)
    assert float(model.beta) == 1
