"""Every draw is a function of a seed."""

import numpy as np
import pytest

import keras_vaemix as vm
from keras_vaemix import objectives
from keras_vaemix.core.sampler import Noise, draw_noise
from keras_vaemix.core.seeds import stateless_seed
from tests import catalogue

QUICK = [*(f"prior-{name}" for name in catalogue.PRIORS), *(f"model-{name}" for name in catalogue.MODELS), "CPVAE-conditioned"]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in catalogue.ACCOMPANIED if name not in QUICK]


@pytest.fixture(params=[*QUICK, *SLOW])
def model(request):
    return catalogue.EVERY_MODEL[request.param]()


def test_noises_of_one_draw_are_different():
    noise = draw_noise({"eps": Noise("Normal", 3), "eps_lower": Noise("Normal", 3)}, 5, stateless_seed(0))
    assert not np.any(np.isclose(noise["eps"], noise["eps_lower"]))


@pytest.mark.parametrize("seed", [2**31, 2**40, -(2**31) - 1, None, 1.5, True])
def test_seeds_are_integers_of_32_bits(seed):
    message = "seed to be an integer from"
    with pytest.raises(ValueError, match=message):
        catalogue.make(seed=seed)
    if seed is not None:
        with pytest.raises(ValueError, match=message):
            stateless_seed(seed)
    assert catalogue.make(seed=np.int64(2**31 - 1)).seed == 2**31 - 1


def test_equal_seeds_equal_draws(model):
    x, given = catalogue.examples(model), catalogue.given(model)
    np.testing.assert_array_equal(model.sample(5, seed=3, **given), model.sample(5, seed=3, **given))
    assert np.any(model.sample(5, seed=3, **given) != model.sample(5, seed=4, **given))
    one, same, other = (objectives.log_importance(model.draws(x, vm.ImportanceWeighted(4), [seed, 0])) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)


def test_equal_seeds_equal_estimates(binary):
    model = catalogue.make("VampPrior")
    np.testing.assert_array_equal(model.log_likelihood(binary, 20, seed=1), model.log_likelihood(binary, 20, seed=1))
    assert np.any(model.log_likelihood(binary, 20, seed=1) != model.log_likelihood(binary, 20, seed=2))


def test_without_a_seed_draws_differ_and_repeat_with_the_model(binary):
    first, second = catalogue.make(seed=7), catalogue.make(seed=7)
    second.set_weights(first.get_weights())
    one, two = first.sample(5), first.sample(5)
    assert np.any(one != two)
    np.testing.assert_array_equal(one, second.sample(5))


def test_seeded_figures_leave_training_alone(binary):
    """Pictures and likelihoods between epochs must not change the run."""
    first, second = catalogue.make(seed=7), catalogue.make(seed=7)
    second.set_weights(first.get_weights())
    for each in (first, second):
        each.compile("sgd", run_eagerly=True)
    second.sample(3, seed=0)
    second.log_likelihood(binary, 5)
    second.responsibilities(binary)
    for each in (first, second):
        each.fit(binary, verbose=0, shuffle=False)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
