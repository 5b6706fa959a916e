"""Gaps: bounds of log p(observed values), their imputation against exact posteriors, and every capability of models that take a mask."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal

import keras_vaemix as vm
from keras_vaemix.verify import check_bound
from tests import catalogue
from training.distributed.strategy import make_strategy

SCALE = 0.7
MATRIX = np.array([[1.0, -0.5, 0.3], [0.2, 0.8, -0.6]])  # of the decoder
MEAN = np.array([0.1, -0.2, 0.3])


def networks(num_params=4, width=3, hidden=()):
    """Returns an encoder of x and its mask, and a decoder of two latents."""
    encoder = vm.networks.named_inputs(vm.networks.mlp((2 * width,), num_params, hidden), x=(width,), mask=(width,))
    return encoder, vm.networks.mlp((2,), width, hidden)


@pytest.fixture(scope="module")
def linear():
    """A linear-Gaussian model, p(x) = N(MEAN, MATRIX^T MATRIX + SCALE^2 I), with any posterior near the prior."""
    encoder, decoder = networks()
    encoder.set_weights([0.1 * weight for weight in encoder.get_weights()])
    decoder.set_weights([MATRIX, MEAN])
    return vm.VAE(encoder, decoder, vm.StandardNormal(2), vm.Normal(SCALE))


X = np.random.default_rng(0).standard_normal((6, 3))
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]], bool)
GAPS = np.where(MASK, X, np.nan)
COVARIANCE = MATRIX.T @ MATRIX + SCALE**2 * np.eye(3)


def exact():
    """Returns log p(x_o), which is zero where nothing is observed."""
    rows = zip(X, MASK, strict=True)
    return [multivariate_normal.logpdf(x[o], MEAN[o], COVARIANCE[np.ix_(o, o)]) if o.any() else 0.0 for x, o in rows]


def conditional(x, o):
    """Returns mean and covariance of p(x_m|x_o)."""
    gain = COVARIANCE[np.ix_(~o, o)] @ np.linalg.inv(COVARIANCE[np.ix_(o, o)])
    return MEAN[~o] + gain @ (x[o] - MEAN[o]), COVARIANCE[np.ix_(~o, ~o)] - gain @ COVARIANCE[np.ix_(o, ~o)]


def test_bounds_are_those_of_what_is_observed(linear):
    report = check_bound(linear, GAPS, exact(), repetitions=20)
    assert next(b for b in report.bounds if b.name == "importance_weighted, 50").excess > -0.1
    estimate = linear.estimate_log_likelihood(GAPS, 8000)
    assert np.all(np.abs(estimate.log_likelihood - exact()) < 4 * estimate.standard_error + 1e-5)
    hidden = np.where(MASK, X, 1e30)
    np.testing.assert_array_equal(linear.log_likelihood({"x": hidden, "mask": MASK}, 8000), estimate.log_likelihood)


def test_imputations_are_those_of_the_exact_posterior(linear):
    imputed = linear.impute(GAPS, num_samples=8000, num_draws=2000, seed=1)
    for i, (x, o) in enumerate(zip(X, MASK, strict=True)):
        np.testing.assert_array_equal(imputed.mean[i, o], x[o])
        np.testing.assert_array_equal(imputed.draws[:, i, o], np.tile(x[o], (2000, 1)))
        np.testing.assert_array_equal(imputed.standard_deviation[i, o], 0)
        mean, covariance = conditional(x, o)
        error = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(imputed.mean[i, ~o], mean, atol=4 * np.max(error, initial=0) / np.sqrt(imputed.effective_sample_size[i]))
        np.testing.assert_allclose(imputed.standard_deviation[i, ~o], error, rtol=0.05)
        if np.sum(~o):
            np.testing.assert_allclose(imputed.draws[:, i, ~o].mean(axis=0), mean, atol=4 * error.max() / np.sqrt(1500))
            np.testing.assert_allclose(np.cov(imputed.draws[:, i, ~o].T).reshape(covariance.shape), covariance, atol=0.15)


@pytest.mark.parametrize("name", catalogue.LIKELIHOODS)
def test_what_is_missing_has_no_influence(name):
    """Neither on the value nor on gradients, which are finite, also where the missing value is NaN or infinite."""
    likelihood = catalogue.LIKELIHOODS[name]()
    params = tf.constant(np.random.default_rng(0).normal(0, 2, (2, 1, likelihood.params_size(4))), tf.float32)
    mask = tf.constant([[True, False, True, False]])
    x = np.array([[0.0, np.nan, 1.0, np.inf]], "float32")
    each = likelihood.log_probs(params, tf.constant([[0.0, 0.0, 1.0, 0.0]]))
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_p = likelihood.log_prob(params, tf.constant(x), mask=mask)
    np.testing.assert_allclose(log_p, tf.reduce_sum(each[..., ::2], axis=-1), rtol=1e-6)
    gradient = np.reshape(tape.gradient(log_p, params), (2, -1, 4))
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(gradient[..., 1::2], 0)
    assert np.all(gradient[:, 0, ::2] != 0)


def test_the_optimal_scale_is_that_of_what_is_observed():
    likelihood = vm.OptimalScaleNormal(momentum=0.0)
    log_p = likelihood.log_prob(tf.zeros([1, 1, 3]), tf.constant([[1.0, 9.0, 3.0]]), True, tf.constant([[True, False, True]]))
    assert float(likelihood.variance) == pytest.approx(5)
    assert float(log_p[0, 0]) == pytest.approx(-np.log(2 * np.pi * 5) - 1, rel=1e-6)


def cp_vae():
    encoder, decoder = networks(4 + 4)
    return vm.CPVAE(encoder, decoder, vm.NormalMixture(2, 4), vm.Normal(SCALE))


def gm_vae():
    (top, decoder), (encoder, _) = networks(), networks()
    conditional = vm.networks.mlp((2,), 2 * 4, ())
    return vm.GMVAE(top, encoder, conditional, decoder, vm.StandardNormal(2), vm.Normal(SCALE), num_components=2)


def vamp():
    return vm.VAE(*networks(), vm.VampPrior(2, 3, (3,), value_range=(-3.0, 3.0)), vm.Normal(SCALE))


def factor_vae():
    encoder, decoder = networks()
    return vm.FactorVAE(encoder, decoder, catalogue.critic((2,)), vm.StandardNormal(2), vm.Normal(SCALE))


def empirical_bayes():
    return vm.EmpiricalBayesVAE(*networks(), vm.VampPriorMixture(2, 3, (3,), value_range=(-3.0, 3.0)), vm.Normal(SCALE))


MODELS = {f.__name__: f for f in (vamp, cp_vae, gm_vae, factor_vae, empirical_bayes)}
QUICK = ("vamp",)
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


@pytest.mark.parametrize("name", EVERY)
def test_models_learn_and_are_loaded(name, tmp_path):
    model = MODELS[name]()
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit({"x": np.tile(X, (20, 1)), "mask": np.tile(MASK, (20, 1))}, epochs=5, batch_size=30, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    figures = model.evaluate(GAPS, verbose=0)
    assert model.evaluate({"x": np.where(MASK, X, np.inf), "mask": MASK}, verbose=0) == figures
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(GAPS, verbose=0) == figures
    np.testing.assert_allclose(model.predict(GAPS, verbose=0), loaded.reconstruct(GAPS), rtol=1e-5)
    assert model.cluster(GAPS).shape == (6,)
    assert np.all(np.isfinite(model.impute(GAPS, 50).mean))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_bounds_of_all_models_hold(name):
    check_bound(MODELS[name](), GAPS, num_samples=4000, repetitions=20)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_models_learn_by_xla(name, by_xla):
    model = MODELS[name]()
    model.compile("adam", jit_compile=True)
    assert np.all(np.isfinite(model.fit(np.tile(GAPS, (5, 1)), epochs=2, verbose=0).history["loss"]))
    model.estimate_log_likelihood(GAPS, 1000)
    assert np.all(np.isfinite(model.impute(GAPS, 50, num_draws=2).draws))


def test_a_mask_is_split_with_x(noiseless):
    """Over two replicas, of a data set of dicts; and nothing depends on how."""
    weights, losses = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            model = vm.VAE(*networks(), vm.StandardNormal(2), vm.Normal(SCALE), noiseless)
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01), jit_compile=False)
        data = tf.data.Dataset.from_tensor_slices({"x": X, "mask": MASK}).batch(4)
        trained = model.fit(data, verbose=0, shuffle=False).history["loss"][0]
        losses.append([trained, model.evaluate(data, verbose=0, return_dict=True)["loss"]])
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.slow
def test_exported_encoders_take_a_mask(tmp_path):
    from export.freeze import freeze
    from export.saved_model import write_saved_model

    model = vamp()
    write_saved_model(freeze(model), tmp_path)
    loaded = tf.saved_model.load(str(tmp_path)).signatures
    x, mask = tf.constant(np.where(MASK, X, 7.0), tf.float32), tf.constant(MASK, tf.float32)
    np.testing.assert_allclose(loaded["encode"](x=x, mask=mask)["mean"], model.posterior_parameters(GAPS)["mean"], atol=1e-6)
    z = tf.zeros([6, 2])
    np.testing.assert_allclose(loaded["log_joint"](x=x, mask=mask, z=z)["log_joint"], model.log_joint(GAPS.astype("float32"), z), rtol=1e-5)


def pixel_vae():
    mask = vm.networks.named_inputs(vm.networks.mlp((4, 4, 2), 6, ()), x=(4, 4, 1), mask=(4, 4, 1))
    return vm.PixelVAE(mask, catalogue.pixel_cnn(3, 1), vm.StandardNormal(3), vm.Bernoulli())


def unmasked():
    return vm.VAE(vm.networks.mlp((3,), 4, ()), vm.networks.mlp((2,), 3, ()), vm.StandardNormal(2), vm.Normal(SCALE))


def narrow():
    encoder = vm.networks.joint_gated_mlp([(3,), (3,)], 4, (4,), (4,))
    return vm.VAE(encoder, networks()[1], vm.StandardNormal(2), vm.Normal(SCALE))


NO_COLUMN = np.where([True, False, True], X, np.nan)
REFUSED = {
    "column": (lambda: vamp().fit(NO_COLUMN), r"an observed value in every column of x: leave out .* Received: columns=\[1\]"),
    "column of a mask": (lambda: vamp().fit({"x": X, "mask": MASK & [True, False, True]}), r"columns=\[1\]"),
    "no mask": (lambda: unmasked().fit(GAPS), "or, if they are missing, take a VAE, CPVAE or GMVAE whose encoders have a mask"),
    "mask not taken": (lambda: unmasked().predict({"x": X, "mask": MASK}), "no mask for this VAE: a VAE, CPVAE or GMVAE takes one"),
    "imputed": (lambda: unmasked().impute(X), "a VAE whose encoder takes a mask"),
    "mask in [0, 1]": (lambda: vamp().impute({"x": X, "mask": 0.5 * MASK}), "the mask of x to be 1 where a value is observed .*value=0.5"),
    "mask of another shape": (lambda: vamp().fit({"x": X, "mask": MASK[:, :2]}), r"the mask of x of shape \(N, 3\)"),
    "mask of fewer": (lambda: vamp().fit({"x": X, "mask": MASK[:2]}), r"a mask of as many examples as x. Received: examples=\(6, 2\)"),
    "infinite": (lambda: vamp().evaluate(np.where(MASK, np.inf, np.nan)), r"finite values in x: .* value=inf"),
    "names": (lambda: vamp().fit({"x": X, "masks": MASK}), r"a dict may hold 'x' with a 'mask' .* Received: x=\['masks', 'x'\]"),
    "model": (pixel_vae, "what a PixelVAE takes beside it, nothing. Received: inputs=.'mask',."),
    "unnamed inputs": (narrow, "what a VAE takes beside it, mask"),
    "widths": (lambda: vm.networks.named_inputs(vm.networks.mlp((5,), 4), x=(3,), mask=(3,)), r"network with inputs of shape \(6,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_remedy(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_a_bad_batch_of_a_data_set_with_gaps_is_named():
    model = vamp()
    model.compile("adam", jit_compile=False)
    bad = np.where(X[4, 2] == X, np.inf, GAPS)
    with pytest.raises(ValueError, match="finite values in the real line in every batch"):
        model.evaluate(tf.data.Dataset.from_tensor_slices(bad).batch(2), verbose=0)


def test_a_batch_with_a_partly_missing_category_is_named():
    encoder, decoder = networks()
    model = vm.VAE(encoder, decoder, vm.StandardNormal(2), vm.Categorical())
    model.compile("adam", run_eagerly=True)
    x = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    x[1] = x[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"in the one-hot vectors in every batch.*Received: batch='number 2"):
        model.evaluate(tf.data.Dataset.from_tensor_slices(x).batch(2), verbose=0)
    for use in (model.log_likelihood, model.impute, model.fit):
        with pytest.raises(ValueError, match=r"to be observed as a whole.*index=\(3,\), observed=\[False, True, True\]"):
            use(x)


@pytest.mark.slow
def test_a_mask_goes_with_a_condition():
    encoder = vm.networks.named_inputs(vm.networks.mlp((8,), 4, ()), x=(3,), mask=(3,), condition=(2,))
    decoder = vm.networks.named_inputs(vm.networks.mlp((4,), 3, ()), z=(2,), condition=(2,))
    model, given = vm.VAE(encoder, decoder, vm.StandardNormal(2), vm.Normal(SCALE)), {"x": GAPS, "condition": X[:, :2]}
    model.compile("adam", jit_compile=False)
    model.fit(given, verbose=0)
    figures = model.evaluate(given, verbose=0)
    assert model.evaluate({**given, "x": np.where(MASK, X, np.inf), "mask": MASK}, verbose=0) == figures
    others = model.evaluate({**given, "condition": X[:, 1:]}, verbose=0)
    assert others != figures
    mean = model.impute(given, 50).mean
    np.testing.assert_array_equal(mean, model.impute(GAPS, 50, y=X[:, :2]).mean)
    np.testing.assert_array_equal(mean[MASK], X[MASK])
    assert np.all(np.isfinite(mean))
    np.testing.assert_allclose(model.predict(given, verbose=0), model.reconstruct(given), rtol=1e-5)


@pytest.mark.slow
def test_tables_have_gaps_in_each_column():
    """Also where zero is outside the support, and of categories, which are missing as a whole."""
    columns = vm.Columns(
        [("size", vm.LearnedScaleNormal()), ("share", vm.Beta()), ("visits", vm.Poisson()), ("colour", vm.Categorical(), 3)]
    )
    encoder = vm.networks.named_inputs(vm.networks.mlp((12,), 4, ()), x=(6,), mask=(6,))
    model = vm.VAE(encoder, vm.networks.mlp((2,), columns.params_size(6), ()), vm.StandardNormal(2), columns)
    model.compile("adam", run_eagerly=True)  # the graphs of gaps by NaN and by a mask are optimised apart, and may round apart
    full = np.array([[0.3, 0.2, 4, 0, 1, 0], [-1.0, 0.9, 0, 1, 0, 0], [0.5, 0.5, 2, 0, 0, 1]])
    mask = np.array([[1, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 1]], bool)
    x = np.where(mask, full, np.nan)
    model.fit(x, verbose=0)
    assert model.evaluate(x, verbose=0) == model.evaluate({"x": np.where(mask, full, -7.0), "mask": mask}, verbose=0)
    imputed = model.impute(x, 100, num_draws=3)
    assert np.all(np.isfinite(imputed.standard_deviation))
    for drawn in imputed.draws:
        columns.check(drawn)
    with pytest.raises(ValueError, match="every column of column 'share' of x"):
        model.fit(np.where(np.arange(6) == 1, np.nan, x))


def test_a_column_may_be_missing_in_the_first_batch_of_a_data_set(linear):
    """But not in an array, of which all is known."""
    first = np.where([[True, True, False]], X, np.nan)
    linear.compile("sgd", run_eagerly=True)
    linear.fit(tf.data.Dataset.from_tensors(first).concatenate(tf.data.Dataset.from_tensors(X)), shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="column"):
        linear.fit(first, verbose=0)


def test_integers_are_taken_with_gaps():
    model, x = vm.VAE(*networks(), vm.StandardNormal(2), vm.Bernoulli()), np.eye(3, dtype="int64")
    for compute in (model, model.latent_means, lambda x: model.encode(x).mean(), lambda x: model.posterior_parameters(x)["mean"]):
        np.testing.assert_array_equal(compute(x), compute(x.astype("float32")))
