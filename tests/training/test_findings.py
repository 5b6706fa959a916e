"""Findings hold; that of averaged samples is in `test_verify`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix import divergences
from training.findings import cp_vae_choices
from training.findings.mean_bound import fit_prior


@pytest.mark.parametrize(
    ("divergence", "collapses"), [(divergences.MeanBound(), True), (divergences.SoftminBound(), False), (divergences.Variational(), False)]
)
def test_components_under_the_mean_are_all_the_same(divergence, collapses):
    z = tf.constant(np.repeat([-3.0, 3.0], 100), tf.float32)
    loc, scale = fit_prior(divergence, z, steps=1500)
    if collapses:
        np.testing.assert_allclose(loc, 0, atol=0.1)
        np.testing.assert_allclose(scale, 3.0, atol=0.1)
    else:
        np.testing.assert_allclose(np.sort(loc), [-3, 3], atol=0.1)
        np.testing.assert_allclose(scale, 0.3, atol=0.1)


def test_only_hard_categories_give_the_bound_of_a_cp_vae():
    keras.utils.set_random_seed(0)
    encoder = vm.networks.mlp((6,), 3 + 2 * 2, (8,))
    decoder = vm.networks.joint_gated_mlp([(2,), (3,)], (6,), (8,), (8,))
    model = vm.CPVAE(encoder, decoder, vm.NormalMixture(2, 3), vm.Bernoulli())
    x = np.random.default_rng(0).integers(0, 2, (4000, 6)).astype("float32")
    model.compile()
    figures = lambda: {name: cp_vae_choices.bound(model, x, one) for name, one in estimators.items()}  # noqa: E731
    estimators = {"hard": vm.categories.hard(3), **cp_vae_choices.soft_estimators()}
    expected = model.evaluate(x, batch_size=100, verbose=0, return_dict=True)["elbo"]
    assert figures()["hard"] == pytest.approx(expected, abs=0.05)
    # If q(c|x) is certain, a soft category is a hard one.
    last = [layer for layer in encoder.layers if layer.weights][-1]
    last.bias.assign(tf.concat([[0.0, 40.0, 0.0], last.bias[3:]], 0))
    certain = figures()
    assert certain["relaxed"] == pytest.approx(certain["hard"], abs=0.05)
    assert certain["probabilities"] == pytest.approx(certain["hard"], abs=0.05)


@pytest.mark.slow
def test_choices_of_a_cp_vae_are_compared(monkeypatch, capsys):
    monkeypatch.setattr(cp_vae_choices, "VARIANTS", {"relaxed": {"estimator": "relaxed"}})
    monkeypatch.setattr(cp_vae_choices, "SAMPLES", 100)
    monkeypatch.setattr(cp_vae_choices, "EXAMPLES", 100)
    assert cp_vae_choices.main(["--dataset", "digits", "--epochs", "1"]) == 0
    title, line = capsys.readouterr().out.splitlines()
    assert title.split() == ["-bound,", "hard", "c", "relaxed", "c", "q(c|x)", "-log", "p(x)", "accuracy"]
    hard, relaxed, probabilities, likelihood, accuracy = map(float, line.split()[1:])
    assert likelihood < hard < 60
    assert 0.1 <= accuracy <= 1
    assert abs(relaxed - probabilities) < 1
