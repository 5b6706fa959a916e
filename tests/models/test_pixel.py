"""The model with a pixel decoder: bounds, the sampler of pixels, saving, and export."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import export.sample
import keras_vaemix as vm
from export.artifact import export_model
from export.convert import ExportError
from export.freeze import freeze
from export.onnx import write_decoder
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.networks.pixel_sampler import PixelSampler
from keras_vaemix.objectives import log_importance
from tests import catalogue

SHAPE, LATENT_DIM, make = catalogue.SHAPE, catalogue.LATENT_DIM, catalogue.pixel_vae


# Draws made of noise.


@pytest.mark.parametrize("name", catalogue.LIKELIHOODS)
def test_draws_have_the_mean_and_the_spread_of_the_distribution(name):
    likelihood, rng = catalogue.LIKELIHOODS[name](), np.random.default_rng(0)
    params = tf.constant(np.tile(rng.normal(size=(1, 6, likelihood.params_size(1))), (20_000, 1, 1)), tf.float32)
    draws = likelihood.draw(params, likelihood.noise().sample([20_000, 6, 1], seed=[0, 1])).numpy()
    expected = likelihood.distribution(params).sample(seed=[2, 3]).numpy()
    likelihood.check(draws)
    np.testing.assert_allclose(draws.mean(0), expected.mean(0), atol=0.04)
    np.testing.assert_allclose(draws.std(0), expected.std(0), atol=0.04)
    cuts = np.quantile(expected, [0.1, 0.5, 0.9], axis=0) + 1e-4
    np.testing.assert_allclose((draws <= cuts[:, None]).mean(1), (expected <= cuts[:, None]).mean(1), atol=0.02)


def test_continuous_bernoulli_draws_are_its_quantiles():
    u = np.linspace(0, 0.99, 100)
    logits = np.array([-200, -20, -3, -0.11, -0.09, -1e-3, 1e-9, 1e-3, 0.09, 0.11, 3, 20, 200])[:, None]
    received = vm.ContinuousBernoulli().draw(tf.constant(logits, tf.float32), tf.constant(u, tf.float32))
    expected = np.log1p(u * np.expm1(logits)) / logits
    np.testing.assert_allclose(received, expected, atol=2e-5)


# The sampler.


@pytest.mark.parametrize("likelihood", ["Bernoulli", "DiscretizedLogistic", "Normal"])
def test_sampled_pixels_are_those_of_the_full_pass(likelihood):
    model, n = make(likelihood), 5
    z, seed = tf.random.stateless_normal([n, LATENT_DIM], [0, 1]), stateless_seed(3)
    x = model.decode(z, seed)
    assert x.shape == (n, *SHAPE)
    model.check(x.numpy())
    # Every pixel drawn from the parameters of the full pass over the sampled image, from the same noise.
    noise = [model.likelihood.noise().sample([n, *SHAPE[1:]], seed=fold_in(seed, i)) for i in range(SHAPE[0])]
    expected = model.likelihood.draw(model.decode_params(z[None], x)[0], tf.stack(noise, axis=1))
    np.testing.assert_allclose(x, expected, atol=1e-4)
    assert np.std(x) > 0


def test_drawn_images_have_the_frequencies_of_the_density():
    shape = (2, 2, 1)
    decoder = vm.networks.PixelCNN(2, shape, 1, filters=8, num_layers=1, first_kernel_size=3, hidden=())
    draws = PixelSampler(decoder, vm.Bernoulli())(tf.ones([20_000, 2]), stateless_seed(0))
    images = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), -1).reshape(16, *shape).astype("float32")
    probabilities = np.exp(vm.Bernoulli().log_prob(decoder([tf.ones([16, 2]), images])[None], images)[0])
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    frequencies = np.bincount((draws.numpy().reshape(-1, 4) @ [8, 4, 2, 1]).astype(int), minlength=16) / 20_000
    np.testing.assert_allclose(frequencies, probabilities, atol=0.015)


def test_samples_are_a_function_of_the_seed(capsys):
    model = make(prior="NormalMixture")
    one, two, other = model.sample(6, seed=1), model.sample(6, seed=1, verbose=1), model.sample(6, seed=2)
    assert "4/4" in capsys.readouterr().out
    np.testing.assert_array_equal(one, two)
    assert np.any(one != other)
    assert np.any(model.sample(6) != model.sample(6))
    assert model.sample(3, component=2).shape == (3, *SHAPE)
    with pytest.raises(ValueError, match=r"component in 0\.\.3"):
        model.sample(3, component=4)
    with pytest.raises(ValueError, match="n to be an integer"):
        model.sample(0)


def test_mixed_precision_draws_whole_levels():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make("DiscretizedLogistic")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    x = model.sample(5, seed=0)
    assert x.dtype == tf.float32
    model.check(x.numpy())


# The model.


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"likelihood": "DiscretizedLogistic", "posterior": vm.NormalMixturePosterior(2)},
    ],
)
def test_fits(arguments):
    model = make(**arguments)
    x = np.tile(catalogue.examples(model), (5, 1, 1, 1))
    is_compiled = not arguments
    model.compile(keras.optimizers.Adam(0.01), jit_compile=is_compiled)
    history = model.fit(x, epochs=3, batch_size=15, verbose=0, validation_data=None if is_compiled else x[:30]).history
    bound = history["elbo" if is_compiled else "val_elbo"]
    assert bound[-1] > bound[0]


def test_likelihood_is_estimated_in_small_chunks(noiseless):
    model = make(posterior=noiseless)
    x = catalogue.examples(model)
    assert model.decoded_batch_size == 100
    d = model.draws(tf.constant(x), vm.ImportanceWeighted(1), stateless_seed(0))
    report = vm.evaluation.likelihood_report(model, x, num_samples=10, batch_size=20)
    assert report["log_likelihood"] == pytest.approx(np.mean(log_importance(d)), rel=1e-4)


def test_predictions_see_the_pixels_before_and_reconstructions_do_not():
    model = make()
    x = catalogue.examples(model)
    z = model.encode(x).mean()
    expected = model.likelihood.mean(model.decode_params(z[None], tf.constant(x))[0])
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)
    np.testing.assert_array_equal(model.reconstruct(x), model.decode(z, seed=0))
    assert int(model.draw_counter) == 0


def test_saved_model_comes_back_and_goes_on_with_the_same_bits(tmp_path):
    model = make(prior="VampPrior")
    x = catalogue.examples(model)
    model.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    model.fit(x, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
    for each in (model, loaded):
        each.fit(x, epochs=2, verbose=0, shuffle=False)
    for one, other in zip(model.weights + model.optimizer.variables, loaded.weights + loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


def test_a_replaced_decoder_is_the_one_that_draws():
    model, other = catalogue.pixel_vae(), catalogue.pixel_vae()
    model.sample(1, seed=0)
    model.decoder = other.decoder
    np.testing.assert_array_equal(model.sample(20, seed=1), other.sample(20, seed=1))


def test_wrong_decoders_are_refused():
    model = catalogue.make()
    with pytest.raises(ValueError, match="decoder with input shape"):
        vm.PixelVAE(model.encoder, model.decoder, model.prior, model.likelihood)
    with pytest.raises(ValueError, match="decoder with input shape"):
        vm.VAE(model.encoder, make().decoder, model.prior, model.likelihood)
    with pytest.raises(ValueError, match=r"decode\(z\) draws images"):
        make().decode_params(tf.zeros([1, 2, LATENT_DIM]))


# Export.


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An artifact folder and its model."""
    keras.utils.set_random_seed(1)
    model = make(prior="VampPrior")
    return export_model(model, tmp_path_factory.mktemp("exported") / "artifact"), model


def test_exported_steps_draw_what_the_model_does(exported):
    folder, model = exported
    z, seed = tf.random.stateless_normal([7, LATENT_DIM], [0, 1]), stateless_seed(3)
    noise = [model.likelihood.noise().sample([7, *SHAPE[1:]], seed=fold_in(seed, i)) for i in range(SHAPE[0])]
    (context,) = export.sample.open_graph(folder, "pixel_context.onnx").run(["context"], {"z": z.numpy()})
    step = export.sample.open_graph(folder, "pixel_step.onnx")
    np.testing.assert_array_equal(export.sample.draw_pixels(step, context, np.stack(noise, axis=1)), model.decode(z, seed))


@pytest.mark.parametrize("likelihood", ["ContinuousBernoulli", "LearnedScaleNormal", "Laplace", "DiscretizedLogistic"])
def test_every_kind_of_draw_exports_a_step(likelihood, tmp_path):
    model = make(likelihood)
    folder = export_model(model, tmp_path / "artifact", formats=["onnx"])
    assert {path.name for path in folder.iterdir()} == {"pixel_context.onnx", "pixel_step.onnx", "sampler.onnx", "manifest.json"}
    x, _ = export.sample.sample(folder, 6)
    assert x.shape == (6, *SHAPE)
    model.check(x)


def test_exported_samples_have_the_statistics_of_the_model(exported):
    folder, model = exported
    x, component = export.sample.sample(folder, 20_000)
    np.testing.assert_allclose(x.mean(0), model.sample(20_000, seed=0).numpy().mean(0), atol=0.02)
    assert set(component) == set(range(5))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["decoder"], manifest["pixel_noise"]["family"]) == ("pixel", "Uniform")


def test_saved_model_draws_what_the_model_does(exported):
    folder, model = exported
    served = tf.saved_model.load(str(folder / "saved_model")).signatures
    x, z = tf.constant(catalogue.examples(model, 9)), tf.random.stateless_normal([9, LATENT_DIM], [0, 0])
    np.testing.assert_array_equal(served["sample"](n=tf.constant(9), seed=stateless_seed(4))["x"], model.sample(9, seed=4))
    np.testing.assert_array_equal(served["decode"](z=z, seed=stateless_seed(4))["x"], model.decode(z, seed=4))
    log_px = model.likelihood.log_prob(model.decode_params(z[None], x), x)[0]
    expected = log_px + model.prior.distribution(model.encode).log_prob(z)
    np.testing.assert_allclose(served["log_joint"](x=x, z=z)["log_joint"], expected, rtol=1e-5)


def test_command_samples_a_pixel_artifact_and_refuses_another_step(exported, tmp_path, capsys):
    folder = shutil.copytree(exported[0], tmp_path / "artifact")
    out = tmp_path / "samples.png"
    assert export.sample.main([str(folder), "--num", "5", "--component", "2", "--out", str(out)]) == 0
    assert out.stat().st_size > 0
    step = folder / "pixel_step.onnx"
    step.write_bytes(step.read_bytes()[:-1])
    assert export.sample.main([str(folder)]) == 1
    assert "pixel_step.onnx with sha256" in capsys.readouterr().err


def test_all_pixels_at_once_are_refused(exported, tmp_path):
    with pytest.raises(ExportError, match=r"pixel_context\.onnx and pixel_step\.onnx.*Received: PixelVAE"):
        write_decoder(freeze(exported[1]), tmp_path / "decoder.onnx")
