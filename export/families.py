"""Draws from p(x|z) by NumPy, which has the distributions that ONNX lacks: of means and parameters that `sampler.onnx` returns."""

import functools
import inspect

import numpy as np

STANDARD = {  # draws from each family of noise that a manifest may name
    "Normal": lambda rng, shape, df: rng.standard_normal(shape),
    "Laplace": lambda rng, shape, df: rng.laplace(size=shape),
    "Logistic": lambda rng, shape, df: rng.logistic(size=shape),
    "Cauchy": lambda rng, shape, df: rng.standard_cauchy(shape),
    "Uniform": lambda rng, shape, df: rng.random(shape, "float32"),  # a float64 just below one would round to one
    "StudentT": lambda rng, shape, df: rng.standard_t(df, shape),
}
INSIDE = (float(np.finfo("float32").tiny), float(np.nextafter(np.float32(1), np.float32(0))))  # the least and the greatest share


def location_scale(family, rng, mean, scale, df=None):
    return mean + scale * STANDARD[family](rng, mean.shape, df)


def categorical(rng, mean):
    """Returns one-hot vectors over the last axis, of which the mean has the probabilities."""
    bounds = np.cumsum(mean, axis=-1)
    chosen = np.sum(rng.random((*mean.shape[:-1], 1)) * bounds[..., -1:] >= bounds[..., :-1], axis=-1)
    return np.eye(mean.shape[-1])[chosen]


def continuous_bernoulli(rng, mean, logits):
    """Returns quantiles of uniform noise, mirrored so that no exponential overflows."""
    rate = -np.maximum(np.abs(logits), 1e-6)
    quantile = np.log1p(rng.random(mean.shape) * np.expm1(rate)) / rate
    return np.where(logits < 0, quantile, 1 - quantile)


FAMILIES = {
    **{family: functools.partial(location_scale, family) for family in STANDARD},
    "Bernoulli": lambda rng, mean: rng.random(mean.shape) < mean,
    "Categorical": categorical,
    "Poisson": lambda rng, mean: rng.poisson(mean),
    "NegativeBinomial": lambda rng, mean, dispersion: rng.poisson(rng.gamma(dispersion, mean / dispersion)),
    "Beta": lambda rng, mean, a, b: np.clip(rng.beta(a, b), *INSIDE),
    "ContinuousBernoulli": continuous_bernoulli,
    "DiscretizedLogistic": lambda rng, mean, loc, scale: np.clip(np.floor(256 * rng.logistic(loc, scale)), 0, 255) / 255,
}


def tensors(factors):
    """Returns the parameters of `Factor`s that depend on z by the names of a graph's outputs, such as `a_0`: those of the first block."""
    each = ((f"{name}_{i}", value) for i, one in enumerate(factors) for name, value in one.parameters.items())
    return {name: value for name, value in each if len(getattr(value, "shape", ())) > 1}


def described(factors, width):
    """Returns `Factor`s of the last axis as a manifest has them: a parameter is an output's name, a number, or a list of numbers."""
    named, found = tensors(factors), []
    for i, one in enumerate(factors):
        each = {name: f"{name}_{i}" if f"{name}_{i}" in named else np.asarray(value).tolist() for name, value in one.parameters.items()}
        found.append({"family": one.family, "parameters": each, "width": one.width or width})
    return found


def outputs_of(factors):
    """Returns the names of the outputs that the factors of a manifest take."""
    return [value for one in factors for value in one["parameters"].values() if isinstance(value, str)]


def draw(factors, mean, outputs, rng):
    """Returns draws [N, *] by the factors of a manifest, of the mean [N, *] and a graph's further outputs by name."""
    ends = np.cumsum([one["width"] for one in factors])
    parts = zip(factors, np.split(mean.astype("float64"), ends[:-1], axis=-1), strict=True)
    return np.concatenate([draw_block(one, block, outputs, rng) for one, block in parts], axis=-1).astype("float32")


def draw_block(factor, mean, outputs, rng):
    given = {name: outputs[value] if isinstance(value, str) else value for name, value in factor["parameters"].items()}
    given = {"mean": mean, **{name: np.broadcast_to(np.asarray(value, "float64"), mean.shape) for name, value in given.items()}}
    zeros = given.pop("zeros", None)
    x = FAMILIES[factor["family"]](rng, **given)
    return x if zeros is None else np.where(rng.random(x.shape) < zeros, 0, x)


def is_factor(factor):
    """Returns whether a value of a manifest describes a block that can be drawn."""
    if not (isinstance(factor, dict) and set(factor) == {"family", "parameters", "width"} and isinstance(factor["family"], str)):
        return False
    if factor["family"] not in FAMILIES or not isinstance(factor["parameters"], dict):
        return False
    known = {name: one for name, one in inspect.signature(FAMILIES[factor["family"]]).parameters.items() if name != "rng"}
    needed = {name for name, one in known.items() if one.default is one.empty} - {"mean"}
    are_numbers = (isinstance(value, str) or is_numbers(value) for value in factor["parameters"].values())
    return needed <= set(factor["parameters"]) <= {*known, "zeros"} and all(are_numbers)


def fit_widths(factors):
    """Returns whether every list of numbers in the factors has one for each value of its block, or one for all."""
    return all(len(value) in (1, one["width"]) for one in factors for value in one["parameters"].values() if isinstance(value, list))


def is_numbers(value):
    """Returns whether a value is a number, or a list of some."""
    return all(isinstance(one, (int, float)) for one in (value if isinstance(value, list) else [value]))
