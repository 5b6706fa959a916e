"""Flows as priors and posteriors, against Jacobians, quadrature and components recomputed one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

import keras_vaemix as vm
from keras_vaemix.networks import MaskedDense, made
from keras_vaemix.posteriors.householder import reflect
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


def test_few_hidden_units_see_all_dimensions():
    network = spread(made(40, 1, (8, 8)))
    by_z = np.abs(jacobian(lambda z: network(z)[..., 0], tf.ones([1, 40]))[0])
    assert not np.any(np.triu(by_z))
    assert np.all(by_z[-1, :-1] > 0)


def test_masked_layers_come_back():
    layer = MaskedDense(2, [[1, 0], [1, 1]], activation="tanh")
    network = keras.Sequential([keras.Input((2,)), layer])
    again = keras.Sequential.from_config(network.get_config())
    again.set_weights(network.get_weights())
    x = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(again(x), network(x))


POSTERIORS = {
    "AdditiveCoupling": lambda d: vm.AdditiveCoupling(d, 3, (16,), 4),
    "AdditiveCoupling-free": lambda d: vm.AdditiveCoupling(d, 3, (16,)),
    "HouseholderFlow": lambda d: vm.HouseholderFlow(d, 3),
    "InverseAutoregressive": lambda d: vm.InverseAutoregressive(d, 3, (16,), 4),
    "PlanarFlow": lambda d: vm.PlanarFlow(d, 3),
}


def drawn_params(posterior, n, size=1.0):
    """Returns an encoder's outputs for n examples, drawn from a normal."""
    return tf.constant(size * np.random.default_rng(1).standard_normal((n, posterior.params_size(posterior.latent_dim))), tf.float32)


@pytest.mark.parametrize("name", POSTERIORS)
def test_density_of_draws_of_a_flow(name):
    r"""log q(z_T) is log N(z_0) - log |det dz_T/dz_0|, by automatic differentiation."""
    posterior = spread(POSTERIORS[name](D))
    params = drawn_params(posterior, 4)
    z, log_weight, log_qz = posterior.draw(params, 2, [3, 4])
    loc, log_variance, context = np.split(params.numpy(), [D, 2 * D], axis=1)
    z_0 = posterior.start.draw(params[:, : 2 * D], 2, [3, 4])[0].numpy()
    pushed = lambda z_0: posterior.flow(z_0, tf.concat([context, context], axis=0))[0]  # noqa: E731
    np.testing.assert_allclose(tf.reshape(z, [8, D]), pushed(tf.reshape(z_0, [8, D])), atol=1e-6)
    log_det = np.linalg.slogdet(jacobian(pushed, z_0.reshape(8, D)))[1].reshape(2, 4)
    scale = np.exp(0.5 * np.clip(log_variance, -6, 2))
    np.testing.assert_allclose(log_qz, norm.logpdf(z_0, loc, scale).sum(axis=-1) - log_det, atol=1e-4)
    assert (np.abs(log_det).max() < 1e-5) == name.startswith(("Additive", "Householder"))
    np.testing.assert_allclose(log_weight, np.full((2, 4), -np.log(2)), rtol=1e-6)
    np.testing.assert_allclose(posterior.center(params), posterior.flow(tf.constant(loc), tf.constant(context))[0], atol=1e-6)


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_flow_as_posterior_has_an_inverse(name):
    """Newton's method finds z_0 from z_T."""
    posterior = spread(POSTERIORS[name](D), 0.3)
    start, context = np.random.default_rng(2).standard_normal((4, D)), drawn_params(posterior, 4)[:, 2 * D :]
    pushed = lambda z: posterior.flow(tf.cast(z, tf.float32), context)[0]  # noqa: E731
    z_0, z_t = np.zeros_like(start), pushed(start).numpy()
    for _ in range(7):
        z_0 -= np.linalg.solve(jacobian(pushed, z_0.astype("float32")), (pushed(z_0).numpy() - z_t)[..., None])[..., 0]
    np.testing.assert_allclose(z_0, start, atol=1e-5)


@pytest.mark.parametrize("name", POSTERIORS)
def test_density_of_a_flow_as_posterior_integrates_to_one(name):
    """Over the cells to which it maps those of a grid of z_0, whose areas are of their corners alone; none is turned over."""
    posterior = spread(POSTERIORS[name](2), 0.3)
    loc, log_variance, context = np.split(drawn_params(posterior, 1).numpy(), [2, 4], axis=1)
    scale, axis = np.exp(0.5 * np.clip(log_variance, -6, 2)), np.linspace(-6, 6, 401)
    corners = loc + scale * np.stack(np.meshgrid(axis, axis), -1)  # [401, 401, 2]
    centers = (corners[:-1, :-1] + corners[1:, 1:]) / 2

    def flow(z):
        z = tf.constant(z.reshape(-1, 2), tf.float32)
        return [y.numpy().astype("float64") for y in posterior.flow(z, tf.repeat(context, len(z), axis=0))]

    z, (_, log_det) = flow(corners)[0].reshape(corners.shape), flow(centers)
    diagonals = z[1:, 1:] - z[:-1, :-1], z[1:, :-1] - z[:-1, 1:]
    area = np.linalg.det(np.stack(diagonals, -1)).ravel() / 2
    density = np.exp(norm.logpdf(centers, loc, scale).sum(axis=-1).ravel() - log_det)
    assert np.sum(density * np.abs(area)) == pytest.approx(1, abs=2e-3)
    assert abs(np.sum(np.sign(area))) == len(area)


def test_planar_steps_turn_no_side_over():
    """Where w^T u is far below -1, too: the determinant is positive, and as it is computed."""
    posterior = vm.PlanarFlow(D, 1)
    params = drawn_params(posterior, 200, 4.0)
    _, context = posterior.split(params)
    z, pushed = tf.zeros((200, D)), lambda z: posterior.flow(z, context)[0]
    determinant = np.linalg.det(jacobian(pushed, z).astype("float64"))
    assert np.sum(context[:, :D] * context[:, D : 2 * D], axis=1).min() < -50
    np.testing.assert_allclose(tf.exp(posterior.flow(z, context)[1]), determinant, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [0.0, 1e-6, 1e-4, 1e-2])
def test_a_planar_step_is_smooth_where_w_is_small(size):
    """It tends to z + u tanh(b), whatever the direction of w, and its gradients stay bounded."""
    posterior, (u, w, b), z = vm.PlanarFlow(3, 1), ((3.0, 2.0, 1.0), (size, 0.0, 0.0), (1.0,)), tf.constant([[0.3, -0.2, 0.5]])
    context = tf.Variable([[10 * one for one in u] + [*w, *b]])  # u is a tenth of its own output
    with tf.GradientTape() as tape:
        y, log_det = posterior.flow(z, context)
        loss = tf.reduce_sum(y) + log_det[0]
    np.testing.assert_allclose(y, z + np.array(u) * np.tanh(1), atol=20 * size + 1e-6)
    assert np.abs(tape.gradient(loss, context)[0, 3:6]).max() < 10


@pytest.mark.parametrize("size", [1e-30, 1e-7, 1.0])
def test_reflections_along_short_vectors_are_reflections(size):
    v, z = tf.constant([[3.0, 4.0, 0.0]]) * size, tf.constant([[1.0, 0.0, 2.0]])
    np.testing.assert_allclose(reflect(v, z)[0], [[1 - 2 * 9 / 25, -2 * 12 / 25, 2]], rtol=1e-5)


@pytest.mark.parametrize("name", ["HouseholderFlow", "PlanarFlow"])
def test_steps_of_an_encoder_that_returns_zeros(name):
    """As a new encoder does for an empty image: they are the identity, and their gradients are finite."""
    posterior = POSTERIORS[name](D)
    params = tf.Variable(tf.zeros((2, posterior.params_size(D))))
    with tf.GradientTape() as tape:
        z, _, log_qz = posterior.draw(params, 1, [0, 0])
        loss = tf.reduce_sum(log_qz) + tf.reduce_sum(z**2)
    np.testing.assert_allclose(z, posterior.start.draw(params[:, : 2 * D], 1, [0, 0])[0])
    assert np.all(np.isfinite(tape.gradient(loss, params)))


PRIORS = {
    "MaskedAutoregressive": lambda base: vm.MaskedAutoregressive(base, 3, (16,)),
    "RealNVP": lambda base: vm.RealNVP(base, 3, (16,)),
}


@pytest.fixture(params=PRIORS)
def prior(request):
    return spread(PRIORS[request.param](vm.NormalMixture(2, 3, learn_weights=True)), 0.3)


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


def test_what_is_estimated_of_a_base_is_passed_on():
    prior = vm.RealNVP(vm.ResampledPrior(2, 5, (8,), num_samples=64), 1, (8,))
    assert prior.report() == prior.base.report() != {}


@pytest.mark.parametrize("name", PRIORS)
def test_a_new_flow_is_nearly_its_base_reversed(name):
    prior = PRIORS[name](vm.NormalMixture(D, 4))
    z = np.random.default_rng(0).standard_normal((5, D)).astype("float32")
    np.testing.assert_allclose(prior.distribution().log_prob(z), prior.base.distribution().log_prob(z[:, ::-1]), atol=0.1)


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
        (lambda: vm.RealNVP(3), "base to be a Prior"),
        (lambda: vm.MaskedAutoregressive(vm.FittedMixture(2, 3)), "nor fitted after training"),
        (lambda: vm.MaskedAutoregressive(vm.StandardNormal(2), 0), "num_flows"),
        (lambda: vm.InverseAutoregressive(2, context_size=0), "context_size"),
        (lambda: vm.AdditiveCoupling(2, context_size=-1), "context_size >= 0"),
        (lambda: vm.AdditiveCoupling(1), "at least 2 latents"),
        (lambda: vm.PlanarFlow(2, 0), "num_flows"),
        (lambda: vm.HouseholderFlow(2, log_variance_limits=(1, 0)), "low < high"),
        (lambda: vm.HouseholderFlow(2).params_size(3), "2 latents, as this posterior has"),
        (lambda: catalogue.make("VampPrior", posterior="InverseAutoregressive"), "a posterior with a density at any point"),
        (lambda: catalogue.make(posterior="InverseAutoregressive", objective="DoublyReparameterized"), "objective is pathwise"),
        (lambda: catalogue.make(posterior="InverseAutoregressive").encode(np.zeros((1, 4, 4, 1))), "`draws` gives that of its own draws"),
    ],
)
def test_what_has_no_flow_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
