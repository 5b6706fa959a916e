"""Mixed precision: distributions, log-sum-exps and penalties stay in float32, so that figures are near those of float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.storage.loading import load_model
from tests import catalogue
from tests.checks.kills import RUNS, contents, is_same

QUICK = ["likelihood-DiscretizedLogistic", "kl-SoftminBound", "mixture-iwae", "model-CPVAE"]


@pytest.fixture
def policy():
    """Sets the policy of mixed precision, for one test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def gamix():
    """Returns a small GAMIX-VAE of convolutions, with its discriminator."""
    shape, d = (16, 16, 3), 4
    encoder = vm.networks.resnet_v2_encoder(shape, 2 * d, width=8, depth=1)
    decoder = vm.networks.resnet_v2_decoder(d, shape, width=8, depth=1, output_activation="sigmoid")
    judge = vm.networks.patch_discriminator(shape, 4, 1)
    return vm.GAMIXVAE(encoder, decoder, vm.StandardNormal(d), vm.Laplace(0.5), judge)


def evaluated(make, x, weights=None):
    """Returns a model, compiled, with the given weights if any; its weights, of which one counts draws; and its figures of x."""
    model = make()
    model.set_weights(weights or model.get_weights())
    weights = model.get_weights()
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    return model, weights, model.evaluate(x, verbose=0, return_dict=True)


CASES = [("mixed_bfloat16", model) for model in QUICK]
# What these compute in float32 is computed by others too.
ALIKE = {
    *("posterior-InverseAutoregressive", "mixture-iwae", "vamp-dreg", "GAMIXVAE-fitted", "PixelVAE-levels"),
    *(f"model-{name}" for name in ("CPVAE", "CPVAE-aggregate", "CPVAE-paper", "HierarchicalVAE")),
    *(f"autoencoder-{name}" for name in ("fitted", "mmd", "adversarial", "flex")),
}
CASES += [pytest.param("mixed_float16", model, marks=pytest.mark.slow) for model in catalogue.COVERING if model not in ALIKE]


@pytest.mark.parametrize(("name", "model"), CASES)
def test_figures_are_near_those_of_float32(name, model, policy):
    make = (catalogue.EVERY_MODEL | catalogue.COVERING)[model]
    x = catalogue.examples(make())
    _, weights, expected = evaluated(make, x)
    policy(name)
    mixed, _, received = evaluated(make, x, weights)
    assert all(weight.dtype == "float32" for weight in mixed.trainable_variables)
    assert received["loss"] == pytest.approx(expected["loss"], rel=0.01)
    assert received["loss"] != expected["loss"]
    assert all(np.isfinite(figures).all() for figures in mixed.fit(x, batch_size=15, verbose=0).history.values())


def test_what_is_missing_does_not_reach_half_precision(policy):
    """A NaN in it would stay one through every layer; in float32 it is replaced by zero before that."""
    policy("mixed_bfloat16")
    make = catalogue.EVERY_MODEL["VAE-gaps"]
    given = catalogue.examples(make())
    hidden, results, weights = np.where(given["mask"] == 1, given["x"], np.nan), [], None
    for x in (hidden, given):
        model, weights, figures = evaluated(make, x, weights)
        history = model.fit(x, batch_size=10, epochs=2, verbose=0, shuffle=False).history
        results.append([*figures.values(), *np.ravel(list(history.values())), *model.get_weights()])
    for one, other in zip(*results, strict=True):
        assert np.all(np.isfinite(one))
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_adversarial_training_is_near_that_of_float32(policy):
    x = np.random.default_rng(0).random((16, 16, 16, 3), "float32")
    model, weights, expected = evaluated(gamix, x)
    history = model.fit(x, batch_size=8, epochs=5, verbose=0, shuffle=False).history
    for name in ("mixed_bfloat16", "mixed_float16"):
        policy(name)
        mixed, _, received = evaluated(gamix, x, weights)
        for key in ("loss", "moment_kl", "variance_kl"):
            assert received[key] == pytest.approx(expected[key], rel=0.02)
        mixed_history = mixed.fit(x, batch_size=8, epochs=5, verbose=0, shuffle=False).history
        assert mixed_history["loss"][-1] == pytest.approx(history["loss"][-1], rel=0.05)
        assert mixed_history["discriminator_loss"][-1] == pytest.approx(history["discriminator_loss"][-1], rel=0.2)
        assert all(np.isfinite(weight).all() for weight in mixed.get_weights())
        optimizers = mixed.optimizer, mixed.optimizers["discriminator"]
        assert [isinstance(one, keras.optimizers.LossScaleOptimizer) for one in optimizers] == [name == "mixed_float16"] * 2


def test_mixed_models_come_back(policy, tmp_path):
    policy("mixed_float16")
    model = gamix()
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    model.train_on_batch(np.random.default_rng(0).random((8, 16, 16, 3), "float32"))
    model.save(tmp_path / "model.keras")
    policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert isinstance(loaded.optimizers["discriminator"], keras.optimizers.LossScaleOptimizer)
    np.testing.assert_array_equal(loaded.sample(3, seed=1), model.sample(3, seed=1))


def test_copies_keep_their_policy(policy, tmp_path):
    """What is compiled anew scales its loss, and a model of float32 stays one wherever it is loaded."""
    policy("mixed_float16")
    mixed = catalogue.make()
    policy("float32")
    single = catalogue.make()
    for model, name in ((mixed, "mixed_float16"), (single, "float32")):
        model.save(tmp_path / "model.keras")
        policy("float32" if model is mixed else "mixed_float16")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        for one in (loaded, keras.models.clone_model(model)):
            one.compile(keras.optimizers.Adam(0.01))
            assert one.dtype_policy.name == one.encoder.layers[-1].dtype_policy.name == name
            assert isinstance(one.optimizer, keras.optimizers.LossScaleOptimizer) == (model is mixed)


def test_heads_and_the_scaling_of_columns_stay_in_float32(policy, binary):
    policy("mixed_bfloat16")
    model = catalogue.make(model="CPVAE")
    model.heads.shift.assign(tf.fill(model.heads.shift.shape, 1.005))  # the nearest of bfloat16 is 1.0078
    expected = model.call(binary)
    np.testing.assert_array_equal(model(binary), expected)  # though Keras casts what a call uses
    np.testing.assert_allclose(model.predict(binary, verbose=0), expected, atol=1e-6)
    scaling = keras.Sequential([keras.Input((1,)), vm.networks.ScaledColumns([2000.0], [10.0], [False])])
    np.testing.assert_allclose(scaling(np.array([[2003.0], [2005.0]], "float32")), [[0.3], [0.5]], rtol=1e-6)


def policies(model):
    """Returns the names of the policies of all layers of a model that compute something themselves."""
    containers = keras.layers.InputLayer, keras.Model
    return [layer.dtype_policy.name for layer in model._flatten_layers() if not isinstance(layer, containers)]


@pytest.mark.parametrize("name", ["PixelVAE", "prior-ResampledPrior", "posterior-InverseAutoregressive"])
def test_networks_that_a_constructor_makes_keep_their_policy(name, policy):
    for given, other in (("mixed_bfloat16", "float32"), ("float32", "mixed_bfloat16")):
        policy(given)
        model = catalogue.EVERY_MODEL[name]()
        policy(other)
        for one in (keras.models.clone_model(model), type(model).from_config(model.get_config())):
            assert policies(one) == policies(model)
    policy("float32")
    cnn = vm.networks.PixelCNN(2, (4, 4, 1), 1, 4, 1, 3, hidden=(), dtype="mixed_bfloat16")
    assert cnn.head.layers[-1].compute_dtype == cnn.context.layers[-1].compute_dtype == "bfloat16"


def test_a_configuration_without_a_policy_takes_that_of_keras(policy):
    """Files of earlier versions have none."""
    config = catalogue.make().get_config()
    del config["dtype"]
    policy("mixed_bfloat16")
    assert vm.VAE.from_config(config).dtype_policy.name == "mixed_bfloat16"


@pytest.mark.slow
def test_whole_command_in_mixed_precision(policy, main, without_xla, tmp_path):
    """The first losses overflow: the optimizer has done fewer steps than its epochs have. What is exported is float32."""
    flags = ["wae_gan_mnist", *RUNS["wae_gan_mnist"], "--regularization", 1e5, "--features", "none", "--precision", "mixed_float16"]
    for folder, epochs in (("whole", 3), ("parts", 1), ("parts", 3)):
        status, err = main(*flags, "--epochs", epochs, "--run-dir", tmp_path / folder, "--resume")
        assert (status, err) == (0, "")
    assert is_same(contents(tmp_path / "whole"), contents(tmp_path / "parts"))
    model = load_model(tmp_path / "whole" / "model.keras")
    assert model.decoder.layers[-2].compute_dtype == "float16"
    assert int(model.optimizer.iterations) < int(model.steps_done) == 3 * (1197 // 100)
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("is_scaled", [True, False])
def test_every_optimizer_scales_its_loss_or_none_does(is_scaled, policy):
    policy("mixed_float16")
    model = catalogue.EVERY_MODEL["autoencoder-adversarial"]()
    model.compile("adam", auto_scale_loss=is_scaled)
    scaled = [isinstance(one, keras.optimizers.LossScaleOptimizer) for one in (model.optimizer, *model.optimizers.values())]
    assert scaled == [is_scaled] * len(scaled)
    assert len(scaled) > 1


def test_examples_are_reconstructed_in_float32(policy):
    """A standardising layer in float32 sees differences of one at 100,000, which is more than float16 holds."""
    policy("mixed_float16")
    given, z = keras.Input((3,), dtype="float32"), keras.Input((2,))
    standard = keras.layers.Normalization(mean=1e5, variance=1.0, dtype="float32")(given)
    encoder, decoder = keras.Model(given, keras.layers.Dense(4)(standard)), keras.Model(z, keras.layers.Dense(3)(z))
    second = vm.VAE(vm.networks.mlp((2,), 4, ()), vm.networks.mlp((2,), 2, ()), vm.StandardNormal(2), vm.Normal(1.0))
    likelihood = vm.Standardized(vm.Normal(1.0), 1e5, 1.0)
    first = vm.VAE(encoder, decoder, vm.StandardNormal(2), likelihood)
    codes = keras.Model(given, keras.layers.Dense(2)(standard))
    autoencoder = vm.Autoencoder(codes, decoder, vm.StandardNormal(2), vm.costs.RealSquaredError())
    x = 1e5 + np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    for model in (first, vm.TwoStageVAE(first, second), autoencoder):
        reconstructed = model.reconstruct(x)
        assert np.all(np.isfinite(reconstructed))
        np.testing.assert_allclose(reconstructed, model.predict(x, verbose=0), rtol=1e-6)
    report = vm.evaluation.autoencoder_report(autoencoder, x)
    assert report["mean_squared_error"] == pytest.approx(np.mean(np.square(x - autoencoder.predict(x, verbose=0))), rel=1e-4)
