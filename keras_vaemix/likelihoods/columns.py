"""The likelihood of a table: one likelihood for each named column or block of columns."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import as_array, blocks
from keras_vaemix.core.part import check_positive, register, require, require_kind
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.core.warned import warn_caller
from keras_vaemix.likelihoods.base import Likelihood

tfd = tfp.distributions
MOST_UNLIKE = 100.0  # ratio of the standard deviations of raw columns that is met with a warning


class UnlikeScales(UserWarning):
    """The raw columns of a table have standard deviations that are far apart."""


class BlockNoise:
    """The noises of blocks of values of the given widths along the last axis, with `sample` as a TFP distribution has it."""

    def __init__(self, noises, widths):
        self.noises, self.widths = noises, widths

    def sample(self, shape, seed=None):
        """Returns draws of a shape whose last axis holds all blocks; a function of the integer or stateless seed [2]."""
        seed, parts = stateless_seed(seed), enumerate(zip(self.noises, self.widths, strict=True))
        return tf.concat([noise.sample([*shape[:-1], width], seed=fold_in(seed, i)) for i, (noise, width) in parts], axis=-1)


@register
class Columns(Likelihood):
    r"""Table of W columns, :math:`\log p(x|z) = \sum_b \log p_b(x_b|z)` with a likelihood of its own for each block b of columns.

    The last axis of x holds the blocks one after the other, and the decoder's last axis their parameters. Each log p_b is in nats, and
    none is re-weighted: a weighted sum would be no log-density. A real column in large units is `Standardized` instead.

    Args:
        columns: A tuple (name, likelihood) or (name, likelihood, width) for each block, of one column if there is no width.
        schema: JSON text that says what the columns stand for, such as their categories: what `integrations.frames.Frame` reads and writes.

    Warns:
        UnlikeScales: In `check`, real columns that are not `Standardized` have standard deviations that are far apart.

    Example:
        >>> import keras_vaemix as vm
        >>> table = vm.Columns([("age", vm.LearnedScaleNormal()), ("visits", vm.NegativeBinomial()), ("colour", vm.Categorical(), 3)])
        >>> table.num_columns, table.params_size(5)
        (5, 6)
    """

    def __init__(self, columns: Sequence[tuple[Any, ...]], schema: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema
        expected = "columns, each (name, likelihood) or (name, likelihood, width)"
        require(len(columns) > 0 and all(len(column) in (2, 3) for column in columns), expected, columns=columns)
        self.columns = tuple((*column, 1)[:3] for column in columns)
        self.names, self.block_likelihoods, self.widths = map(tuple, zip(*self.columns, strict=True))
        for name, likelihood, width in self.columns:
            require_kind(f"the likelihood of column {name!r}", likelihood, Likelihood)
            check_positive(**{f"the width of column {name!r}": width})
        require(len(set(self.names)) == len(self.columns), "a name of its own for each column", names=self.names)
        is_own = len(set(map(id, self.block_likelihoods))) == len(self.columns)
        require(is_own, "a likelihood object of its own for each column, since it may have weights", columns=self.names)
        self.num_columns = sum(self.widths)

    @property
    def is_density(self):
        return all(likelihood.is_density for likelihood in self.block_likelihoods)

    @property
    def has_unbounded_params(self):
        return any(likelihood.has_unbounded_params for likelihood in self.block_likelihoods)

    @property
    def are_counts(self):
        """Whether each column of x holds counts, W truth values: what `networks.ScaledColumns.from_data` takes."""
        each = zip(self.block_likelihoods, self.widths, strict=True)
        return tuple(likelihood.support is supports.COUNTS for likelihood, width in each for _ in range(width))

    @property
    def support(self):
        is_unit = all(likelihood.support.is_unit for likelihood in self.block_likelihoods)
        return supports.Support("the supports of their columns", "`likelihood.check(x)` names the column", self.inside, is_unit=is_unit)

    def inside(self, x):
        """Returns whether all columns of each row lie in their supports, [..., 1]."""
        parts = zip(self.block_likelihoods, self.blocks(x), strict=True)
        return keras.ops.all(tf.concat([likelihood.support.inside(block) for likelihood, block in parts], -1), -1, keepdims=True)

    def blocks(self, x):
        """Returns the blocks [..., width] of an array or a tensor x [..., W], one for each name."""
        return [x[..., stop - width : stop] for stop, width in zip(np.cumsum(self.widths).tolist(), self.widths, strict=True)]

    def params_size(self, num_channels):
        require(num_channels == self.num_columns, f"{self.num_columns} columns, the sum of the widths", columns=num_channels)
        return sum(self.params_sizes())

    def params_sizes(self):
        """Returns the number of parameters of each block."""
        return [likelihood.params_size(width) for likelihood, width in zip(self.block_likelihoods, self.widths, strict=True)]

    def parts(self, params):
        """Yields each likelihood with its parameters [..., size], of params [..., P]."""
        yield from zip(self.block_likelihoods, tf.split(params, self.params_sizes(), axis=-1), strict=True)

    def distribution(self, params):
        """Returns p(x|z), a TFP distribution of rows: event [W]."""
        each = [likelihood.distribution(own) for likelihood, own in self.parts(params)]
        return tfd.Blockwise([tfd.Independent(p, 1 - len(p.event_shape)) for p in each], dtype_override=tf.float32)

    def mean(self, params):
        return tf.concat([likelihood.mean(own) for likelihood, own in self.parts(params)], axis=-1)

    def noise(self):
        return BlockNoise([likelihood.noise() for likelihood in self.block_likelihoods], self.widths)

    def draw(self, params, noise):
        parts = zip(self.parts(params), self.blocks(noise), strict=True)
        return tf.concat([likelihood.draw(own, block) for (likelihood, own), block in parts], axis=-1)

    def imputed(self, params, noise, x, mask):
        given = zip(self.parts(params), *map(self.blocks, (noise, x, mask)), strict=True)
        each = [likelihood.imputed(own, *block) for (likelihood, own), *block in given]
        return tuple(tf.concat(one, axis=-1) for one in zip(*each, strict=True))

    def factors(self, params):
        found = []
        for (likelihood, own), width in zip(self.parts(params), self.widths, strict=True):
            factors = likelihood.factors(own)
            if factors is None:
                return None
            found += [one._replace(width=one.width or width) for one in factors]
        return found

    def log_probs(self, params, x):
        parts = zip(self.parts(params), self.blocks(x), strict=True)
        return tf.concat([likelihood.log_probs(own, block) for (likelihood, own), block in parts], axis=-1)

    def log_prob(self, params, x, training=False, mask=None, weight=None):
        masks = [None] * len(self.columns) if mask is None else self.blocks(mask)
        parts = zip(self.parts(params), self.blocks(x), masks, strict=True)
        return tf.add_n([likelihood.log_prob(own, block, training, observed, weight) for (likelihood, own), block, observed in parts])

    def is_observable(self, mask):
        each = zip(self.block_likelihoods, self.blocks(mask), strict=True)
        return keras.ops.all(tf.concat([likelihood.is_observable(block) for likelihood, block in each], -1), -1, keepdims=True)

    def fillers(self, width):
        each = zip(self.block_likelihoods, self.widths, strict=True)
        return np.concatenate([likelihood.fillers(own) for likelihood, own in each])

    def check(self, x, shape=None, name="x", mask=None):
        x = as_array(x)
        supports.check_kind(x, (*x.shape[1:-1], self.num_columns) if shape is None else shape, name)
        for column, likelihood, block, observed in self.masked(x, mask):
            likelihood.check(block, None, f"column {column!r} of {name}", observed)
        self.warn_of_scales(x, mask)

    def check_columns(self, x, mask, name="x"):
        for column, likelihood, block, observed in self.masked(x, mask):
            likelihood.check_columns(block, observed, f"column {column!r} of {name}")

    def masked(self, x, mask):
        """Returns for each column its name, its likelihood, its values of x [N, W], and its mask: a part of that given, None or True."""
        masks = [mask] * len(self.columns) if mask is None or mask is True else self.blocks(mask)
        return zip(self.names, self.block_likelihoods, self.blocks(x), masks, strict=True)

    def warn_of_scales(self, x, mask=None):
        """Warns if real columns that are not standardised have standard deviations that are far apart in the first rows of x.

        What a mask says is missing does not count.
        """
        (_, first), *_ = blocks(x)
        if mask is not None and mask is not True:
            first = np.where(np.asarray(mask)[: len(first)] != 0, first, np.nan)
        each = zip(self.names, self.block_likelihoods, self.blocks(first), strict=True)
        raw = {name: block for name, likelihood, block in each if likelihood.has_raw_scale}
        warn_of_unlike_scales(raw, "choose Standardized.from_data(likelihood, column) for each")


def warn_of_unlike_scales(columns, remedy):
    """Warns if the observed values of real columns, arrays by name, have standard deviations that are far apart."""
    spread = {name: float(np.nanstd(column)) for name, column in columns.items() if not np.isnan(column).all()}
    spread = {name: value for name, value in spread.items() if value > 0}
    if spread and max(spread.values()) > MOST_UNLIKE * min(spread.values()):
        least, most = min(spread, key=spread.get), max(spread, key=spread.get)
        received = f"standard deviations from {spread[least]:.3g} (column {least!r}) to {spread[most]:.3g} (column {most!r})"
        warn_caller(f"Expected real columns of like scales: {remedy}. Received: {received}", UnlikeScales)
