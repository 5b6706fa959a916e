"""Likelihoods of tables: equal to SciPy's, with exact means and draws, blind to what is not observed, and put together by `Columns`."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue

TABLE = catalogue.TABLE_LIKELIHOODS
COUNTS = np.unique(np.concatenate([np.arange(40), np.geomspace(40, 9000, 40).astype(int)])).astype("float32")
FLAT = [np.ravel(one) for one in np.meshgrid([1e-3, 0.4, 3, 60, 2000], [1e-4, 0.3, 1, 20, 500], COUNTS, indexing="ij")]
MEANS, DISPERSIONS, X = (one.astype("float32") for one in FLAT)


def log_probs(likelihood, x, *params):
    """Log-probabilities of each of the values x [N] with its parameters, each [N]."""
    params = tf.constant(np.stack(np.broadcast_arrays(x, *params)[1:], axis=-1), tf.float32)
    return likelihood.log_probs(params, tf.constant(x[:, None]))[:, 0].numpy().astype("float64")


def float64(function, x):
    """The function of float32 numbers in float64, so that SciPy has the very parameters of the likelihood."""
    return function(np.float32(x).astype("float64"))


def scipy_counts():
    """SciPy's counts with the means and dispersions that float32 logarithms stand for, and those logarithms."""
    log_mean, log_theta = np.log(MEANS), np.log(DISPERSIONS)
    mean, theta = float64(np.exp, log_mean), float64(np.exp, log_theta)
    return scipy.stats.poisson(mean), scipy.stats.nbinom(theta, theta / (theta + mean)), log_mean, log_theta


def test_counts_are_those_of_scipy():
    poisson, nbinom, log_mean, log_theta = scipy_counts()
    np.testing.assert_allclose(log_probs(vm.Poisson(), X, log_mean), poisson.logpmf(X), rtol=1e-5)
    np.testing.assert_allclose(log_probs(vm.NegativeBinomial(), X, log_mean, log_theta), nbinom.logpmf(X), rtol=1e-5)
    inflated = np.logaddexp(np.log(0.25) + np.where(X == 0, 0, -np.inf), np.log(0.75) + nbinom.logpmf(X))
    logits = np.log(1 / 3)
    np.testing.assert_allclose(log_probs(TABLE["ZeroInflated"](), X, log_mean, log_theta, logits), inflated, rtol=1e-5, atol=3e-7)


def test_large_means_of_small_counts_are_exact():
    """Also the gradient for the log-mean, theta (x - mu) / (theta + mu)."""
    log_mean, log_theta, x = (one.ravel() for one in np.meshgrid([12.0, 16.0, 20.0], [-5.0, 0.0, 8.0], [0.0, 1.0, 30.0]))
    params = tf.Variable(np.stack([log_mean, log_theta], axis=-1)[None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        log_p = vm.NegativeBinomial().log_probs(params, x[:, None].astype("float32"))
    mean, theta = np.exp(log_mean), np.exp(log_theta)
    np.testing.assert_allclose(log_p[0, :, 0], scipy.stats.nbinom(theta, theta / (theta + mean)).logpmf(x), rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(log_p, params)[0, :, 0], theta * (x - mean) / (theta + mean), rtol=1e-4)


@pytest.mark.parametrize("mean", [9e4, 1.1e5, 1e6, 1e8, 4e8])
def test_poisson_draws_of_large_means_are_the_exact_quantiles(mean):
    log_mean = np.log(np.float64(mean)).astype("float32")
    noise = ((np.arange(2000) + 0.5) / 2000).astype("float32")
    noise[:2] = 1e-6, 1e-4
    x = np.asarray(vm.Poisson().draw(np.full((2000, 1), log_mean), noise[:, None]), "float64")[:, 0]
    exact = scipy.stats.poisson.ppf(noise, np.exp(np.float64(log_mean)))
    np.testing.assert_allclose(x, exact, rtol=2e-7, atol=1 + 1e-4 * np.sqrt(mean))  # float32's, and the formula's
    assert x.std() == pytest.approx(np.sqrt(mean), rel=0.01)


@pytest.mark.parametrize(("name", "params"), [("Poisson", (2.0,)), ("NegativeBinomial", (2.0, 1.0)), ("ZeroInflated", (2.0, 1.0, 0.5))])
def test_counts_sum_to_one_and_have_their_mean(name, params):
    x = np.arange(500, dtype="float32")
    p = np.exp(log_probs(TABLE[name](), x, *params))
    assert p.sum() == pytest.approx(1, abs=1e-6)
    assert p @ x == pytest.approx(float(TABLE[name]().mean(tf.constant(params))[0]), rel=1e-5)


def test_draws_of_counts_are_quantiles():
    poisson, nbinom, log_mean, log_theta = scipy_counts()
    u = np.random.default_rng(0).uniform(0.01, 0.99, len(X)).astype("float32")
    for likelihood, of_scipy, *params in ((vm.Poisson(), poisson, log_mean), (vm.NegativeBinomial(), nbinom, log_mean, log_theta)):
        received = likelihood.draw(np.stack(params, axis=-1), u[:, None])[:, 0].numpy()
        wrong = np.maximum(of_scipy.cdf(received - 1) - u, u - of_scipy.cdf(received))
        assert wrong.max() < 1e-6


def test_shares_are_those_of_scipy():
    logits, log_concentration = (np.ravel(one).astype("float32") for one in np.meshgrid([-4.0, -0.3, 2.0], [-2.0, 0.5, 3.0, 6.0]))
    mean, concentration = float64(scipy.special.expit, logits), float64(np.exp, log_concentration)
    beta = scipy.stats.beta(mean * concentration, (1 - mean) * concentration)
    x = np.clip(beta.ppf(np.linspace(0.05, 0.95, 12)), 1e-20, 1 - 1e-7).astype("float32")
    received = log_probs(vm.Beta(), x, logits, log_concentration)
    np.testing.assert_allclose(received, beta.logpdf(x.astype("float64")), rtol=1e-5, atol=3e-6)
    np.testing.assert_allclose(vm.Beta().mean(np.stack([logits, log_concentration], -1))[:, 0], beta.mean(), rtol=1e-5)
    u = np.linspace(0.05, 0.95, 12, dtype="float32")[:, None]
    np.testing.assert_allclose(vm.Beta().draw(np.stack([logits, log_concentration], -1), u)[:, 0], beta.ppf(u[:, 0]), rtol=1e-3, atol=2e-38)


def test_outliers_and_units_are_those_of_scipy():
    x = np.linspace(-30, 30, 7, dtype="float32")
    np.testing.assert_allclose(log_probs(vm.StudentT(2.0, 3.0), x, 0.5), scipy.stats.t(3, 0.5, 2).logpdf(x), rtol=1e-5)
    in_units = vm.Standardized(vm.Normal(0.5), 100.0, 20.0)
    np.testing.assert_allclose(log_probs(in_units, x, 0.5), scipy.stats.norm(110, 10).logpdf(x), rtol=1e-5)
    np.testing.assert_allclose(in_units.distribution(tf.constant(0.5)).log_prob(x), scipy.stats.norm(110, 10).logpdf(x), rtol=1e-5)


def test_standardized_takes_its_units_from_data():
    x = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, 30.0]])
    likelihood = vm.Standardized.from_data(vm.Normal(), x)
    assert (likelihood.loc, likelihood.scale) == ((3.0, 20.0), (pytest.approx(np.sqrt(8 / 3)), 10.0))
    with pytest.raises(ValueError, match=r"columns that vary.*Received: standard_deviations=0.0"):
        vm.Standardized.from_data(vm.Normal(), [2.0, 2.0])


SECONDS = 1.7e9 + 30 * np.random.default_rng(0).normal(size=(50, 1))  # float32 has one number in 128 here


def test_standardized_refuses_what_float32_does_not_tell_apart():
    """Before the cast: also in a table, in `fit`, of integers and of data sets; not if it is missing."""
    expected = r"to vary by more than the rounding of its numbers to float32: subtract.* Received: index=\(0, 0\), value=1700000"
    with pytest.raises(ValueError, match=f"x {expected}"):
        vm.Standardized.from_data(vm.Normal(), SECONDS)
    likelihood = vm.Standardized(vm.Normal(), 1.7e9, 30.0)
    model = vm.VAE(vm.networks.mlp((1,), 2, ()), vm.networks.mlp((1,), 1, ()), vm.StandardNormal(1), likelihood)
    model.compile("adam", run_eagerly=True)
    for x in (SECONDS, tf.constant(SECONDS), tf.data.Dataset.from_tensor_slices(SECONDS).batch(10)):
        with pytest.raises(ValueError, match=f"x {expected}"):
            model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=f"x {expected}"):
        likelihood.check(SECONDS.astype("int64"))
    with pytest.raises(ValueError, match=f"column 'time' of x {expected}"):
        vm.Columns([("time", likelihood)]).check(SECONDS)
    likelihood.check(np.where(np.arange(50)[:, None] == 3, 1.7e9, SECONDS), mask=np.arange(50)[:, None] == 3)


def test_standardized_takes_values_far_from_the_mean():
    likelihood = vm.Standardized.from_data(vm.Normal(), SECONDS - 1.7e9)
    likelihood.check(np.append(SECONDS - 1.7e9, [[1e9 + 0.3]], axis=0))
    vm.Standardized(vm.Normal(), 2000.0, 10.0).check(np.array([[1970.123], [2026.0]]))


def test_categories():
    logits = tf.constant([[1.0, -2.0, 0.5]])
    p = np.exp(vm.Categorical().log_prob(logits[None], tf.eye(3)))[0]
    assert p.sum() == pytest.approx(1)
    np.testing.assert_allclose(vm.Categorical().mean(logits)[0], p, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "mask"),
    [([0, 1, 0], [True, True, False]), ([np.nan, 0, 0], True), ([0, np.nan, np.nan], True), ([np.nan, 1, 0], [True, True, True])],
)
def test_a_category_is_observed_as_a_whole(x, mask):
    """Or not at all, also in a table."""
    x = np.array([[1, 0, 0], [np.nan] * 3, x], "float32")
    mask = mask if mask is True else np.array([[True] * 3, [True] * 3, mask])
    vm.Categorical().check(x[:2], mask=True)
    with pytest.raises(ValueError, match=r"category of x to be observed as a whole, or not at all: .*Received: index=\(2,\), observed="):
        vm.Categorical().check(x, (3,), mask=mask)
    table = vm.Columns([("a", vm.Normal()), ("colour", vm.Categorical(), 3)])
    rows = np.column_stack([[np.nan, 0, 1], x])
    table.check(rows[:2], mask=True)
    with pytest.raises(ValueError, match="category of column 'colour' of x to be observed as a whole"):
        table.check(rows, mask=mask if mask is True else np.column_stack([[True] * 3, mask]))
    observed = ~np.isnan(rows) & np.column_stack([[True] * 3, np.broadcast_to(mask, x.shape)])
    np.testing.assert_array_equal(table.is_observable(tf.constant(observed))[:, 0], [True, True, False])


@pytest.mark.parametrize("name", TABLE)
def test_draws_have_the_mean_and_lie_in_the_support(name):
    likelihood, n = TABLE[name](), 4000
    width = getattr(likelihood, "num_columns", 2)
    params = np.random.default_rng(0).normal(size=(1, likelihood.params_size(width))).astype("float32")
    x = likelihood.draw(np.tile(params, (n, 1)), likelihood.noise().sample([n, width], seed=[0, 1])).numpy()
    likelihood.check(x, (width,))
    error = np.abs(x.mean(0) - likelihood.mean(params)[0]) / (x.std(0) / np.sqrt(n))
    assert error.max() < 5
    if name not in ("LibrarySize", "Standardized"):  # where the next test and one above have the distribution
        log_p = likelihood.distribution(params[:, None]).log_prob(x[None])  # one for each value, or for each block
        np.testing.assert_allclose(
            tf.reduce_sum(tf.reshape(log_p, [n, -1]), 1), likelihood.log_prob(params[None], x)[0], rtol=1e-3, atol=1e-3
        )


def test_counts_of_a_library_size_are_multinomial_given_it():
    likelihood, x = vm.LibrarySize(vm.Poisson(), 50.0), np.array([[3.0, 0, 9], [0, 0, 1]], "float32")
    logits = np.array([[[0.1, -1.0, 2.0]] * 2], "float32")
    shares, total = scipy.special.softmax(logits[0].astype("float64"), axis=-1), x.sum(1)
    given_total = [scipy.stats.multinomial(n, p).logpmf(one) for n, p, one in zip(total, shares, x, strict=True)]
    expected = given_total + scipy.stats.poisson(total).logpmf(total)
    np.testing.assert_allclose(likelihood.log_prob(logits, x)[0], expected, rtol=1e-5)
    np.testing.assert_allclose(likelihood.mean(logits)[0], 50 * shares, rtol=1e-5)
    mask = np.array([[True, False, True]] * 2)
    np.testing.assert_allclose(likelihood.log_prob(logits, x, mask=mask), likelihood.log_prob(logits[..., ::2], x[:, ::2]), rtol=1e-5)


def test_a_missing_count_has_its_share_of_the_observed_total():
    """Also in a table. The observed total is 1,000 or 10 for each unit of share; a row without any has the expected size."""
    encoder = vm.networks.named_inputs(vm.networks.mlp((8,), 2, ()), x=(4,), mask=(4,))
    decoder = vm.networks.mlp((1,), 4, ())
    encoder.set_weights([np.zeros_like(weight) for weight in encoder.get_weights()])
    decoder.set_weights([np.zeros((1, 4)), np.log([1.0, 1.0, 1.0, 2.0])])
    table = vm.Columns([("counts", vm.LibrarySize(vm.Poisson(), size=100.0), 4)])
    model = vm.VAE(encoder, decoder, vm.StandardNormal(1), table)
    nan = np.nan
    x = np.array([[1000, 1000, 1000, nan], [10, 10, 10, nan], [nan, nan, nan, nan]], "float32")
    imputed = model.impute(x, num_samples=200, num_draws=400)
    np.testing.assert_allclose(imputed.mean[:, 3], [2000, 20, 40], rtol=1e-4)
    np.testing.assert_allclose(imputed.draws[..., 3].mean(axis=0), [2000, 20, 40], rtol=0.1)
    np.testing.assert_allclose(imputed.standard_deviation[:, 3], np.sqrt([2000, 20, 40]), rtol=0.2)


@pytest.mark.parametrize("name", TABLE)
def test_what_is_not_observed_has_no_influence(name):
    likelihood = TABLE[name]()
    width = getattr(likelihood, "num_columns", 2)
    params = tf.Variable(np.random.default_rng(0).normal(size=(1, 2, likelihood.params_size(width))), dtype=tf.float32)
    x, mask = catalogue.draws(likelihood, 2), np.array([[False] * width, [True] * width])
    with tf.GradientTape() as tape:
        log_p = likelihood.log_prob(params, np.where(mask, x, 0).astype("float32"), mask=mask)
    gradient = tape.gradient(log_p, params).numpy()
    np.testing.assert_allclose(log_p[0], [0, likelihood.log_prob(params, x)[0, 1]], rtol=1e-5)
    assert not gradient[0, 0].any()
    assert gradient[0, 1].any()


@pytest.mark.parametrize("size", [-1e4, -30.0, 30.0, 1e4])
def test_gradients_are_finite_at_extremes(size):
    counts = dict.fromkeys(("Poisson", "NegativeBinomial", "ZeroInflated", "LibrarySize"), ((0, 0), (0, 1e6)))
    for name, values in {**counts, "Beta": ((1e-30, 1 - 1e-7),), "StudentT": ((-1e6, 1e6),), "Categorical": ((0, 1),)}.items():
        likelihood = TABLE[name]()
        for sign in (-1.0, 1.0):
            signs = np.resize([1.0, sign], likelihood.params_size(2))
            params = tf.Variable(np.tile(size * signs, (1, len(values), 1)), dtype=tf.float32)
            with tf.GradientTape() as tape:
                log_p = likelihood.log_prob(params, tf.constant(values, tf.float32))
            assert np.all(np.isfinite(log_p)), name
            assert np.all(np.isfinite(tape.gradient(log_p, params))), name


# Columns.


def table():
    return vm.Columns([("age", vm.Normal()), ("visits", vm.NegativeBinomial(1)), ("colour", vm.Categorical(), 3), ("share", vm.Beta())])


GOOD = np.array([[0.5, 3, 0, 1, 0, 0.2], [-0.5, 0, 1, 0, 0, 0.9]], "float32")


def test_columns_are_their_likelihoods():
    likelihood, params = table(), tf.constant(np.random.default_rng(0).normal(size=(4, 2, 7)), tf.float32)
    split = [(0, 1, 0, 1), (1, 2, 1, 2), (2, 5, 2, 5), (5, 7, 5, 6)]
    each = [own.log_prob(params[..., a:b], GOOD[:, c:d]) for own, (a, b, c, d) in zip(likelihood.block_likelihoods, split, strict=True)]
    np.testing.assert_allclose(likelihood.log_prob(params, GOOD), sum(each), rtol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(likelihood.log_probs(params, GOOD), -1), sum(each), rtol=1e-5)
    means = [own.mean(params[..., a:b]) for own, (a, b, _, _) in zip(likelihood.block_likelihoods, split, strict=True)]
    np.testing.assert_array_equal(likelihood.mean(params), np.concatenate(means, axis=-1))
    assert likelihood.params_size(6) == 7
    assert likelihood.are_counts == (False, True, False, False, False, False)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, np.nan, "finite values in column 'age'.*index=.1, 0.,"),
        (1, -1, r"column 'visits' of x in the counts .*Received: index=\(1, 0\), value=-1.0, minimum=-1.0, maximum=3.0"),
        (1, 1.5, "column 'visits' of x in the counts"),
        (2, 0, "column 'colour' of x in the one-hot vectors.*to_categorical"),
        (3, 1, "column 'colour' of x in the one-hot vectors"),
        (5, 1, r"column 'share' of x in \(0, 1\)"),
    ],
)
def test_a_value_that_is_refused_names_its_column(column, value, message):
    likelihood, x = table(), GOOD.copy()
    likelihood.check(x)
    assert np.all(likelihood.support.inside(x))
    x[1, column] = value
    with pytest.raises(ValueError, match=f"^Expected .*{message}"):
        likelihood.check(x)
    assert np.isnan(value) or likelihood.support.inside(tf.constant(x)).numpy().ravel().tolist() == [True, False]


def test_a_table_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"shape \(N, 6\). Received: shape=\(2, 5\)"):
        table().check(GOOD[:, :5])
    with pytest.raises(ValueError, match=r"6 columns, the sum of the widths. Received: columns=5"):
        table().params_size(5)


def test_raw_columns_of_unlike_scales_are_met_with_a_warning():
    x = np.random.default_rng(0).normal(size=(20, 2)) * [1, 1e4]
    in_units = vm.Standardized.from_data(vm.Normal(), x[:, 1])
    vm.Columns([("a", vm.Normal()), ("b", in_units)]).check(x)
    with pytest.warns(vm.likelihoods.UnlikeScales, match=r"Standardized.from_data.*Received: .* \(column 'a'\) to .* \(column 'b'\)"):
        vm.Columns([("a", vm.Normal()), ("b", vm.Normal())]).check(x)


@pytest.mark.filterwarnings("error")
def test_what_stands_in_a_gap_has_no_scale():
    x, mask = np.random.default_rng(0).normal(size=(20, 2)), np.ones((20, 2))
    x[3, 1], mask[3, 1] = 1e6, 0
    vm.Columns([("a", vm.Normal()), ("b", vm.Normal())]).check(x, mask=mask)
    vm.Columns([("a", vm.Normal()), ("b", vm.Normal())]).check(np.where(mask, x, np.nan), mask=True)


def test_weights_of_columns_are_saved(tmp_path):
    model = catalogue.table_vae()
    model.compile("adam", run_eagerly=True)
    model.fit(catalogue.examples(model), verbose=0)
    for i, weight in enumerate(model.likelihood.weights):
        weight.assign(weight + i)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert len(model.likelihood.weights) == 3
    for one, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)


@pytest.mark.parametrize(
    "make",
    [
        lambda: vm.Columns([]),
        lambda: vm.Columns([("a",)]),
        lambda: vm.Columns([("a", vm.Poisson)]),
        lambda: vm.Columns([("a", vm.Poisson(), 0)]),
        lambda: vm.Columns([("a", vm.Poisson()), ("a", vm.Poisson())]),
        lambda: vm.Columns([(name, likelihood) for likelihood in [vm.Poisson()] for name in "ab"]),
        lambda: vm.NegativeBinomial(0),
        lambda: vm.ZeroInflated(vm.Normal()),
        lambda: vm.LibrarySize(vm.Poisson(), 0.0),
        lambda: vm.LibrarySize(vm.Beta()),
        lambda: vm.StudentT(df=1.0),
        lambda: vm.Standardized(vm.Poisson()),
        lambda: vm.Standardized(vm.Normal(), (0.0, 5.0)).params_size(1),
        lambda: vm.NegativeBinomial(3).log_prob(np.zeros((1, 2, 1)), np.zeros((2, 1))),
        lambda: vm.Standardized(vm.Normal(), 0.0, (1.0, 0.0)),
        lambda: vm.networks.ScaledColumns([0.0], [0.0], [True]),
        lambda: vm.networks.ScaledColumns([0.0], [1.0, 1.0], [True]),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make()


def test_scaled_columns_are_of_like_size():
    x = np.random.default_rng(0).poisson(50, (30, 3)) * [1.0, 1.0, 0.0]
    h = vm.networks.ScaledColumns.from_data(x, (True, False, False))(tf.constant(x, tf.float32)).numpy()
    np.testing.assert_allclose(h.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(h.std(0), [1, 1, 0], atol=1e-5)
    assert np.corrcoef(h[:, 0], np.log1p(x[:, 0]))[0, 1] == pytest.approx(1)
