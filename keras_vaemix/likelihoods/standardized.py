"""The likelihood of real values in any units, through standardised ones."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import as_array, blocks
from keras_vaemix.core.part import register, require
from keras_vaemix.likelihoods.base import Likelihood, sum_event
from keras_vaemix.likelihoods.location_scale import check_scale

tfd, tfb = tfp.distributions, tfp.bijectors
FINEST = 1e-3  # standard deviations by which rounding to float32 may move a value, or if that is more, of its distance from the mean


@register
class Standardized(Likelihood):
    r"""Likelihood of real values through :math:`u = (x - m) / s`, :math:`\log p(x|z) = \log p_u(u|z) - \sum_i \log s_i`.

    The decoder's output stands for u, which is about one in size in whatever units x is; means, draws and densities are those of x.
    Models take x in float32, so `check` and `from_data` refuse values, such as times in seconds since 1970, that it does not tell apart.

    Args:
        likelihood: The likelihood of u, of real values.
        loc: Mean m, a number or one for each value of the last axis.
        scale: Standard deviation s, likewise.
    """

    def __init__(self, likelihood: Likelihood, loc: Any = 0.0, scale: Any = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        is_real = isinstance(likelihood, Likelihood) and likelihood.has_raw_scale
        require(is_real, "likelihood to be one of real values, such as LearnedScaleNormal", likelihood=likelihood)
        self.likelihood = likelihood
        self.loc, self.scale = (tuple(map(float, value)) if np.ndim(value) else float(value) for value in (loc, scale))
        require(np.all(np.isfinite(self.loc)), "a finite loc", loc=loc)
        for one in np.ravel(self.scale):
            check_scale(float(one))

    @classmethod
    def from_data(cls, likelihood, x, name="x"):
        """Returns the likelihood with the mean and standard deviation of x [N] or of each column of x [N, C], of what is not NaN.

        Raises:
            ValueError: A column of what is called `name` is constant, or float32 does not tell its values apart.
        """
        x = np.asarray(x, "float64")
        loc, scale = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
        require(np.all(scale > 0), "columns that vary: leave out the constant ones", standard_deviations=scale.tolist())
        check_rounding(x, loc, scale, name)
        return cls(likelihood, loc.tolist(), scale.tolist())

    def check(self, x, shape=None, name="x", mask=None):
        super().check(x, shape, name, mask)
        check_rounding(x, self.loc, self.scale, name, True if mask is None else mask)

    def params_size(self, num_channels):
        fits = {np.size(self.loc), np.size(self.scale)} <= {1, num_channels}
        require(fits, f"loc and scale of 1 or {num_channels} numbers, one for each value of the last axis", loc=self.loc, scale=self.scale)
        return self.likelihood.params_size(num_channels)

    @property
    def affine(self):
        """The bijector from u to x."""
        return tfb.Shift(np.float32(self.loc))(tfb.Scale(np.float32(self.scale)))

    def distribution(self, params):
        return self.affine(self.likelihood.distribution(params))

    def mean(self, params):
        return np.float32(self.loc) + np.float32(self.scale) * self.likelihood.mean(params)

    def noise(self):
        return self.likelihood.noise()

    def draw(self, params, noise):
        return np.float32(self.loc) + np.float32(self.scale) * self.likelihood.draw(params, noise)

    def factors(self, params):
        in_units = lambda own: {**own, "scale": np.float32(self.scale) * own["scale"]}  # noqa: E731
        factors = self.likelihood.factors(params)
        return factors and [one._replace(parameters=in_units(one.parameters)) for one in factors]

    def log_probs(self, params, x):
        u = (x - np.float32(self.loc)) / np.float32(self.scale)
        return self.likelihood.log_probs(params, u) - np.log(np.float32(self.scale))

    def log_prob(self, params, x, training=False, mask=None, weight=None):
        u = (x - np.float32(self.loc)) / np.float32(self.scale)
        volume = np.log(np.float32(self.scale)) * (tf.ones_like(u) if mask is None else tf.cast(mask, tf.float32))
        return self.likelihood.log_prob(params, u, training, mask, weight) - sum_event(volume, u)


def check_rounding(x, loc, scale, name, mask=True):
    """Raises `ValueError` if float32 does not tell apart the values of x [N, *] with these means and standard deviations.

    Values that are missing, by NaN or by the mask [N, *], do not count.
    """
    x = as_array(x)
    for start, block in blocks(x):
        values, seen = block.astype("float64"), supports.observed(block, mask, start)
        with np.errstate(over="ignore", invalid="ignore"):  # what is missing may be infinite
            rounding = np.abs(values.astype("float32") - values)
            lost = seen & (rounding > FINEST * np.maximum(scale, np.abs(values - loc)))
        if lost.any():
            first, *rest = index = tuple(np.argwhere(lost)[0].tolist())
            expected = f"{name} to vary by more than the rounding of its numbers to float32: subtract what they share"
            received = {"value": float(values[index]), "rounding": float(rounding[index])}
            deviation = float(np.broadcast_to(scale, values.shape)[index])
            require(False, expected, index=(start + first, *rest), **received, standard_deviation=deviation)
