"""Draws from p(x|z) of exported models have SciPy's distributions with the parameters of the live model."""

import json

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import export.sample
import keras_vaemix as vm
from export import families
from export.artifact import export_model
from tests import catalogue
from tests.checks import parity

NUM = 4000


def inflated(likelihood, params):
    own, logits = np.split(params, [-likelihood.num_channels(params)], axis=-1)
    more, counts = special.expit(logits), cdf_of(likelihood.likelihood, own)
    return lambda x: np.where(x < 0, 0, more + (1 - more) * counts(x))


def negative_binomial(likelihood, params):
    log_mean, log_theta = (np.asarray(one, "float64") for one in likelihood.split(params))
    return stats.nbinom(np.exp(log_theta), special.expit(log_theta - log_mean)).cdf


def levels(likelihood, params):
    p = likelihood.distribution(params.astype("float32"))
    loc, scale = (np.asarray(one, "float64") for one in (p.loc, p.scale))
    inside = lambda x: special.expit((np.round(255 * x + 1) / 256 - loc) / scale)  # noqa: E731
    return lambda x: np.where(x > 0.999, 1, np.where(x < 0, 0, inside(x)))


CDFS = {  # the step between values, and cumulative probabilities of [N, C] for parameters [1, P]
    vm.Bernoulli: (1, lambda _, params: stats.bernoulli(special.expit(params)).cdf),
    vm.PseudoBernoulli: (1, lambda _, params: stats.bernoulli(special.expit(params)).cdf),
    vm.ContinuousBernoulli: (0, lambda _, params: lambda x: np.expm1(params * x) / np.expm1(params)),
    vm.Normal: (0, lambda p, params: stats.norm(params, p.scale).cdf),
    vm.LearnedScaleNormal: (0, lambda p, params: stats.norm(params, np.exp(float(p.log_scale))).cdf),
    vm.OptimalScaleNormal: (0, lambda p, params: stats.norm(params, np.sqrt(float(p.variance))).cdf),
    vm.Laplace: (0, lambda p, params: stats.laplace(params, p.scale).cdf),
    vm.DiscretizedLogistic: (1 / 255, levels),
    vm.StudentT: (0, lambda p, params: stats.t(p.df, params, np.exp(float(p.log_scale))).cdf),
    vm.Standardized: (0, lambda p, params: lambda x: cdf_of(p.likelihood, params)((x - p.loc) / p.scale)),
    vm.Beta: (0, lambda p, params: stats.beta(*map(np.asarray, p.split(params)[1:])).cdf),
    vm.Poisson: (1, lambda _, params: stats.poisson(np.exp(params)).cdf),
    vm.NegativeBinomial: (1, negative_binomial),
    vm.ZeroInflated: (1, inflated),
    vm.LibrarySize: (1, lambda p, params: cdf_of(p.likelihood, np.asarray(p.expected(params)))),
}


def cdf_of(likelihood, params):
    return CDFS[type(likelihood)][1](likelihood, params)


def assert_drawn(likelihood, params, x):
    """Tests draws x [N, C] at float64 parameters [1, P]: the cumulative probabilities, between those of discrete values, are uniform."""
    if isinstance(likelihood, vm.Categorical):
        p = stats.chisquare(x.sum(axis=0), NUM * special.softmax(params[0])).pvalue
        assert p > 1e-4
        return
    step, cdf = CDFS[type(likelihood)][0], cdf_of(likelihood, params)
    below, upto = cdf(x - step), cdf(x)
    uniform = below + np.random.default_rng(1).random(x.shape) * (upto - below)
    for column in uniform.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4, type(likelihood).__name__


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A VAE of a table with columns of every kind, and its artifact."""
    model = parity.shaken(catalogue.table_vae)
    return model, export_model(model, tmp_path_factory.mktemp("draws") / "artifact", ["onnx"])


def test_an_exported_table_is_drawn_at_one_latent(table):
    model, artifact = table
    rng, manifest = np.random.default_rng(0), json.loads((artifact / "manifest.json").read_text())
    inputs = {name: np.repeat(one, NUM, axis=0) for name, one in export.sample.sampler_inputs(manifest, 1, 2, rng).items()}
    names = ["x", "z_drawn", *families.outputs_of(manifest["draws"])]
    found = dict(zip(names, export.sample.open_graph(artifact, "sampler.onnx").run(names, inputs), strict=True))
    x = families.draw(manifest["draws"], found["x"], found, rng)
    model.likelihood.check(x)
    params = model.decoder_params(found["z_drawn"][:1])
    parts = zip(model.likelihood.parts(params), model.likelihood.blocks(x.astype("float64")), strict=True)
    for (likelihood, own), block in parts:
        assert_drawn(likelihood, np.asarray(own, "float64"), block)


@pytest.mark.parametrize("name", [*catalogue.LIKELIHOODS, "LibrarySize"])
def test_values_are_drawn_one_by_one(name):
    likelihood = (catalogue.LIKELIHOODS | catalogue.TABLE_LIKELIHOODS)[name]()
    params = np.random.default_rng(0).normal(size=(1, likelihood.params_size(2))).astype("float32")
    many = tf.constant(np.repeat(params, NUM, axis=0))
    factors = likelihood.factors(many)
    named = {key: value.numpy() for key, value in families.tensors(factors).items()}
    described = families.described(factors, 2)
    assert all(map(families.is_factor, json.loads(json.dumps(described))))
    x = families.draw(described, likelihood.mean(many).numpy(), named, np.random.default_rng(2)).astype("float64")
    assert_drawn(likelihood, params.astype("float64"), x)


def test_the_command_draws(table, tmp_path):
    model, artifact = table
    assert export.sample.main([str(artifact), "--num", "20", "--draws", "--seed", "3", "--out", str(tmp_path / "x.npy")]) == 0
    x = np.load(tmp_path / "x.npy")
    model.likelihood.check(x)
    np.testing.assert_array_equal(x, export.sample.sample(artifact, 20, seed=3, draws=True)[0])
    assert np.any(x != export.sample.sample(artifact, 20, seed=3)[0])


FAULTS = {
    "an unknown family": ([{"family": "Zeta", "parameters": {}, "width": 16}], "draws, a list of families"),
    "another width": ([{"family": "Poisson", "parameters": {}, "width": 3}], "draws of 16 values together"),
    "an odd number of parameters": (
        [{"family": "Normal", "parameters": {"scale": [1.0, 2.0, 3.0]}, "width": 16}],
        "parameters are lists of one number for each value",
    ),
    "no such output": (
        [{"family": "Normal", "parameters": {"scale": "s_0"}, "width": 16}],
        "inputs and outputs of its manifest",
    ),
    "no draws": (None, "an artifact with draws: export it again.*Received: one with Columns"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_manifest_without_these_draws_is_refused(name, table, tmp_path):
    draws, message = FAULTS[name]
    for file in ("manifest.json", "sampler.onnx"):
        (tmp_path / file).write_bytes((table[1] / file).read_bytes())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["draws"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | ({} if draws is None else {"draws": draws})))
    with pytest.raises(ValueError, match=message):
        export.sample.sample(tmp_path, 5, draws=True)
