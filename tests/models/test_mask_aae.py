"""MaskAAE: its mask, its losses against their formulas, and the autoencoder that it leaves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core import supports
from tests import catalogue
from tests.catalogue import linear
from training.data.splits import Data, Split
from training.jobs.train import train_steps
from training.presets import PRESETS

SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM


@pytest.fixture
def x():
    return np.random.default_rng(0).random((30, *SHAPE), "float32")


def test_mask_and_what_it_leaves(x):
    model = catalogue.AUTOENCODERS["mask"]()
    model.raw_mask.assign([3.0, 0.05, 0.7])
    a = 1 - np.exp(-np.array([3.0, 0.05, 0.7]))
    np.testing.assert_allclose(model.soft_mask(), a, rtol=1e-6)
    np.testing.assert_allclose(model.mask(), [a[0], 0, a[2]], rtol=1e-6)
    pruned = model.pruned()
    assert pruned.latent_sizes == {"z": 2}
    np.testing.assert_allclose(pruned.reconstruct(x), model.reconstruct(x), atol=1e-6)
    z = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(pruned.decode(z[:, [0, 2]]), model.decode(z), atol=1e-6)
    model.raw_mask.assign(tf.zeros(D))
    with pytest.raises(ValueError, match="train longer"):
        model.pruned()


def test_losses_of_the_mask(x):
    model = catalogue.autoencoder(vm.MaskAAE, linear(D, np.eye(D, 1, dtype="float32")), growth_steps=2, fidelity=7.0)
    model.compile("sgd")
    a, z = model.soft_mask().numpy(), model.latent_means(x).numpy()
    terms = model.terms(tf.constant(x), tf.constant(z), [0, 0], True)
    cost = np.mean(model.cost(x, model.decoder(a * z)))
    np.testing.assert_allclose(np.mean(terms["cost"]), cost, rtol=1e-5)
    np.testing.assert_allclose(terms["masked_variance"], 100 * np.mean(z.var(0) * np.exp(-10 * a**2)), rtol=1e-4)
    loss = float(model._mask_losses(vm.Batch(tf.constant(x)), [0, 1], True)["mask"].total)
    draws = model.prior_draws(30, [0, 1]).numpy()
    difference = (a * z)[:, 0].mean() - (a * draws)[:, 0].mean()
    assert loss == pytest.approx(7 * cost + (1 - difference) ** 2 + 2 / D * np.sum(np.abs(a * (1 - a))), rel=1e-4)
    for steps, doublings in ((0, 0), (7, 0), (8, 1), (16, 2), (10_000, 30)):
        model.steps_done.assign(steps)
        assert float(model.polarity()) == pytest.approx(min(2 / D * 2.0**doublings, 2048))


SIZES = {16: 75, 20: 75, 21: 2362, 32: 3600, 64: 7200, 256: 10_000}  # R of the code for D latents


def of_latents(latent_dim, **settings):
    networks = (vm.networks.mlp((4,), latent_dim, ()), vm.networks.mlp((latent_dim,), 4, ()), vm.networks.mlp((latent_dim,), 1, ()))
    return vm.MaskAAE(*networks, vm.StandardNormal(latent_dim), vm.costs.CrossEntropy(), **settings)


def first_steps(model):
    """Returns the first steps at which the weight of the hardening is doubled, and at which the learning rate is a fifth."""
    model.compile(model.recipe_optimizer())
    rate, least = model.optimizer._learning_rate, float(model.polarity())

    def first(holds):
        low, high = 0, 10**6
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
        return high

    def is_doubled(step):
        model.steps_done.assign(step)
        return float(model.polarity()) > 1.5 * least

    return first(is_doubled), first(lambda step: float(rate(step)) < 2e-4)


@pytest.mark.parametrize(("latent_dim", "r"), SIZES.items())
def test_clocks_of_the_code(latent_dim, r):
    assert first_steps(of_latents(latent_dim)) == (4 * r, 5 * r + 1)


def test_each_clock_by_itself():
    assert first_steps(of_latents(16, growth_steps=10)) == (40, 376)
    assert first_steps(of_latents(16, decay_steps=10)) == (300, 11)
    assert first_steps(of_latents(32, growth_steps=7, decay_steps=900)) == (28, 901)


@pytest.mark.parametrize(
    ("flags", "epochs", "expected"),
    [
        ({}, 640, (4 * 7200, 36_001)),  # the code's length, to a thousandth
        ({}, 40, (4 * 450, 2251)),
        ({"growth_steps": 150}, 40, (600, 2251)),
        ({"decay_steps": 750}, 40, (4 * 450, 751)),
        ({"growth_steps": 150, "decay_steps": 750}, 40, (600, 751)),
    ],
)
def test_presets_scale_clocks_by_the_length_of_the_run(flags, epochs, expected):
    x = Split(np.zeros((50_000, 1, 1, 1), "float32"), None)
    data = Data("fake", x, x, x, supports.UNIT_INTERVAL)
    experiment = PRESETS["mask_aae_mnist"].build(data, hidden=4, critic_units=4, **flags)._replace(epochs=epochs)
    if experiment.paced is not None:
        experiment = experiment.paced(experiment, train_steps(experiment, data))
    model = experiment.model
    assert first_steps(model) == pytest.approx(expected, rel=1e-3)
    assert float(experiment.optimizer._learning_rate(expected[1] + 50)) == pytest.approx(1e-4)
    again = type(model).from_config(model.get_config())
    assert (again.growth_steps, again.decay_steps) == (model.growth_steps, model.decay_steps)


def test_a_model_of_one_clock_loads():
    """A configuration from before the clocks were two has the growth alone."""
    model = of_latents(16, growth_steps=10)
    config = model.get_config()
    del config["decay_steps"]
    again = vm.MaskAAE.from_config(config)
    assert (again.growth_steps, again.decay_steps) == (10, None)


def test_mask_stays_in_range_and_is_in_the_history(x):
    model = catalogue.AUTOENCODERS["mask"]()
    model.compile("adam", {"mask": keras.optimizers.SGD(10.0)}, run_eagerly=True)
    history = model.fit(x, batch_size=10, epochs=3, verbose=0, callbacks=[vm.callbacks.MaskHistory()]).history
    masks = np.array([history[f"mask/{j}"] for j in range(D)])
    assert masks.shape == (D, 3)
    assert np.all((masks >= 0) & (masks <= 1))
    np.testing.assert_allclose(masks[:, -1], model.soft_mask(), rtol=1e-6)
