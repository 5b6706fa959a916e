"""The likelihood of every preset family follows the support of the data, and its flag overrides it."""

import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core import supports
from keras_vaemix.core.batch import Batch
from keras_vaemix.core.seeds import stateless_seed
from tests.families import FAMILIES, small
from training.data.splits import Data, Split
from training.jobs.flags import parse
from training.papers.registry import TABLES
from training.presets import PRESETS
from training.presets.arguments import as_run
from training.presets.likelihoods import CLIPPED, LIKELIHOODS, OPEN, chosen


def data_in(support, shape, draw, **kwargs):
    """Examples for whole batches, in three splits."""
    rng = np.random.default_rng(0)
    return Data(support.name, *(Split(draw(rng, (8, *shape))) for _ in range(3)), support, **kwargs)


def eight_bits(rng, shape):
    return rng.integers(0, 256, shape).astype("uint8")


def normals(rng, shape):
    return rng.normal(5, 3, shape).astype("float32")


LEVELS = data_in(supports.LEVELS, (16, 16, 3), eight_bits)
UNIT = data_in(supports.UNIT_INTERVAL, (16, 16, 1), lambda rng, shape: rng.random(shape, "float32"))
TABLE = data_in(supports.REAL, (5,), normals)
IMAGES = data_in(supports.REAL, (16, 16, 1), normals)
COUNTS = data_in(supports.REAL, (5,), lambda rng, shape: rng.poisson(3, shape).astype("float32"))
SHARES = data_in(supports.UNIT_INTERVAL, (5,), lambda rng, shape: rng.uniform(0.1, 0.9, shape).astype("float32"))
BITS = data_in(supports.BINARY, (16, 16, 1), lambda rng, shape: rng.integers(0, 2, shape).astype("float32"))
DATA = {"levels": LEVELS, "unit": UNIT, "real": TABLE}
BY_SUPPORT = {"levels": vm.DiscretizedLogistic, "unit": vm.ContinuousBernoulli, "real": vm.LearnedScaleNormal}
OWN = {  # of the families that have their own
    "beta_vae": {**BY_SUPPORT, "levels": vm.Normal, "unit": vm.Normal},
    **{family: {**BY_SUPPORT, "levels": vm.Normal, "unit": vm.Normal} for family in ("flow_vae", "iop")},
    **{family: {**BY_SUPPORT, "levels": vm.ContinuousBernoulli} for family in ("info_vae", "factor_vae")},
    "gamix": {**BY_SUPPORT, "levels": vm.Laplace, "unit": vm.Laplace},
    **dict.fromkeys(("two_stage", "vmm"), dict.fromkeys(DATA, vm.LearnedScaleNormal)),
}
SQUARED = {"levels": vm.costs.SquaredError, "unit": vm.costs.SquaredError, "real": vm.costs.RealSquaredError}
CROSS_ENTROPY = {**SQUARED, "levels": vm.costs.CrossEntropy, "unit": vm.costs.CrossEntropy}
COSTS = {
    **dict.fromkeys(("autoencoder", "inj_flow", "wae_mmd", "wae_gan", "flex_ae"), SQUARED),
    **dict.fromkeys(("mask_aae", "wae_gp"), CROSS_ENTROPY),
}
LEFT_OUT = {  # convolutions take no vectors; costs are those of "levels"; families without a likelihood of their own are like the VAE
    ("gamix", "real"),
    *((family, "unit") for family in FAMILIES if family not in OWN and family != "vae"),
}
CASES = [(family, values) for family in FAMILIES for values in DATA if (family, values) not in LEFT_OUT]


def built(preset, data, **given):
    """The small model of a preset."""
    return small(preset, data, **given).model


def limits_of(model):
    """The limits of all log-variances in a model."""
    return {layer.log_variance_limits for layer in model._flatten_layers() if hasattr(layer, "log_variance_limits")}


def losses_of(model, data):
    """Every loss of a batch of four, computed eagerly."""
    batch = Batch.of(tf.constant(data.fixed("train", model.support)[:4]))
    losses = [update.losses(update.inputs(batch), stateless_seed(0), False) for update in model.updates()]
    return [float(terms.total) for each in losses for terms in each.values()]


@pytest.mark.parametrize(("family", "values"), CASES)
def test_every_family_takes_every_support(family, values):
    preset, data = FAMILIES[family], DATA[values]
    if family in COSTS:
        model = built(preset, data)
        assert type(model.cost) is COSTS[family][values]
    else:
        given = {"log_variance_limits": [-9.0, 1.0]} if values == "levels" else {}
        model, expected = built(preset, data, **given), OWN.get(family, BY_SUPPORT)[values]
        assert type(model.likelihood) is expected
        assert limits_of(model) == {(-9.0, 1.0) if given else OPEN if expected is vm.LearnedScaleNormal else CLIPPED}
        with pytest.raises(ValueError, match=r"Expected --likelihood for values in .* Received: 'bernoulli'"):
            built(preset, data, likelihood="bernoulli")
    assert np.all(np.isfinite(losses_of(model, data)))


@pytest.mark.parametrize(
    ("data", "name", "likelihood"),
    [(COUNTS, "poisson", vm.Poisson), (COUNTS, "negative_binomial", vm.NegativeBinomial), (SHARES, "beta", vm.Beta)],
)
def test_flags_take_counts_and_shares(data, name, likelihood):
    model = built(FAMILIES["vae"], data, likelihood=name)
    assert type(model.likelihood) is likelihood
    assert np.all(np.isfinite(losses_of(model, data)))


@pytest.mark.parametrize(("family", "flags"), [("hvae", {"networks": "pixel"}), ("gmmp", {"decoder": "pixel"})])
def test_outputs_of_a_pixel_cnn_follow_the_likelihood(family, flags):
    model = built(FAMILIES[family], LEVELS, **flags)
    assert model.decoder.num_params == 6
    assert np.all(np.isfinite(losses_of(model, LEVELS)))


def test_a_family_s_own_likelihood_can_be_overridden():
    for family in OWN:
        model = built(FAMILIES[family], UNIT, likelihood="continuous_bernoulli")
        assert type(model.likelihood) is vm.ContinuousBernoulli
        assert CLIPPED in limits_of(model)


def test_what_is_binary_or_binarised_is_bernoulli(digits):
    assert [chosen(data) for data in (BITS, digits)] == [LIKELIHOODS["bernoulli"]] * 2
    assert chosen(digits, own="normal") == LIKELIHOODS["normal"]
    assert chosen(BITS, own="normal") == LIKELIHOODS["bernoulli"]
    for name, choice in LIKELIHOODS.items():
        refused = {"discretized_logistic", "poisson", "negative_binomial", "beta"}  # 17 levels, not 256; zeros and ones
        assert choice.suits(digits) == (name not in refused)
        assert choice.suits(TABLE) == (name in ("normal", "laplace", "learned_normal", "optimal_normal", "student_t"))
        assert choice.suits(COUNTS) == (choice.suits(TABLE) or name in ("poisson", "negative_binomial"))
        assert choice.suits(SHARES) == (name == "beta" or (choice.suits(digits) and name != "bernoulli"))


@pytest.mark.parametrize(("family", "data"), [("beta_vae", TABLE), ("two_stage", TABLE), ("autoencoder", TABLE), ("gamix", IMAGES)])
def test_means_of_real_values_are_not_bounded(family, data):
    model = built(FAMILIES[family], data)
    assert np.abs(getattr(model, "first", model).decode(tf.constant([[1e4, -1e4]]))).max() > 1
    if data is TABLE:
        bounded = built(FAMILIES[family], UNIT)
        x = getattr(bounded, "first", bounded).decode(tf.constant([[1e4, -1e4]])).numpy()
        assert 0 <= x.min() <= x.max() <= 1


@pytest.mark.parametrize("family", ["vamp", "hvamp", "gmmp", "beta_vae", "vmm"])
def test_pseudo_inputs_have_the_range_of_real_values(family):
    prior = built(FAMILIES[family], TABLE, **({"prior": "vamp"} if family == "beta_vae" else {})).prior
    assert prior.value_range == (TABLE.train.x.min(), TABLE.train.x.max())
    assert np.abs(prior.pseudo_inputs().numpy() - np.mean(prior.value_range)).max() < np.ptp(prior.value_range) / 2
    initialized = built(PRESETS["vamp_digits"], TABLE).prior.pseudo_inputs().numpy()
    assert TABLE.train.x.min() < initialized.min() < 0.5 * TABLE.train.x.mean()


@pytest.mark.parametrize("family", ["vamp", "hvamp", "gmmp"])
def test_pseudo_inputs_start_amid_grey_levels_as_on_the_frey_faces(family):
    starts = lambda data: built(FAMILIES[family], data).prior  # noqa: E731
    assert [(p.initial_mean, p.initial_stddev) for p in map(starts, (LEVELS, BITS))] == [(0.5, 0.02), (0.05, 0.01)]


@pytest.mark.parametrize(
    ("family", "data", "flags", "message"),
    [
        ("vae", LEVELS, {"likelihood": "bernoulli"}, r"--likelihood for values in \{0, 1/255.*one of auto, cross_entropy,.*'bernoulli'"),
        ("two_stage", TABLE, {"likelihood": "cross_entropy"}, "--likelihood for values in the real line, one of auto, normal, laplace,"),
        ("iwae", TABLE, {"likelihood": "normale"}, "--likelihood: did you mean normal"),
        ("hvae", TABLE, {"log_variance_limits": [1.0, -1.0]}, "log_variance_limits .low, high."),
        ("hvae", TABLE, {"networks": "conv"}, "--networks mlp for data that are not images"),
        ("gmmp", TABLE, {"decoder": "pixel"}, "--decoder mlp for data that are not images"),
        ("beta_vae", TABLE, {"networks": "info_gan"}, "--networks mlp for data that are not images"),
        ("gamix", TABLE, {}, "such as vae_mnist, .* for data that are not images"),
    ],
)
def test_what_does_not_suit_the_data_is_refused(family, data, flags, message):
    with pytest.raises(ValueError, match=f"^Expected .*{message}"):
        built(FAMILIES[family], data, **flags)


def test_the_command_line_refuses_a_likelihood_before_anything_is_written(main, tmp_path):
    status, err = main("vae_digits", "--likelihood", "discretized_logistic", "--run-dir", tmp_path / "run")
    assert (status, err.count("\n")) == (1, 0)
    assert err.startswith("error: Expected --likelihood for values in [0, 1], one of auto, bernoulli, ")
    assert not (tmp_path / "run").exists()


def test_limits_are_two_numbers_of_the_command_line():
    own = parse(["vae_digits", "--log-variance-limits", "-30", "2.5", "--likelihood", "normal"]).own
    assert (own["log_variance_limits"], own["likelihood"]) == ([-30.0, 2.5], "normal")
    assert parse(["vae_digits"]).own["log_variance_limits"] == "auto"
    row = TABLES["rae_table_mnist"].by_name()["two_stage"]
    assert parse(row.command_line()).own == row.arguments()


def test_older_runs_of_a_learned_scale_had_clipped_variances():
    assert as_run("two_stage_mnist", {})["log_variance_limits"] == [-6.0, 2.0]
    assert as_run("beta_vae_mnist", {"likelihood": "learned_normal"})["log_variance_limits"] == [-6.0, 2.0]
    assert as_run("beta_vae_mnist", {"likelihood": "normal"})["log_variance_limits"] == "auto"
    assert as_run("vae_mnist", {"latent_dim": 40})["likelihood"] == "auto"
