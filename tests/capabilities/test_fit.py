"""Fit, evaluate and predict, on every kind of input that Keras takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return len(self.x) // 10

    def __getitem__(self, i):
        return self.x[10 * i : 10 * i + 10]


INPUTS = ["array", "array and labels", "PyDataset", "tf.data"]
# XLA takes its time: where draws are unlike those of `test_xla`, and one evaluation below.
COMPILED = {"model-CPVAE", "model-HierarchicalVAE-vamp"}
# Parts of which others of their kind are fitted too.
SLOW = {
    *(f"posterior-{name}" for name in ("AdditiveCoupling", "HouseholderFlow", "PlanarFlow")),
    *(
        f"prior-{name}"
        for name in ("LearnedNormal", "FittedMixture", "MaskedAutoregressive", "VampPriorMixture", "ImplicitPrior", "ResampledPrior")
    ),
    *(f"model-{name}" for name in ("CPVAE-aggregate", "CPVAE-paper", "CPVAE-straight-through", "HierarchicalVAE-vamp")),
    *catalogue.ACCOMPANIED,
}
ACCOMPANIED = [name if name == "CPVAE-conditioned" else pytest.param(name, marks=pytest.mark.slow) for name in catalogue.ACCOMPANIED]
QUICK = ["prior-StandardNormal", "likelihood-OptimalScaleNormal", "mixture-iwae", "model-CPVAE"]


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in sorted(SLOW))])
def test_fit_raises_the_bound(name):
    model = catalogue.EVERY_MODEL[name]()
    few = catalogue.examples(model)
    x = vm.Batch.of(few).map(lambda one: np.concatenate([one] * 5)).inputs()
    is_compiled = name in COMPILED
    model.compile(keras.optimizers.Adam(0.01), jit_compile="auto" if is_compiled else False)
    history = model.fit(x, epochs=3, batch_size=10, verbose=0, validation_data=None if is_compiled else few).history
    assert history["loss"][-1] < history["loss"][0]
    prefix = "" if model.likelihood.is_density else "pseudo_"
    figures = {"loss", *(f"{prefix}{name}" for name in ("elbo", "reconstruction", "kl"))}
    assert set(history) >= {"beta", *figures}
    assert is_compiled or set(history) >= {f"val_{name}" for name in figures}


@pytest.mark.parametrize("name", [*catalogue.COMBINATIONS, "GAMIXVAE", "GAMIXVAE-fitted", "VAE-table", *ACCOMPANIED])
def test_gradients_reach_every_weight(name):
    """All but those of a discriminator, which are for its own move; in a graph, as in `fit`."""
    model = catalogue.EVERY_MODEL[name]()
    x = catalogue.examples(model)
    (update,) = model.updates()
    others = [own for name, variables in update.variables.items() if name != "model" for own in variables]
    weights = [w for w in model.trainable_variables if not any(w is own for own in others)]

    @tf.function(autograph=False)
    def gradients(x):
        with tf.GradientTape() as tape:
            loss, figures = update.losses(model.as_batch(x), [0, 0], True)["model"]
        assert set(figures) <= set(model.metric_names())
        return tape.gradient(loss, weights)

    for weight, gradient in zip(weights, gradients(x), strict=True):
        assert gradient is not None, weight.path
        assert np.any(np.asarray(gradient) != 0), weight.path
        assert np.all(np.isfinite(gradient)), weight.path


def test_updates_move_every_weight():
    """Each trainable weight is in an update, but those of the first of two stages, which stay as they are."""
    makers = {**catalogue.EVERY_MODEL, "GAMIXVAE-learned": gamix_vae_with_a_learned_scale}
    for name, make in makers.items():
        model = make()
        moved = {id(w) for update in model.updates() for variables in update.variables.values() for w in variables}
        first = [] if not isinstance(model, vm.TwoStageVAE) else model.first.trainable_variables
        left = [w.path for w in model.trainable_variables if id(w) not in moved | {id(other) for other in first}]
        assert not left, name


def gamix_vae_with_a_learned_scale():
    given = catalogue.gamix_vae()
    return vm.GAMIXVAE(given.encoder, given.decoder, given.prior, vm.LearnedScaleNormal(0.5))


@pytest.fixture(scope="module")
def model():
    """A compiled model, whose steps are traced once."""
    model = catalogue.make()
    model.compile("adam", steps_per_execution=2, jit_compile=False)
    return model


@pytest.mark.parametrize("wrap", [np.asarray, lambda x: (x, np.zeros(len(x))), Batches, tf.data.Dataset.from_tensor_slices], ids=INPUTS)
def test_fit_takes_what_keras_takes(binary, wrap, model):
    data = wrap(binary)
    if isinstance(data, tf.data.Dataset):
        data = data.batch(10)
    arguments = {"x": data[0], "y": data[1]} if isinstance(data, tuple) else {"x": data}
    assert np.isfinite(model.fit(**arguments, epochs=2, verbose=0, shuffle=not isinstance(data, tf.data.Dataset)).history["loss"][-1])


def test_evaluate_and_predict(binary):
    model = catalogue.make()
    model.compile("adam")
    figures = model.evaluate(binary, verbose=0, return_dict=True)
    assert figures["elbo"] == pytest.approx(figures["reconstruction"] - figures["kl"], abs=1e-4)
    assert figures["loss"] == pytest.approx(-figures["elbo"], abs=1e-4)
    reconstructions = model.predict(binary, verbose=0)
    assert reconstructions.shape == binary.shape
    np.testing.assert_allclose(reconstructions, model.reconstruct(binary), atol=1e-6)


def test_optimizer_arguments_clip_and_schedule(binary):
    model = catalogue.make()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    model.compile(keras.optimizers.SGD(schedule, global_clipnorm=1e-8), run_eagerly=True)
    before = [w.numpy() for w in model.trainable_variables]
    model.fit(binary, epochs=1, batch_size=30, verbose=0)
    moved = np.sqrt(sum(np.sum((w.numpy() - b) ** 2) for w, b in zip(model.trainable_variables, before, strict=True)))
    assert 0 < moved < 1e-8
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((5, 4, 4, 1), 0.5), "binarise it"),
        (np.full((5, 4, 4, 1), np.nan), "finite values"),
        (np.zeros((5, 3, 4, 1)), "shape"),
        (np.zeros((0, 4, 4, 1)), "at least one example"),
        (np.full((5, 4, 4, 1), "a"), "real numbers"),
        (tf.data.Dataset.from_tensor_slices(np.full((5, 4, 4, 1), 2.0)).batch(5), "binarise it"),
        (tf.data.Dataset.from_tensor_slices(np.zeros((0, 4, 4, 1))).batch(5), "at least one batch"),
        (Batches(np.full((20, 4, 4, 1), 7.0)), "binarise it"),
    ],
)
def test_bad_examples_are_refused_by_name(x, message, model):
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=message):
            method(x)
