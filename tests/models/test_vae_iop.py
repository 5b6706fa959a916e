"""VAE-IOP: its ratio against a known aggregate posterior, and what each of its optimizers moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

import keras_vaemix as vm
from tests import catalogue
from tests.catalogue import linear


def test_the_ratio_is_that_of_the_aggregate_posterior():
    """Of examples at -1 and 1, with q(z|x) = N(2 x, 0.6^2), whose aggregate posterior is a mixture of two normals."""
    encoder = linear(1, np.array([[2.0, 0.0]]), np.array([0.0, 2 * np.log(0.6)]))
    encoder.trainable = False
    prior = vm.ImplicitPrior(1, (32, 32), dropout=0.0)
    model = vm.VAEIOP(encoder, linear(1, np.ones((1, 1))), prior, vm.Normal(1.0), ratio_steps=20)
    model.compile(
        keras.optimizers.SGD(1e-3), {"ratio": keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 800))}, jit_compile=False
    )
    x = np.tile([[-1.0], [1.0]], (256, 1)).astype("float32")
    model.fit(x, batch_size=512, epochs=40, verbose=0)
    model.fit_prior(x)
    z = np.linspace(-4.5, 4.5, 901, dtype="float32")
    aggregate = 0.5 * norm.pdf(z, -2, 0.6) + 0.5 * norm.pdf(z, 2, 0.6)
    log_p = prior.distribution().log_prob(z[:, None]).numpy()
    divergence = np.trapezoid(aggregate * (np.log(aggregate) - log_p), z)
    assert abs(divergence) < 0.01
    assert np.trapezoid(aggregate * (np.log(aggregate) - norm.logpdf(z)), z) > 1  # of the base
    assert float(prior.log_z.numpy()) == pytest.approx(0, abs=0.1)
    draws = prior.sample(20_000, seed=1).numpy()
    assert np.mean(np.abs(draws)) == pytest.approx(2.0, abs=0.05)
    assert np.mean(draws > 0) == pytest.approx(0.5, abs=0.05)


def test_the_bound_does_not_move_the_ratio_nor_the_ratio_the_encoder():
    model = catalogue.EVERY_MODEL["VAEIOP"]()
    bound, ratio = model.updates()
    names = [{weight.path for own in update.variables.values() for weight in own} for update in (bound, ratio)]
    assert names[0].isdisjoint(names[1])
    assert names[0] | names[1] == {weight.path for weight in model.trainable_variables}
    assert ratio.steps == 2
    x = vm.Batch(tf.constant(catalogue.examples(model)))
    with tf.GradientTape() as tape:
        loss = ratio.losses(ratio.inputs(x), [0, 0], True)["ratio"].total
    assert all(gradient is None for gradient in tape.gradient(loss, model.encoder.trainable_variables))


def test_another_prior_is_refused():
    with pytest.raises(ValueError, match="prior to be an ImplicitPrior"):
        vm.VAEIOP(linear(1, np.ones((1, 2))), linear(1, np.ones((1, 1))), vm.StandardNormal(1), vm.Normal(1.0))
