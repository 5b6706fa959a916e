"""MaskAAE: its mask, its losses against their formulas, and the autoencoder that it leaves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue
from tests.catalogue import linear

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
    terms = model.terms(tf.constant(x), tf.constant(z), True)
    cost = np.mean(model.cost(x, model.decoder(a * z)))
    np.testing.assert_allclose(terms["cost"], cost, rtol=1e-5)
    np.testing.assert_allclose(terms["masked_variance"], 100 * np.mean(z.var(0) * np.exp(-10 * a**2)), rtol=1e-4)
    seed = int(model.draw_counter) + 1
    loss = float(model.mask_loss(tf.constant(x)))
    model.draw_counter.assign(seed - 1)
    draws = model.prior_draws(30, model.next_seed()).numpy()
    difference = (a * z)[:, 0].mean() - (a * draws)[:, 0].mean()
    assert loss == pytest.approx(7 * cost + (1 - difference) ** 2 + 2 / D * np.sum(np.abs(a * (1 - a))), rel=1e-4)
    for steps, doublings in ((0, 0), (7, 0), (8, 1), (16, 2), (10_000, 30)):
        model.optimizer.iterations.assign(steps)
        assert float(model.polarity()) == pytest.approx(min(2 / D * 2.0**doublings, 2048))


def test_recipe_of_the_mask():
    sizes = {16: 75, 32: 3600, 64: 7200, 256: 10_000}
    for m, r in sizes.items():
        networks = vm.networks.mlp((4,), m, ()), vm.networks.mlp((m,), 4, ()), vm.networks.mlp((m,), 1, ())
        model = vm.MaskAAE(*networks, vm.StandardNormal(m), vm.costs.CrossEntropy())
        assert model.growth() == r
        rate = model.recipe_optimizer().learning_rate if callable(model.recipe_optimizer().learning_rate) else None
        schedule = rate or model.recipe_optimizer()._learning_rate
        assert float(schedule(5 * r)) == pytest.approx(5e-4)
        assert float(schedule(5 * r + 1)) == pytest.approx(1e-4)


def test_mask_stays_in_range_and_is_in_the_history(x):
    model = catalogue.AUTOENCODERS["mask"]()
    model.compile("adam", {"mask": keras.optimizers.SGD(10.0)}, jit_compile=False)
    history = model.fit(x, batch_size=10, epochs=3, verbose=0, callbacks=[vm.callbacks.MaskHistory()]).history
    masks = np.array([history[f"mask/{j}"] for j in range(D)])
    assert masks.shape == (D, 3)
    assert np.all((masks >= 0) & (masks <= 1))
    np.testing.assert_allclose(masks[:, -1], model.soft_mask(), rtol=1e-6)
