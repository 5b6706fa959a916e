"""The VampPrior mixture and the Dirichlet process: their densities, their steps, and the number of clusters that they find."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import logsumexp
from scipy.stats import dirichlet, gamma, multivariate_normal, wishart

import keras_vaemix as vm
from tests import catalogue

tfd = tfp.distributions
K, D, N = 4, 2, 50
RNG = np.random.default_rng(0)
Z = RNG.standard_normal((7, D)).astype("float32")


def encode(u):
    """A posterior over two latents that depends on the example."""
    return tfd.Independent(tfd.Normal(2 * u - 1, 0.2 + 0.3 * u), 1)


@pytest.fixture
def prior():
    """A prior with random weights."""
    prior = vm.VampPriorMixture(D, K, (D,), N)
    for weight in prior.trainable_weights:
        weight.assign(weight + 0.5 * RNG.standard_normal(weight.shape))
    return prior


def parameters(prior):
    """Returns weights, means and variances of the centres, and precisions, in double precision."""
    mean, variance = (np.asarray(value, "float64") for value in prior.centers(encode))
    tril = prior.scale_tril().numpy().astype("float64")
    return np.exp(prior.log_weights().numpy().astype("float64")), mean, variance, tril @ tril.transpose(0, 2, 1)


def expected_logs(prior, z):
    """Returns log pi + E log N(z; mu, precision), by SciPy and the trace of the precision times the covariance of the centre, [N, K]."""
    weights, mean, variance, precision = parameters(prior)
    logs = [multivariate_normal(m, np.linalg.inv(p)).logpdf(z) for m, p in zip(mean, precision, strict=True)]
    return np.log(weights) + np.stack(logs, -1) - 0.5 * np.einsum("kdd,kd->k", precision, variance)


def posterior_density(prior, z):
    """Returns what the steps of the prior raise: the mean over z plus 1/n times the log-density of the parameters, by SciPy."""
    weights, mean, variance, precision = parameters(prior)
    alpha, scale = float(prior.concentration()), K ** (2 / D) / (D + 2) * np.eye(D)
    log_density = dirichlet(np.full(K, alpha / K)).logpdf(weights / weights.sum()) + gamma(1).logpdf(alpha)
    log_density += multivariate_normal(np.zeros(D), np.eye(D)).logpdf(mean).sum() - 0.5 * variance.sum()
    log_density += sum(wishart(D + 2, scale).logpdf(p) for p in precision)
    return logsumexp(expected_logs(prior, z), axis=1).mean() + log_density / N


def test_a_component_has_the_covariance_of_its_center_too(prior):
    weights, mean, variance, precision = parameters(prior)
    covariances = np.linalg.inv(precision) + [np.diag(v) for v in variance]
    logs = [multivariate_normal(m, c).logpdf(Z) for m, c in zip(mean, covariances, strict=True)]
    expected = logsumexp(np.log(weights) + np.stack(logs, -1), axis=1)
    np.testing.assert_allclose(prior.distribution(encode).log_prob(Z), expected, rtol=1e-5)


def test_the_expected_density_of_a_center_that_is_drawn(prior):
    np.testing.assert_allclose(prior.expected_log_joint(Z, encode), expected_logs(prior, Z), rtol=1e-4)
    weights, mean, variance, precision = parameters(prior)
    mu = mean + np.sqrt(variance) * RNG.standard_normal((20_000, K, D))
    for k in range(K):
        logs = np.log(weights[k]) + multivariate_normal(np.zeros(D), np.linalg.inv(precision[k])).logpdf(Z[0] - mu[:, k])
        assert abs(logs.mean() - expected_logs(prior, Z)[0, k]) < 4 * logs.std() / np.sqrt(len(mu))


def test_a_step_of_the_prior_raises_the_density_of_its_parameters(prior):
    """By gradients of the loss whose responsibilities are held; a fall of less than 1e-5 is rounding: the values are sums of some tens."""
    optimizer, values = keras.optimizers.SGD(0.02), [posterior_density(prior, Z)]
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(prior.expectation_loss(Z, encode)) + prior.penalty(encode)
        optimizer.apply(tape.gradient(loss, prior.trainable_variables), prior.trainable_variables)
        values.append(posterior_density(prior, Z))
    assert np.min(np.diff(values)) > -1e-5
    assert values[-1] > values[0] + 0.1


def test_the_penalty_is_the_density_of_the_parameters(prior):
    expected = logsumexp(expected_logs(prior, Z), axis=1).mean() - posterior_density(prior, Z)
    assert float(prior.penalty(encode)) == pytest.approx(expected, rel=1e-5)


def test_weights_go_to_the_mode_of_the_dirichlet_process():
    """That of components so far apart that each example belongs to one: n r + alpha / K - 1, normalised."""
    shares, alpha, n = np.array([0.5, 0.3, 0.2]), 1.5, 20
    prior = vm.NormalMixture(1, 3, learn_weights=True, weight_density=vm.DirichletWeights(alpha, n))
    prior.loc.assign([[0.0], [100.0], [200.0]])
    z, variable, optimizer = np.repeat([[0.0], [100.0], [200.0]], [5, 3, 2], axis=0), prior.raw_logits, keras.optimizers.SGD(3.0)
    for _ in range(40):
        with tf.GradientTape() as tape:
            loss = prior.penalty() - tf.reduce_mean(prior.distribution().log_prob(z))
        optimizer.apply([tape.gradient(loss, variable)], [variable])
    mode = n * shares + alpha / 3 - 1
    np.testing.assert_allclose(np.exp(prior.log_weights()), mode / mode.sum(), rtol=1e-4)
    expected = -dirichlet(np.full(3, alpha / 3)).logpdf(mode / mode.sum()) / n
    assert float(prior.penalty()) == pytest.approx(expected, rel=1e-4)


def blobs(n=400):
    """Returns points around four centres, in shares of 10 to 40 per cent, and their labels."""
    rng = np.random.default_rng(0)
    labels = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    centers = np.array([[-1.5, -1.5], [1.5, -1.5], [-1.5, 1.5], [1.5, 1.5]])
    return (centers[labels] + 0.25 * rng.standard_normal((n, 2))).astype("float32"), labels


def dirichlet_process(x):
    """Returns a mixture of ten normals, whose weights have the density of a Dirichlet process."""
    return vm.NormalMixture(2, 10, learn_weights=True, initial_stddev=1.5, weight_density=vm.DirichletWeights(1.0, 50))


def vamp_prior_mixture(x):
    """Returns one of ten clusters, whose centres start at examples."""
    prior = vm.VampPriorMixture(2, 10, (2,), 50, value_range=(-3, 3))
    prior.initialize_from_examples(x)
    return prior


@pytest.mark.parametrize("make", [dirichlet_process, vamp_prior_mixture])
def test_the_number_of_blobs_is_found(make):
    """With networks that pass points on, of which only the prior is trained. Of other draws fewer are found now and then."""
    x, labels = blobs()
    prior = make(x)
    encoder = catalogue.linear(2, np.eye(2, 4, dtype="float32"), np.array([0, 0, -4, -4], "float32"))
    model = vm.EmpiricalBayesVAE(encoder, catalogue.linear(2, np.eye(2, dtype="float32")), prior, vm.Normal(0.1))
    model.compile(keras.optimizers.SGD(0.0), {"prior": keras.optimizers.Adam(0.1)}, jit_compile=False, steps_per_execution=4)
    model.fit(x, batch_size=100, epochs=60, verbose=0)
    share = model.responsibilities(x)
    report = vm.evaluation.cluster_report(share, labels, share, labels, np.exp(model.log_weights()))
    assert (report["clusters_by_assignment"], report["clusters_by_weight"]) == (4, 4)
    assert report["cluster_accuracy"] == report["cluster_accuracy_merged"] == 1


def test_each_step_moves_its_own_weights():
    model = catalogue.empirical_bayes_vae()
    model.compile(keras.optimizers.SGD(0.1), {"prior": keras.optimizers.SGD(0.1)}, run_eagerly=True)
    batch = vm.Batch(tf.constant(catalogue.examples(model)))
    for i, update in enumerate(model.updates()):
        before = {variable.path: variable.numpy() for variable in model.trainable_variables}
        model.minimize(update, batch)
        moved = {variable.path for variable in model.trainable_variables if np.any(variable.numpy() != before[variable.path])}
        own = {variable.path for variable in model.prior.trainable_variables}
        assert moved == (own if i else set(before) - own)


def test_a_step_under_xla_is_the_same(noiseless):
    models = [catalogue.empirical_bayes_vae() for _ in range(2)]
    for model, options in zip(models, ({"run_eagerly": True}, {"jit_compile": True}), strict=True):
        model.posterior = noiseless
        model.set_weights(models[0].get_weights())
        model.compile(keras.optimizers.SGD(0.1), {"prior": keras.optimizers.SGD(0.1)}, **options)
    x = catalogue.examples(models[0])
    for model in models:
        model.train_on_batch(x)
    for one, two in zip(*(model.trainable_variables for model in models), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_penalty_is_added_to_the_loss_of_training_and_never_to_the_bound(training):
    model = catalogue.make("NormalMixture")
    batch = vm.Batch(tf.constant(catalogue.examples(model)))
    one = model.losses(batch, [0, 0], training)["model"]
    model.prior.weight_density = vm.DirichletWeights(2.0, 50)
    two, penalty = model.losses(batch, [0, 0], training)["model"], float(model.prior.penalty())
    assert penalty != 0
    added = penalty if training else 0.0
    assert float(two.total) == pytest.approx(float(one.total) + added, rel=1e-6)
    np.testing.assert_allclose(two.figures["loss"], one.figures["loss"] + added, rtol=1e-6)
    np.testing.assert_array_equal(two.figures["elbo"], one.figures["elbo"])
    assert float(two.figures["prior_penalty"]) == penalty
    assert set(two.figures) == set(model.metric_names())


@pytest.mark.parametrize(
    "make",
    [
        lambda: vm.DirichletWeights(0.0),
        lambda: vm.DirichletWeights(1.0, 0),
        lambda: vm.NormalMixture(2, weight_density=vm.DirichletWeights()),
        lambda: vm.VampPriorMixture(2, num_examples=0),
        lambda: vm.VampPriorMixture(2).distribution(),
        lambda: catalogue.empirical_bayes_vae("StandardNormal"),
        lambda: catalogue.empirical_bayes_vae("FittedMixture"),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make()
