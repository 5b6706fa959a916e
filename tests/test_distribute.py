"""Two replicas do what one does on the same global batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue
from training.strategy import make_strategy


def trained(strategy, prior, likelihood, posterior, weights, x):
    with strategy.scope():
        model = catalogue.make(prior, likelihood)
        model.posterior = posterior
        if weights is not None:
            model.set_weights(weights)
        model.compile(keras.optimizers.SGD(0.01))
    initial = model.get_weights()
    loss = model.fit(x, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"]
    figures = model.evaluate(x, batch_size=30, verbose=0, return_dict=True)
    return initial, model, loss, figures


@pytest.mark.parametrize("prior", catalogue.PRIORS)
@pytest.mark.parametrize("likelihood", ["Bernoulli", "OptimalScaleNormal"])
def test_one_step_on_two_replicas_equals_one_step_on_one(prior, likelihood, noiseless, binary):
    weights, one, loss, figures = trained(make_strategy("none"), prior, likelihood, noiseless, None, binary)
    mirrored = make_strategy("mirrored")
    assert mirrored.num_replicas_in_sync == 2
    _, two, mirrored_loss, mirrored_figures = trained(mirrored, prior, likelihood, noiseless, weights, binary)
    np.testing.assert_allclose(mirrored_loss, loss, rtol=1e-5)
    assert mirrored_figures == pytest.approx(figures, rel=1e-5)
    for a, b in zip(one.trainable_variables, two.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, err_msg=a.path)


@pytest.mark.parametrize("name", ["HierarchicalVAE-vamp", "GMVAE"])
def test_two_levels_on_two_replicas_equal_one(name, noiseless, binary):
    weights, results = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            model = catalogue.make(model=name)
            model.posterior = noiseless
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01))
        loss = model.fit(binary, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"]
        results.append((loss, [variable.numpy() for variable in model.trainable_variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_categories_on_two_replicas_equal_one(binary):
    """Enumerated categories and a posterior of no width have no noise; the aggregate posterior is that of the global batch."""
    weights, results = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            heads = vm.GatedHeads(catalogue.LATENT_DIM, 4, log_variance_limits=(-25, -24))
            model = catalogue.cp_vae(None, 0, heads=heads, aggregate_rate=0.5)
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.001))
        loss = model.fit(binary, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"]
        results.append((loss, [variable.numpy() for variable in model.weights if "draw_counter" not in variable.path]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("posterior", ["NormalMixturePosterior", "SampledMixturePosterior"])
def test_mixture_posteriors_train_on_two_replicas(posterior, binary):
    with make_strategy("mirrored").scope():
        model = catalogue.make("VampPrior", posterior=posterior, kl="Variational")
        model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(binary, batch_size=10, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_replicas_draw_different_noise():
    strategy = make_strategy("mirrored")
    with strategy.scope():
        model = catalogue.make()
    seeds = strategy.experimental_local_results(strategy.run(tf.function(model.next_seed)))
    assert np.any(seeds[0] != seeds[1])


def test_xla_stays_off_on_several_replicas():
    with make_strategy("mirrored").scope():
        model = catalogue.make()
        model.compile("adam")
    assert not model.jit_compile
