"""InfoVAE: the objective against the ELBO and the MMD of its own draws, and what it is refused with."""

import numpy as np
import pytest

import keras_vaemix as vm
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.verify import objectives_of
from tests import catalogue
from tests.checks import replica_equality

SEED = [0, 3]


def terms(model, x, training=True):
    return model.losses(vm.Batch(x), SEED, training)["model"]


def with_objective(objective, prior="StandardNormal"):
    model = catalogue.make(prior)
    model.objective = objective
    return model


@pytest.mark.parametrize("training", [True, False])
def test_without_weights_it_is_the_elbo(binary, training):
    """To the bit: the draws from the prior do not change those from the posterior."""
    model = with_objective(vm.InfoObjective(0.0, 1.0))
    info = terms(model, binary, training)
    model.objective = vm.ELBO()
    np.testing.assert_array_equal(info.total, terms(model, binary, training).total)


def test_the_loss_is_made_of_its_terms(binary):
    """And the reported bound stays the ELBO, whose divergence has its whole weight; a warm-up weighs the divergence further."""
    alpha, scale = 0.75, 30.0
    model = with_objective(vm.InfoObjective(alpha, scale))
    figures = terms(model, binary).figures
    q = model.encode(binary)
    kl = 0.5 * np.sum(q.mean() ** 2 + q.variance() - 1 - np.log(q.variance()), axis=1)
    np.testing.assert_allclose(figures["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(figures["elbo"], figures["reconstruction"] - kl, rtol=1e-4)
    z, prior = model.posterior.draw(model.encoder(binary), 1, SEED)[0][0], model.prior_draws(len(binary), fold_in(SEED, 1))
    mmd = vm.evaluation.mmd(z.numpy(), prior.numpy())
    assert abs(mmd) > 1e-3
    assert float(figures["discrepancy"]) == pytest.approx((alpha + scale - 1) * mmd, rel=1e-3)
    for beta in (1.0, 0.5):
        model.beta.assign(beta)
        expected = beta * (1 - alpha) * kl - figures["reconstruction"] + figures["discrepancy"]
        np.testing.assert_allclose(terms(model, binary).figures["loss"], expected, rtol=1e-4)
    assert "objective" not in objectives_of(model)  # which are checked to be bounds


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vm.InfoObjective(1.5), "alpha <= 1 <= alpha"),
        (lambda: vm.InfoObjective(0.0, 0.5), "alpha <= 1 <= alpha"),
        (lambda: catalogue.make("FittedMixture", objective="InfoObjective"), "a prior that is known before training"),
        (lambda: catalogue.make(posterior="NormalMixturePosterior", objective="InfoObjective"), "num_strata == 1"),
        (lambda: catalogue.make(model="GMVAE", objective="InfoObjective"), "has no discrepancy"),
        (lambda: catalogue.make(model="TwoStageVAE", objective="InfoObjective"), "has no discrepancy"),
    ],
)
def test_what_it_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        make()


def test_two_replicas_are_one():
    """With their noise, on a batch of 26 of which each has half: the discrepancy is that of the global batch."""
    make = lambda: catalogue.make("NormalMixture", objective="InfoObjective")  # noqa: E731
    weights, one = replica_equality.trained(make, 1, None)
    two = replica_equality.trained(make, 2, weights)[1]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
