"""Batches of one example, which a data set that does not divide leaves over, and figures of a single example."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix import evaluation
from keras_vaemix.core.batch import rows_of
from tests import catalogue
from training.distributed.strategy import make_strategy

AUTOENCODERS = [f"autoencoder-{kind}" for kind in ("mmd", "adversarial", "mask")]
QUICK = [*AUTOENCODERS, "prior-VampPrior", "model-CPVAE", "model-TwoStageVAE", "GAMIXVAE"]
# What else is computed over a batch, or has batches of its own.
LONG = [
    *(f"autoencoder-{kind}" for kind in ("penalties", "flex", "flex-smooth")),
    *("VampPrior-OptimalScaleNormal", "model-CPVAE-aggregate", "GAMIXVAE-fitted", "FactorVAE", "VAEIOP", "EmpiricalBayesVAE"),
]


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_a_last_batch_of_one_leaves_everything_finite(name):
    model = (catalogue.EVERY_MODEL | catalogue.COVERING)[name]()
    x = catalogue.examples(model, 65)
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    history = model.fit(x, batch_size=32, validation_data=(rows_of(x, 0, 33),), validation_batch_size=32, verbose=0).history
    assert {"loss", "val_loss"} <= set(history)
    assert np.isfinite(list(history.values())).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def gamix_vae():
    encoder, decoder = (vm.networks.mlp(*shapes, (8,)) for shapes in ((catalogue.SHAPE, 6), ((3,), catalogue.SHAPE)))
    return vm.GAMIXVAE(encoder, decoder, vm.StandardNormal(3), vm.Laplace(0.5))


@pytest.mark.slow
@pytest.mark.parametrize("make", [catalogue.AUTOENCODERS["mmd"], catalogue.AUTOENCODERS["mask"], gamix_vae])
def test_a_last_batch_of_one_on_two_replicas_leaves_everything_finite(make):
    strategy = make_strategy("mirrored")
    with strategy.scope():
        model = make()
        model.compile(keras.optimizers.Adam(1e-3))
    x = catalogue.examples(model, 33)
    history = model.fit(x, batch_size=32, validation_data=(x,), validation_batch_size=32, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_single_code_has_no_discrepancy():
    discrepancy, (codes, draws) = vm.discrepancies.MMD(), tf.random.normal([2, 1, 3])
    with tf.GradientTape() as tape:
        tape.watch(codes)
        value = discrepancy(codes, draws)
    assert float(value) == 0
    np.testing.assert_array_equal(tape.gradient(value, codes), 0)


@pytest.mark.parametrize("name", ["autoencoder-mmd", "GAMIXVAE"])
def test_training_on_batches_of_one_is_refused_where_nothing_would_be_learned(name):
    model = catalogue.EVERY_MODEL[name]()
    model.compile()
    with pytest.raises(ValueError, match=r"a global batch of at least 2 .*raise batch_size.*Received: batch_size=1"):
        model.fit(catalogue.examples(model), batch_size=1)


@pytest.mark.parametrize("kind", [vm.moments.MeanMoments, vm.moments.TotalMoments])
@pytest.mark.parametrize("middle", [0.0, 1e4, -1e6])
def test_moments_hold_far_from_zero(kind, middle):
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(middle, 1, (100, 3)).astype("float32"), rng.uniform(0.1, 2, (100, 3)).astype("float32")
    center, spread, rest = kind()(tf.constant(mean), tf.constant(variance))
    wide = mean.astype("float64")
    np.testing.assert_allclose(center, wide.mean(0), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(spread + rest, wide.var(0) + variance.mean(0), rtol=1e-5)


class Blurred:
    """Draws grey, and reconstructs images darker than they are."""

    def sample(self, n, seed=None):
        return np.full((n, 4, 4, 1), 0.5, "float32")

    def reconstruct(self, x):
        return 0.9 * x


@pytest.mark.filterwarnings("ignore:.*effective sample size")
def test_a_single_example_has_no_standard_error():
    vae, autoencoder = catalogue.make(), catalogue.AUTOENCODERS["mmd"]()
    x = catalogue.examples(autoencoder, 1)
    reports = [
        evaluation.likelihood_report(vae, np.round(x), num_samples=10),
        evaluation.autoencoder_report(autoencoder, x),
        evaluation.sharpness_report(Blurred(), x),
    ]
    for report in reports:
        errors = {name: value for name, value in report.items() if name.endswith("_se")}
        assert errors
        assert np.isnan(list(errors.values())).all(), errors
    assert np.isnan(reports[0]["active_units"])


@pytest.mark.parametrize("figure", [evaluation.active_units, evaluation.latent_effects])
def test_latents_of_a_single_example_do_not_vary(figure):
    model = catalogue.AUTOENCODERS["mmd"]()
    with pytest.raises(ValueError, match=r"at least two examples.*Received: examples=1"):
        figure(model, catalogue.examples(model, 1))
