"""Flows as priors and posteriors, against Jacobians, quadrature and components recomputed one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

import keras_vaemix as vm
from keras_vaemix.networks import MaskedDense, made
from tests import catalogue

D = 3


def spread(part, size=0.5, seed=0):
    """Gives the weights of a part random values."""
    rng = np.random.default_rng(seed)
    for weight in part.trainable_weights:
        weight.assign(weight + size * rng.standard_normal(weight.shape))
    return part


def jacobian(function, inputs):
    """Returns the derivatives of a function of [N, D] to [N, E] for each row, [N, E, D]."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return tape.batch_jacobian(outputs, inputs).numpy()


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("hidden", [(16,), (9, 16)])
def test_made_sees_the_dimensions_before_alone(size, hidden):
    network = spread(made(size, 2, hidden, context_size=4))
    z, context = np.random.default_rng(0).standard_normal((2, 7, 4)).astype("float32")
    z, context = tf.constant(np.resize(z, (7, size))), tf.constant(context)
    by_z = jacobian(lambda z: tf.reshape(network([z, context]), [7, 2 * size]), z).reshape(7, size, 2, size)
    is_before = np.tril(np.ones((size, size), bool), -1)
    assert np.all(by_z.transpose(1, 3, 0, 2)[~is_before] == 0)
    assert np.all(np.abs(by_z.transpose(1, 3, 0, 2)[is_before]).max(axis=(1, 2)) > 0)
    by_context = jacobian(lambda h: tf.reshape(network([z, h]), [7, 2 * size]), context).reshape(7, size, 2, 4)
    assert np.all(np.abs(by_context).max(axis=(0, 2, 3)) > 0)


def test_masked_layers_come_back():
    layer = MaskedDense(2, [[1, 0], [1, 1]], activation="tanh")
    network = keras.Sequential([keras.Input((2,)), layer])
    again = keras.Sequential.from_config(network.get_config())
    again.set_weights(network.get_weights())
    x = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(again(x), network(x))


@pytest.mark.parametrize("num_flows", [1, 3])
def test_density_of_an_inverse_autoregressive_draw(num_flows):
    r"""log q(z) is log N(eps) - log |det dz/d eps|, by automatic differentiation of the draw itself."""
    posterior = spread(vm.InverseAutoregressive(D, num_flows, (16,), 4))
    params = tf.constant(np.random.default_rng(1).standard_normal((6, posterior.params_size(D))), tf.float32)
    noise = tf.random.stateless_normal([1, 6, D], [3, 4])
    z, log_weight, log_qz = posterior.draw(params, 1, [3, 4])
    loc, log_scale, context = posterior.split(params)
    pushed = lambda eps: posterior.flow(loc + tf.exp(log_scale) * eps, context)[0]  # noqa: E731
    np.testing.assert_allclose(z[0], pushed(noise[0]), atol=1e-6)
    log_det = np.linalg.slogdet(jacobian(pushed, noise[0].numpy()))[1]
    np.testing.assert_allclose(log_qz[0], norm.logpdf(noise[0]).sum(axis=1) - log_det, atol=1e-4)
    np.testing.assert_array_equal(log_weight, np.zeros((1, 6)))
    np.testing.assert_allclose(posterior.center(params), pushed(np.zeros((6, D), "float32")), atol=1e-6)


def test_draws_of_an_inverse_autoregressive_posterior_estimate_the_likelihood():
    """E_q p(z) / q(z) = 1 for any density p that is inside the tails of q."""
    posterior = spread(vm.InverseAutoregressive(2, 2, (8,), 2, log_variance_limits=(1.0, 2.0)), 0.3)
    params = tf.zeros([1, posterior.params_size(2)])
    z, log_weight, log_qz = posterior.draw(params, 50_000, [0, 0])
    p = norm.logpdf(z.numpy(), posterior.center(params).numpy(), 0.7).sum(axis=-1)
    ratio = np.exp(p - log_qz.numpy())[:, 0]
    assert np.exp(log_weight.numpy()).sum() == pytest.approx(1, rel=1e-4)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


@pytest.fixture
def prior():
    return spread(vm.RealNVP(vm.NormalMixture(2, 3, learn_weights=True), 3, (16,)), 0.3)


def grid(half=14.0, n=701):
    axis = np.linspace(-half, half, n)
    return axis, np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")


def test_density_of_a_flow_integrates_to_one(prior):
    axis, points = grid()
    density = np.exp(prior.distribution().log_prob(points).numpy().astype("float64")).reshape(len(axis), -1)
    assert np.trapezoid(np.trapezoid(density, axis), axis) == pytest.approx(1, abs=3e-3)


def test_a_flow_and_its_inverse_and_their_determinants(prior):
    u = np.random.default_rng(0).standard_normal((20, 2)).astype("float32")
    bijector = prior.bijector()
    z = bijector.forward(u)
    np.testing.assert_allclose(prior.bijector().inverse(z), u, atol=1e-5)
    log_det = np.linalg.slogdet(jacobian(bijector.forward, u))[1]
    np.testing.assert_allclose(prior.distribution().log_prob(z), prior.base.distribution().log_prob(u) - log_det, atol=1e-4)
    assert np.abs(log_det).max() > 0.1


def test_draws_of_a_flow_are_of_its_density(prior):
    """Means of three functions over draws, within five standard errors of their integrals; a component's draws alone, too."""
    axis, points = grid()
    area = (axis[1] - axis[0]) ** 2
    density = np.exp(prior.distribution().log_prob(points).numpy().astype("float64"))
    share = prior.responsibilities(points).numpy()
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-5)
    for component, weight in ((None, np.ones(len(points))), (1, share[:, 1] / np.exp(prior.log_weights().numpy())[1])):
        z = prior.sample(20_000, component, seed=1).numpy()
        for f in (lambda z: z[:, 0], lambda z: np.tanh(z[:, 1]), lambda z: np.cos(z[:, 0] * z[:, 1])):
            assert abs(f(z).mean() - np.sum(f(points) * density * weight) * area) < 5 * f(z).std() / np.sqrt(len(z)) + 2e-3


def test_sampling_is_a_function_of_named_noise(prior):
    noise = {name: one.draw(7, [i, 0]) for i, (name, one) in enumerate(prior.noise().items())}
    assert {name: value.shape for name, value in noise.items()} == {"u": (7,), "eps": (7, 2)}
    component = tf.constant([-1, -1, -1, 0, 1, 2, 2])
    z, drawn = prior.generate(noise, component)
    np.testing.assert_array_equal(drawn[3:], component[3:])
    u, _ = prior.base.generate(noise, component)
    np.testing.assert_allclose(z, prior.bijector().forward(u), atol=1e-6)
    again, _ = prior.freeze().generate(noise, component)
    np.testing.assert_allclose(again, z, atol=1e-6)


@pytest.mark.parametrize("name", ["prior-RealNVP", "posterior-InverseAutoregressive"])
def test_a_new_flow_is_the_identity_or_nearly(name):
    """RealNVP starts near its base; an inverse autoregressive step starts with gates near one."""
    model = catalogue.EVERY_MODEL[name]()
    x = catalogue.examples(model)
    d = model.draws(tf.constant(x), vm.ELBO(), [0, 0])
    assert np.isfinite(d.reconstruction() - d.divergence()).all()
    if name == "prior-RealNVP":
        z = np.random.default_rng(0).standard_normal((5, D)).astype("float32")
        np.testing.assert_allclose(model.prior.distribution().log_prob(z), model.prior.base.distribution().log_prob(z), atol=0.1)


@pytest.mark.parametrize("make", [lambda: vm.RealNVP(vm.StandardNormal(2), 1), lambda: vm.InverseAutoregressive(2), vm.DiagonalNormal])
def test_a_frozen_part_comes_back_frozen(make):
    part = make()
    part.trainable = False
    again = type(part).from_config(part.get_config())
    assert (again.trainable, again.name, repr(again)) == (False, part.name, repr(part))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vm.RealNVP(vm.StandardNormal(1)), "at least 2 latents"),
        (lambda: vm.RealNVP(vm.VampPrior(2, 3, (4,))), "neither made of posteriors"),
        (lambda: vm.RealNVP(vm.FittedMixture(2, 3)), "nor fitted after training"),
        (lambda: vm.RealNVP(vm.StandardNormal(2), 0), "num_couplings"),
        (lambda: vm.InverseAutoregressive(2, context_size=0), "context_size"),
        (lambda: catalogue.make("VampPrior", posterior="InverseAutoregressive"), "a posterior with a density at any point"),
        (lambda: catalogue.make(posterior="InverseAutoregressive", objective="DoublyReparameterized"), "objective is pathwise"),
        (lambda: catalogue.make(posterior="InverseAutoregressive").encode(np.zeros((1, 4, 4, 1))), "`draws` gives that of its own draws"),
    ],
)
def test_what_has_no_flow_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
