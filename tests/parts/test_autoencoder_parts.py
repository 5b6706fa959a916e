"""The parts of autoencoders: costs, discrepancies, penalties and adversarial losses against their formulas."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core.part import Part
from keras_vaemix.core.seeds import stateless_seed
from tests import catalogue
from tests.catalogue import linear

SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM


@pytest.fixture
def x():
    return np.random.default_rng(0).random((30, *SHAPE), "float32")


@pytest.mark.parametrize("module", ["costs", "discrepancies", "adversarial", "moments", "penalties"])
def test_every_part_comes_back_from_its_configuration(module):
    classes = [c for c in vars(getattr(vm, module)).values() if isinstance(c, type) and issubclass(c, Part) and c is not Part]
    concrete = [c for c in classes if not inspect.isabstract(c)]
    assert concrete
    for one in (c() for c in concrete):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(one), safe_mode=True)
        assert type(again) is type(one)
        assert repr(again) == repr(one)


def test_costs(x):
    logits = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    mean = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(vm.costs.SquaredError(0.5)(x, logits), 0.5 * ((x - mean) ** 2).sum((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(vm.costs.RealSquaredError()(x, logits), ((x - logits) ** 2).sum((1, 2, 3)), rtol=1e-5)
    entropy = -(x * np.log(mean) + (1 - x) * np.log(1 - mean)).sum((1, 2, 3))
    np.testing.assert_allclose(vm.costs.CrossEntropy()(x, logits), entropy, rtol=1e-5)


def test_discrepancy_is_that_of_the_evaluation():
    rng = np.random.default_rng(0)
    codes, draws = rng.normal(0.5, 1.2, (40, D)), rng.normal(size=(40, D))
    received = vm.discrepancies.MMD(weight=3.0)(tf.constant(codes, tf.float32), tf.constant(draws, tf.float32))
    assert float(received) == pytest.approx(3 * vm.evaluation.mmd(codes, draws), rel=1e-4)


@pytest.mark.parametrize(
    "kernel", [vm.discrepancies.InverseMultiquadratic(), vm.discrepancies.RadialBasis(), vm.discrepancies.RadialBasis(0.7)]
)
def test_discrepancy_of_equal_distributions_is_zero_on_average(kernel):
    rng, discrepancy = np.random.default_rng(0), vm.discrepancies.MMD(kernel, 1.0)
    same = [float(discrepancy(*tf.constant(rng.normal(size=(2, 50, D)), tf.float32))) for _ in range(200)]
    assert abs(np.mean(same)) < 4 * np.std(same) / math.sqrt(200)
    assert min(same) < 0  # unbiased, so below zero at times
    apart = float(discrepancy(*tf.constant(rng.normal([[[0.0]], [[2.0]]], 1, size=(2, 50, D)), tf.float32)))
    assert apart > 5 * np.std(same)


def test_discrepancy_of_normals_in_closed_form():
    """For k = exp(-(z - z')^2 / 2h^2) and unit normals m apart, MMD^2 = 2h / sqrt(h^2 + 2) (1 - exp(-m^2 / (2h^2 + 4)))."""
    h, m, n = 1.3, 0.8, 4000
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(n, 1)), rng.normal(m, 1, (n, 1))
    received = float(vm.discrepancies.MMD(vm.discrepancies.RadialBasis(h), 1.0)(*tf.constant([one, other], tf.float32)))
    assert received == pytest.approx(2 * h / math.sqrt(h**2 + 2) * (1 - math.exp(-(m**2) / (2 * h**2 + 4))), abs=0.01)


def test_penalties():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(D, 5)).astype("float32")
    model = vm.Autoencoder(linear(5, matrix.T), linear(D, matrix, np.ones(5)), vm.StandardNormal(D), vm.costs.RealSquaredError())
    z = tf.constant(rng.normal(size=(20_000, D)), tf.float32)
    assert float(vm.penalties.CodeNorm(0.2)(model, z, None)) == pytest.approx(0.1 * np.mean(np.sum(z**2, 1)), rel=1e-5)
    assert float(vm.penalties.DecoderNorm(0.3)(model, z, None)) == pytest.approx(0.3 * ((matrix**2).sum() + 5), rel=1e-5)
    frobenius = float(vm.penalties.DecoderGradient(2.0)(model, z, stateless_seed(0)))
    assert frobenius == pytest.approx(2 * (matrix**2).sum(), rel=0.03)


@pytest.fixture
def singular():
    """An autoencoder whose decoder is D(z) = z W with singular values 0.3 and 2, 4,000 equal codes, and the penalty at them."""
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0][:2]
    model = vm.Autoencoder(linear(5, rotation.T), linear(2, [[0.3], [2.0]] * rotation), vm.StandardNormal(2), vm.costs.RealSquaredError())
    return lambda **given: float(vm.penalties.LogVolume(**given)(model, tf.ones([4000, 2]), stateless_seed(0)))


def test_log_volume_bounds_the_determinant(singular):
    """In two dimensions E_v log |J v|^2 = 2 log((s_1 + s_2) / 2); many directions approach log(|J|_F^2 / 2)."""
    exact, one, limit = math.log(0.3 * 2), 2 * math.log((0.3 + 2) / 2), math.log((0.3**2 + 2**2) / 2)
    assert exact < one < limit
    # The logarithm has a standard deviation of 1.2 for one direction; the mean over 100, one of 0.1.
    assert singular(weight=1.0) == pytest.approx(one, abs=4 * 1.3 / math.sqrt(4000))
    assert singular(weight=1.0, num_directions=100) == pytest.approx(limit, abs=0.01)
    assert singular(weight=3.0) == pytest.approx(3 * singular(weight=1.0))


def test_log_volume_is_exact_for_orthogonal_columns_of_equal_norms():
    """And that of the Jacobian of a decoder that is not linear, in one dimension."""
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0][:3]
    model = vm.Autoencoder(linear(5, rotation.T), linear(3, 0.7 * rotation), vm.StandardNormal(3), vm.costs.RealSquaredError())
    assert float(vm.penalties.LogVolume(2.0)(model, tf.ones([4, 3]), stateless_seed(0))) == pytest.approx(2 * 3 * math.log(0.7), rel=1e-5)
    curve = vm.Autoencoder(linear(2, np.ones((2, 1))), linear(1, np.array([[2.0, 1.0]])), vm.StandardNormal(1), vm.costs.SquaredError())
    z = tf.constant([[0.3], [-1.0]])
    sigmoid = 1 / (1 + np.exp(-z.numpy() * [2.0, 1.0]))
    exact = 0.5 * np.log(np.sum((sigmoid * (1 - sigmoid) * [2.0, 1.0]) ** 2, axis=1))  # of the image, a sigmoid of the decoder's output
    assert float(vm.penalties.LogVolume(1.0)(curve, z, stateless_seed(0))) == pytest.approx(np.mean(exact), rel=1e-5)


def test_adversarial_losses():
    real, fake = (tf.constant(np.random.default_rng(i).normal(size=(6, D)), tf.float32) for i in range(2))
    direction = np.array([[3.0], [0.0], [4.0]], "float32")
    critic = linear(D, direction)
    difference = float(tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real)))
    loss = vm.adversarial.Wasserstein(10.0)
    assert float(loss.critic_loss(critic, real, fake, stateless_seed(0))) == pytest.approx(difference + 10 * (5 - 1) ** 2, rel=1e-5)
    assert float(loss.generator_loss(critic(fake))) == pytest.approx(-float(tf.reduce_mean(critic(fake))))
    blind = linear(D, 0 * direction)
    loss = vm.adversarial.NonSaturating()
    assert float(loss.critic_loss(blind, real, fake, None)) == pytest.approx(2 * math.log(2))
    assert float(loss.generator_loss(blind(fake))) == pytest.approx(math.log(2)) == float(loss.real_side_loss(blind(real)))


# Each by NumPy, for scores of real and fake: the critic's loss, and those of who makes either.
BY_HAND = {
    "LeastSquares": (
        lambda real, fake: np.mean((real - 1) ** 2) / 2 + np.mean(fake**2) / 2,
        lambda fake: np.mean((fake - 1) ** 2) / 2,
        lambda real: np.mean(real**2) / 2,
    ),
    "Hinge": (
        lambda real, fake: np.mean(np.maximum(1 - real, 0)) + np.mean(np.maximum(1 + fake, 0)),
        lambda fake: -np.mean(fake),
        np.mean,
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_adversarial_losses_of_means(name):
    """There are more of the fake than of the real: each is a mean of its own."""
    real, fake = (np.random.default_rng(i).normal(size=(6 + 6 * i, D)).astype("float32") for i in range(2))
    direction = np.array([[3.0], [0.0], [4.0]], "float32")
    critic, loss = linear(D, direction), getattr(vm.adversarial, name)()
    on_real, on_fake = real @ direction, fake @ direction
    assert max(on_real.min(), on_fake.min()) < -1  # both sides of a hinge
    assert min(on_real.max(), on_fake.max()) > 1
    critic_loss, generator_loss, real_side_loss = BY_HAND[name]
    assert float(loss.critic_loss(critic, tf.constant(real), tf.constant(fake), None)) == pytest.approx(critic_loss(on_real, on_fake))
    assert float(loss.generator_loss(tf.constant(on_fake))) == pytest.approx(generator_loss(on_fake))
    assert float(loss.real_side_loss(tf.constant(on_real))) == pytest.approx(real_side_loss(on_real))
