"""Conditioning: linear-Gaussian models in closed form, one condition against networks that hold it, export, bad input."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

import export.sample
import keras_vaemix as vm
from export.artifact import export_model
from keras_vaemix.evaluation import annealed_log_likelihood, exact_log_likelihood
from keras_vaemix.networks import gated_mlp, joint_gated_mlp, mlp, named_inputs
from keras_vaemix.objectives import ELBO
from tests import catalogue
from tests.catalogue import linear

A, D, K = 3, 2, 4  # attributes, latents, categories


def encoder(num_outputs):
    return named_inputs(gated_mlp((6 + A,), num_outputs, (8,)), x=(6,), condition=(A,))


def decoder(num_latents, name="z"):
    return named_inputs(gated_mlp((num_latents + A,), 6, (8,)), **{name: (num_latents,), "condition": (A,)})


def prior_given(latent_dim):
    return vm.ConditionalNormal(latent_dim, mlp((A,), 2 * latent_dim, (4,)))


def cp_vae(sees):
    joint = named_inputs(gated_mlp((D + K + A,), 6, (8,)), z=(D,), c=(K,), condition=(A,))
    return vm.CPVAE(encoder(K + 2 * D), joint if sees else decoder(D), vm.NormalMixture(D, K, learn_weights=True), vm.Bernoulli())


def gm_vae():
    networks = encoder(2 * 2), encoder(2 * D), gated_mlp((2,), K * 2 * D, (8,)), decoder(D)
    return vm.GMVAE(*networks, prior_given(2), vm.Bernoulli(), num_components=K)


MODELS = {
    "VAE": lambda: vm.VAE(encoder(2 * D), decoder(D), vm.NormalMixture(D, K), vm.Bernoulli()),
    "VAE-given": lambda: vm.VAE(encoder(2 * D), decoder(D), prior_given(D), vm.Bernoulli()),
    "CPVAE": lambda: cp_vae(True),
    "CPVAE-unseen": lambda: cp_vae(False),
    "GMVAE": gm_vae,
}


def examples(n=20):
    rng = np.random.default_rng(0)
    return {"x": rng.integers(0, 2, (n, 6)).astype("float32"), "condition": rng.standard_normal((n, A)).astype("float32")}


@pytest.mark.parametrize("is_given", [False, True])
def test_linear_gaussian_model_has_its_exact_density_given_y(is_given):
    """x = W z + V y + noise, with z standard normal, or normal around U y: then the mean of x has W U y more."""
    rng, variance = np.random.default_rng(0), 0.25
    w = np.linalg.qr(rng.standard_normal((4, D)))[0] * [1.0, 2.0]  # orthogonal columns, so that q(z|x, y) is diagonal
    v, u = rng.standard_normal((4, A)), rng.standard_normal((D, A)) * is_given
    shrunk = 1 / (1 + np.sum(w**2, axis=0) / variance)  # the posterior's variances
    of_x = shrunk[:, None] * w.T / variance
    mean = np.concatenate([of_x, (np.diag(shrunk) @ u) - of_x @ v], axis=1)  # [D, 4 + A]
    inference = linear(4 + A, np.concatenate([mean.T, np.zeros((4 + A, D))], axis=1), np.concatenate([np.zeros(D), np.log(shrunk)]))
    prior = vm.ConditionalNormal(D, linear(A, np.concatenate([u.T, np.zeros((A, D))], axis=1))) if is_given else vm.StandardNormal(D)
    generation = linear(D + A, np.concatenate([w, v], axis=1).T)
    networks = named_inputs(inference, x=(4,), condition=(A,)), named_inputs(generation, z=(D,), condition=(A,))
    model = vm.VAE(*networks, prior, vm.Normal(variance**0.5))
    x, y = (rng.standard_normal((5, size)).astype("float32") for size in (4, A))
    covariance = w @ w.T + variance * np.eye(4)
    exact = [multivariate_normal(v @ b + w @ u @ b, covariance).logpdf(a) for a, b in zip(x, y, strict=True)]
    given = {"x": x, "condition": y}
    np.testing.assert_allclose(model.log_likelihood(x, 4, y=y), exact, rtol=1e-4)
    assert vm.evaluation.report(model, given, 4)["log_likelihood"] == pytest.approx(np.mean(exact), rel=1e-4)
    d = model.draws(given, ELBO(2000), [0, 1])
    np.testing.assert_allclose(ELBO()(d), exact, atol=0.15)
    np.testing.assert_allclose(model.reconstruct(given), (mean @ np.concatenate([x, y], 1).T).T @ w.T + y @ v.T, atol=1e-4)
    drawn = np.asarray(model.sample(20_000, seed=0, y=y[0]))  # means of p(x|z, y)
    np.testing.assert_allclose(drawn.mean(0), v @ y[0] + w @ u @ y[0], atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), w @ w.T, atol=0.15)


def holding(network, y):
    """Returns a network whose condition is always y."""
    inputs = [keras.Input(one.shape[1:]) for one in network.inputs[:-1]]
    condition = keras.ops.zeros_like(inputs[0][:, :1]) + keras.ops.convert_to_tensor(y[None])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], network([*inputs, condition]))


@pytest.mark.parametrize("name", MODELS)
def test_given_one_condition_it_is_the_model_whose_networks_hold_it(name):
    model, given = MODELS[name](), examples()
    for i, weight in enumerate(model.trainable_variables):
        weight.assign(weight + 0.3 * tf.random.stateless_normal(weight.shape, [i, 1]))
    y = given["condition"][0]
    given["condition"] = np.tile(y, (20, 1))
    config = {key: getattr(model, key) for key in inspect.signature(type(model)).parameters if hasattr(model, key)}
    config |= {key: holding(config[key], y) for key in ("encoder", "decoder", "top_encoder") if key in config}
    if name in ("VAE-given", "GMVAE"):
        config["prior"] = prior = vm.LearnedNormal(model.prior.latent_dim)
        loc, scale = model.prior.parameters(y[None])
        prior.loc.assign(loc[0])
        prior.raw_scale.assign(tf.math.log(tf.math.expm1(scale[0] - 1e-3)))
    other = type(model)(**config)
    received, expected = model.draws(given, ELBO(2), [0, 1]), other.draws(given["x"], ELBO(2), [0, 1])
    for field in ("log_weight", "log_px", "log_pz", "log_qz"):
        np.testing.assert_allclose(getattr(received, field), getattr(expected, field), rtol=1e-4, atol=1e-3, err_msg=field)
    np.testing.assert_allclose(model.reconstruct(given["x"], y), other.reconstruct(given["x"]), rtol=1e-5)
    np.testing.assert_allclose(model.latent_means(given["x"], y), other.latent_means(given["x"]), atol=1e-5)
    np.testing.assert_allclose(model.responsibilities(given["x"], y=y), other.responsibilities(given["x"]), atol=1e-5)
    assert np.asarray(model.sample(3, seed=1, y=y)).shape == (3, 6)
    assert np.any(np.asarray(model.sample(3, seed=1, y=y)) != np.asarray(model.sample(3, seed=1, y=-y)))


@pytest.mark.parametrize("name", ["VAE", "VAE-given", "CPVAE"])
def test_exact_and_annealed_likelihoods_are_those_given_y(name):
    """With one latent, by quadrature, for runs of examples with the same condition."""
    if name == "CPVAE":
        prior, networks = vm.NormalMixture(1, 2), (encoder(2 + 2), decoder(1))
        model = vm.CPVAE(*networks, prior, vm.Bernoulli(), heads=vm.SharedHeads(1, 2))
    else:
        prior = prior_given(1) if name == "VAE-given" else vm.StandardNormal(1)
        model = vm.VAE(encoder(2), decoder(1), prior, vm.Bernoulli())
    model.set_weights([0.5 * weight for weight in model.get_weights()])  # so that q is near enough for few samples
    given = examples(4)
    y = given["condition"] = given["condition"][[0, 0, 1, 0]]
    exact = exact_log_likelihood(model, given)
    np.testing.assert_array_equal(exact_log_likelihood(model, given["x"], y=y), exact)
    each = [exact_log_likelihood(model, given["x"][i : i + 1], y=y[i])[0] for i in range(4)]
    np.testing.assert_allclose(exact, each, rtol=1e-6)
    settings = {"num_chains": 32, "num_temperatures": 10, "num_leapfrog": 2, "step_size": 0.4, "jit_compile": False}
    annealed = annealed_log_likelihood(model, given, **settings)
    if name == "VAE":
        np.testing.assert_array_equal(annealed_log_likelihood(model, given["x"], **settings, y=y).log_likelihood, annealed.log_likelihood)
    for estimate in (annealed, model.estimate_log_likelihood(given, 5000)):
        assert np.max(np.abs(estimate.log_likelihood - exact) / estimate.standard_error) < 4.5
        assert np.max(estimate.standard_error) < 0.2


@pytest.mark.parametrize("name", MODELS)
def test_arrays_are_decoded_as_tensors_are(name):
    model, y = MODELS[name](), examples(4)["condition"]
    category = [np.arange(4)] * (name == "CPVAE")
    z = np.random.default_rng(0).standard_normal((4, D))
    expected = model.decode(tf.constant(z, tf.float32), *map(tf.constant, category), tf.constant(y))
    np.testing.assert_array_equal(model.decode(z, *category, y.astype("float64")), expected)
    with pytest.raises(ValueError, match=r"decode\(z, (component, )?condition\)"):
        model.decode(z, *category)


def test_arrays_are_decoded_by_category_without_a_condition():
    networks = gated_mlp((6,), K + 2 * D, (8,)), joint_gated_mlp([(D,), (K,)], 6, (8,), (8,))
    model, z = vm.CPVAE(*networks, vm.NormalMixture(D, K), vm.Bernoulli()), np.zeros((2, D))
    np.testing.assert_array_equal(model.decode(z, [0, 1]), model.decode(tf.constant(z, tf.float32), tf.constant([0, 1])))


def test_bounds_of_a_conditioned_model_are_checked():
    model, given = MODELS["VAE-given"](), examples(5)
    x, y = given["x"], given["condition"]
    exact = np.zeros(5)  # more than any log-probability
    assert vm.verify.check_bound(model, given, exact, repetitions=2) == vm.verify.check_bound(model, x, exact, repetitions=2, y=y)
    assert vm.verify.check_bound(model, x, num_samples=500, repetitions=2, y=y).log_likelihood < 0
    assert vm.verify.check_standard_error(model, x, 4, 100, y=y) == vm.verify.check_standard_error(model, given, 4, 100)


def test_figures_of_a_conditioned_model():
    """The report leaves out what depends on other examples' latents; an effect is that of a latent given the example's condition."""
    given = examples(6)
    model = vm.VAE(encoder(2 * D), decoder(D), vm.NormalMixture(D, K), vm.Bernoulli(), objective=ELBO(kl=vm.divergences.ComponentSoftmin()))
    report = vm.evaluation.likelihood_report(model, given, 5)
    assert report["paper_bound"] == pytest.approx(report["reconstruction"] - report["paper_bound_kl"], abs=1e-4)
    assert not vm.evaluation.has_divergence_split(model)
    with pytest.raises(ValueError, match="without a condition"):
        vm.evaluation.divergence_split(model, given)
    effects, spread = vm.evaluation.latent_effects(model, given, batch_size=5), model.latent_means(given).numpy().std(axis=0)
    for j, step in enumerate(np.diag(spread)):
        up, down = (model.decode(model.latent_means(given) + sign * step, given["condition"]) for sign in (1, -1))
        assert effects[j] == pytest.approx(np.mean(np.abs(up - down)), rel=1e-4)


def test_it_is_fitted_on_data_sets_and_exported(tmp_path):
    model, given = MODELS["CPVAE"](), examples()
    model.compile("adam", jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices((given,)).batch(10)
    assert np.isfinite(model.fit(batches, shuffle=False, verbose=0, validation_data=batches).history["val_elbo"][0])
    y = given["condition"][1]
    artifact = export_model(model, tmp_path / "artifact", ["onnx"])
    assert json.loads((artifact / "manifest.json").read_text())["condition"] == A
    x, _ = export.sample.sample(artifact, 5, seed=3, condition=y)
    each, _ = export.sample.sample(artifact, 5, seed=3, condition=np.tile(y, (5, 1)))
    np.testing.assert_array_equal(x, each)
    assert np.any(x != export.sample.sample(artifact, 5, seed=3, condition=-y)[0])
    with pytest.raises(ValueError, match=r"a condition of 3 finite values, \[3\] or \[5, 3\]. Received: shape \(2,\)"):
        export.sample.sample(artifact, 5, condition=[0, 1])
    assert export.sample.main([str(artifact), "--num", "2", "--condition", "0,1,2", "--out", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").shape == (2, 6)


def test_a_condition_that_is_not_finite_is_found_in_any_batch():
    model, given = MODELS["VAE"](), examples()
    given["condition"][15, 1] = np.nan
    batches = tf.data.Dataset.from_tensor_slices((given,)).batch(5)
    model.compile("adam", run_eagerly=True)
    for ask in (lambda: model.evaluate(batches, verbose=0), lambda: model.fit(batches, shuffle=False, verbose=0)):
        with pytest.raises(ValueError, match=r"finite values in every condition.* Received: batch='number 4 of"):
            ask()


def test_generators_yield_conditions():
    model, given = MODELS["VAE"](), examples()
    model.compile("adam", jit_compile=False)

    def batches(names=("x", "condition")):
        while True:
            for i in (0, 10):
                yield ({name: given[name][i : i + 10] for name in names},)

    assert np.isfinite(model.fit(batches(), steps_per_epoch=2, shuffle=False, verbose=0).history["loss"][0])
    assert np.isfinite(model.evaluate(batches(), steps=2, verbose=0)[0])
    np.testing.assert_allclose(model.predict(batches(), steps=2, verbose=0), model.reconstruct(given), atol=1e-5)
    with pytest.raises(ValueError, match="which is conditioned"):
        MODELS["VAE"]().predict(batches(["x"]), steps=2, verbose=0)


def test_a_network_of_the_prior_is_trained_in_training_mode():
    network = keras.Sequential([keras.Input((A,)), keras.layers.BatchNormalization(), keras.layers.Dense(2 * D)])
    model = vm.VAE(encoder(2 * D), decoder(D), vm.ConditionalNormal(D, network), vm.Bernoulli())
    model.compile("adam", run_eagerly=True)
    x = examples()
    model.train_on_batch(x)
    moving = network.layers[0].moving_mean.numpy()
    np.testing.assert_allclose(moving, 0.01 * x["condition"].mean(axis=0), rtol=1e-4)
    model.evaluate(x, verbose=0)
    np.testing.assert_array_equal(network.layers[0].moving_mean, moving)


def test_what_does_not_fit_is_refused_by_name():
    model, given = MODELS["VAE"](), examples()
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=r"the condition of x of shape \(N, 3\). Received: shape=\(20, 2\)"):
        model.fit({**given, "condition": given["condition"][:, :2]}, verbose=0)
    with pytest.raises(ValueError, match=r"finite values in the condition of x. Received: index=\[\[0, 0\]\]"):
        model.log_likelihood({**given, "condition": np.full((20, A), np.nan)})
    for y in (None, np.zeros(2), np.zeros((4, A))):
        with pytest.raises(ValueError, match=r"y of shape \(3,\) or \(5, 3\), finite"):
            model.sample(5, y=y)
    for ask in (model.log_likelihood, model.estimate_log_likelihood, model.cluster, model.reconstruct, model.latent_means):
        with pytest.raises(ValueError, match=r"y of shape \(3,\) or \(20, 3\), finite: .* Received: shape=\(2,\)"):
            ask(given["x"], y=np.zeros(2))
        with pytest.raises(ValueError, match="or y= where it does not stand for labels, as in fit, of this VAE, which is conditioned"):
            ask(given["x"])
    with pytest.raises(ValueError, match="y, or a condition in x, not both"):
        model.log_likelihood(given, y=given["condition"])
    other = catalogue.make()
    for ask in (lambda y: other.sample(5, y=y), lambda y: other.log_likelihood(catalogue.examples(other), y=y)):
        with pytest.raises(ValueError, match="no y for this VAE, which is not conditioned"):
            ask(np.zeros(A))
    parts = vm.StandardNormal(D), vm.Bernoulli()
    with pytest.raises(ValueError, match=r"decoder with input shape \[\(None, 2\), \(None, 3\)\]"):
        vm.VAE(encoder(2 * D), gated_mlp((D,), 6, (8,)), *parts)
    unnamed = joint_gated_mlp([(D,), (A,)], 6, (8,), (8,))
    with pytest.raises(ValueError, match="encoder and decoder to have both an input named 'condition'"):
        vm.VAE(encoder(2 * D), unnamed, *parts)
    with pytest.raises(ValueError, match="a prior given conditions of as many attributes"):
        vm.VAE(encoder(2 * D), decoder(D), vm.ConditionalNormal(D, mlp((A + 1,), 2 * D, ())), parts[1])
    with pytest.raises(ValueError, match="a prior that is not made of posteriors"):
        vm.VAE(encoder(2 * D), decoder(D), vm.VampPrior(D, 5, (6,)), parts[1])
    with pytest.raises(ValueError, match="a condition, on which this prior depends"):
        prior_given(D).given(None)
    with pytest.raises(ValueError, match="a network from conditions"):
        vm.ConditionalNormal(D, mlp((A,), D, ()))


def test_a_mixture_starts_from_latents_given_y():
    model, given = MODELS["VAE"](), examples()
    vm.pretraining.initialize_from_gaussian_mixture(model, given, num_starts=1)
    z = model.latent_means({name: tf.constant(one) for name, one in given.items()})
    weights = model.responsibilities(given).mean(axis=0)
    assert weights.max() < 1
    assert np.abs(model.prior.components(None).mean().numpy()).max() <= np.abs(z).max() + 1e-6
