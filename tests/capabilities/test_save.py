"""Save and load: `.keras` files that load with `safe_mode=True` and go on where they were."""

import keras
import numpy as np
import pytest

from tests import catalogue


@pytest.mark.parametrize("name", catalogue.COMBINATIONS)
def test_saved_model_comes_back_whole(name, tmp_path):
    model = catalogue.make(**catalogue.COMBINATIONS[name])
    x = catalogue.examples(model)
    model.compile(keras.optimizers.Adam(0.01))
    model.optimizer.iterations.assign(5)
    model.beta.assign(0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
    assert_same(model, loaded)


@pytest.mark.parametrize(
    "name",
    [
        "prior-VampPrior",
        "likelihood-OptimalScaleNormal",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("objective-DoublyReparameterized", "kl-Variational", "mixture-iwae")),
    ],
)
def test_training_goes_on_with_the_same_bits(name, tmp_path):
    model = catalogue.make(**catalogue.COMBINATIONS[name])
    x = catalogue.examples(model)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(x, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for each in (model, loaded):
        each.fit(x, epochs=2, verbose=0, shuffle=False)
    assert_same(model, loaded)


def assert_same(model, loaded):
    for one, other in zip(model.weights + model.optimizer.variables, loaded.weights + loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


def test_weights_alone_come_back(tmp_path, binary):
    model, other = catalogue.make("VampPrior"), catalogue.make("VampPrior", seed=0)
    model.compile("adam")
    model.fit(binary, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other.compile("adam")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.log_likelihood(binary, 10), model.log_likelihood(binary, 10))
