"""Save and load: `.keras` files that load with `safe_mode=True` and go on where they were."""

import keras
import numpy as np
import pytest

import keras_vaemix as vm
from tests import catalogue

# What has no weights comes back from its configuration, which `test_catalogue` holds; here are those that have, and one of each kind.
KINDS = {"likelihood-LearnedScaleNormal", "likelihood-OptimalScaleNormal", "objective-DoublyReparameterized", "kl-Variational"}
SAVED = [n for n in catalogue.COMBINATIONS if n in KINDS or not n.startswith(("likelihood-", "objective-", "kl-"))]


@pytest.mark.parametrize("name", [*SAVED, *(pytest.param(name, marks=pytest.mark.slow) for name in catalogue.ACCOMPANIED)])
def test_saved_model_comes_back_whole(name, tmp_path):
    model = catalogue.EVERY_MODEL[name]()
    x = catalogue.examples(model)
    model.compile(keras.optimizers.Adam(0.01))
    model.optimizer.iterations.assign(5)
    model.beta.assign(0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
    assert_same(model, loaded)


LONG = ["VAEIOP", "mixture-iwae", "VAE-conditioned", "GMVAE-conditioned", "VAE-gaps"]


@pytest.mark.parametrize("name", ["EmpiricalBayesVAE", "CPVAE-conditioned", *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_training_goes_on_with_the_same_bits(name, tmp_path):
    model = catalogue.EVERY_MODEL[name]()
    x = catalogue.examples(model)
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
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
    model, other = catalogue.make("VampPrior"), catalogue.make("VampPrior")
    for each in (model, other):
        each.compile("adam", run_eagerly=True)
    model.train_on_batch(binary)
    model.save_weights(tmp_path / "model.weights.h5")
    assert np.any(other.reconstruct(binary) != model.reconstruct(binary))
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.reconstruct(binary), model.reconstruct(binary))
    assert_same(model, other)


@keras.saving.register_keras_serializable("tests")
class FewComponents(vm.NormalMixture):
    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)


@keras.saving.register_keras_serializable("tests")
class OfBits(vm.VAE):
    """Fixes one argument, adds one, and passes on the others."""

    def __init__(self, encoder, decoder, prior, further=1.0, **kwargs):
        super().__init__(encoder, decoder, prior, vm.Bernoulli(), **kwargs)
        self.further = further


def test_what_a_subclass_passes_on_comes_back(tmp_path):
    posterior, objective = vm.DiagonalNormal(log_variance_limits=(-2.0, 2.0)), vm.ELBO(beta=4.0)
    networks = vm.networks.mlp((6,), 4, ()), vm.networks.mlp((2,), 6, ())
    model = OfBits(*networks, FewComponents(2, num_components=3), further=2.0, posterior=posterior, objective=objective, seed=7)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (loaded, keras.models.clone_model(model)):
        assert repr(other.prior) == repr(model.prior) == "FewComponents(latent_dim=2, num_components=3)"
        assert (repr(other.posterior), repr(other.objective)) == (repr(posterior), repr(objective))
        assert (other.seed, other.further, float(other.beta)) == (7, 2.0, 4.0)
    np.testing.assert_array_equal(loaded.sample(5, seed=0), model.sample(5, seed=0))
