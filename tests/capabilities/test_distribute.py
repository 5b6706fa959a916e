"""Two replicas do what one does on the same global batch."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import keras_vaemix as vm
from tests import catalogue
from tests.training.test_run import ROOT
from training.distributed.strategy import make_strategy


def trained(strategy, prior, likelihood, posterior, weights, x):
    with strategy.scope():
        model = catalogue.make(prior, likelihood)
        model.posterior = posterior
        if weights is not None:
            model.set_weights(weights)
        model.compile(keras.optimizers.SGD(0.01), jit_compile=False, run_eagerly=strategy.num_replicas_in_sync == 1)
    initial = model.get_weights()
    weight = np.linspace(0, 2, len(x))
    loss = model.fit(x, sample_weight=weight, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"]
    figures = model.evaluate(x, batch_size=30, verbose=0, return_dict=True)
    return initial, model, loss, figures


@pytest.mark.parametrize(
    ("prior", "likelihood"),
    [
        ("VampPrior", "Bernoulli"),
        ("NormalMixture", "OptimalScaleNormal"),  # whose scale is one of the batch
    ],
)
def test_one_step_on_two_replicas_equals_one_step_on_one(prior, likelihood, noiseless, binary):
    binary = binary[:29]  # of which the replicas have 15 and 14
    weights, one, loss, figures = trained(make_strategy("none"), prior, likelihood, noiseless, None, binary)
    mirrored = make_strategy("mirrored")
    assert mirrored.num_replicas_in_sync == 2
    _, two, mirrored_loss, mirrored_figures = trained(mirrored, prior, likelihood, noiseless, weights, binary)
    np.testing.assert_allclose(mirrored_loss, loss, rtol=1e-5)
    assert mirrored_figures == pytest.approx(figures, rel=1e-5)
    for a, b in zip(one.variables, two.variables, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, err_msg=a.path)


def test_two_levels_on_two_replicas_equal_one(monkeypatch, binary):
    """Every draw of a normal is its mean here, so that both have the same draws."""
    mean = lambda q, n, seed=None: tf.repeat((q.loc + tf.zeros_like(q.scale))[None], n, axis=0)  # noqa: E731
    monkeypatch.setattr(tfp.distributions.Normal, "_sample_n", mean)
    weights, results = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            model = catalogue.make(model="GMVAE")
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01), jit_compile=False, run_eagerly=strategy == "none")
        loss = model.fit(binary, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"]
        results.append((loss, [variable.numpy() for variable in model.trainable_variables]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("held", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_categories_on_two_replicas_equal_one(binary, held):
    """Enumerated categories and a posterior of no width have no noise; the aggregate posterior is that of the global batch."""
    weights, results = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            heads = vm.GatedHeads(catalogue.LATENT_DIM, 4, log_variance_limits=(-25, -24))
            model = catalogue.cp_vae(None, 0, heads=heads, aggregate_rate=0.5, held=held)
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.001), jit_compile=False, run_eagerly=strategy == "none")
        loss = model.fit(binary, batch_size=30, epochs=1, shuffle=False, verbose=0).history["loss"]
        results.append((loss, [variable.numpy() for variable in model.weights if "draw_counter" not in variable.path]))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


# Losses that couple examples, and one of each way of drawing noise. Penalties and FlexAE's image critic come with all that an autoencoder
# and FlexAE have without.
COUPLED = [
    *(f"autoencoder-{name}" for name in catalogue.AUTOENCODERS if name not in ("fitted", "flex")),
    *("gamix", "gamix-mean-moments", "gamix-spectral", "likelihood-OptimalScaleNormal", "model-CPVAE-aggregate"),
]
DRAWN = [
    *("vamp-dreg", "flows", "mixture-iwae", "kl-Matched", "posterior-SampledMixturePosterior"),
    *("model-CPVAE-straight-through", "model-HierarchicalVAE-vamp"),
    *catalogue.ACCOMPANIED,
]


@pytest.mark.slow
@pytest.mark.parametrize(("names", "replicas"), [(COUPLED, 3), (DRAWN, 2)], ids=["coupled", "drawn"])
def test_models_on_several_replicas_are_those_on_one(names, replicas):
    """With their noise, on global batches that do not divide, in a process with as many devices."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tests.checks.replica_equality", *names, "--replicas", str(replicas)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == names
    for name, difference in found.items():
        assert difference[str(replicas)] < 1e-5, name


@pytest.mark.parametrize("name", ["mask", "mmd"])
def test_figures_of_uneven_shares_are_those_of_all(name, binary):
    """Of 30 examples in batches of 28 a last one has two, of which a replica may have none; nothing is recorded as NaN."""
    with make_strategy("mirrored").scope():
        model = catalogue.AUTOENCODERS[name]()
        model.compile(keras.optimizers.SGD(0.01))
    figures = model.evaluate(binary, batch_size=28, verbose=0, return_dict=True)
    assert all(np.isfinite(value) for value in figures.values()), figures
    cost = model.cost(binary, model.decoder_params(model.latent_means(binary)))
    assert figures["cost"] == pytest.approx(np.mean(cost), rel=1e-5)  # an example counts as one, whoever has it


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
