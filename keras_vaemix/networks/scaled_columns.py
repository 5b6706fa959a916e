"""The scaling of a table's columns before an encoder."""

import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import PartLayer, register, require


@register
class ScaledColumns(PartLayer):
    r"""Columns that are of like size for an encoder, :math:`h = (f(x) - m) / s` with f(x) = log(1 + x) for counts and x for all others.

    It changes what the encoder sees and not the density, which is of x itself.

    Args:
        loc: Mean m of each column of f(x), C numbers.
        scale: Standard deviation s of each.
        are_counts: Whether each column holds counts.

    Raises:
        ValueError: The arguments differ in length, or a scale is not positive.
    """

    def __init__(self, loc, scale, are_counts, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})  # half precision would round x before it is scaled
        self.loc, self.scale, self.are_counts = tuple(map(float, loc)), tuple(map(float, scale)), tuple(map(bool, are_counts))
        lengths = {"loc": len(self.loc), "scale": len(self.scale), "are_counts": len(self.are_counts)}
        require(len(set(lengths.values())) == 1, "loc, scale and are_counts of one length", **lengths)
        require(min(self.scale) > 0, "scale > 0", scale=self.scale)

    @classmethod
    def from_data(cls, x, are_counts):
        """Returns the layer with the means and deviations of x [N, C], of what is not NaN; the scale of a constant column is one.

        `are_counts` says it for each column, or for all at once; `Columns.are_counts` has it.
        """
        x, are_counts = np.asarray(x, "float64"), np.broadcast_to(are_counts, np.shape(x)[1:])
        h = np.where(are_counts, np.log1p(np.maximum(x, 0)), x)
        scale = np.nanstd(h, axis=0)
        return cls(np.nanmean(h, axis=0), np.where(scale > 0, scale, 1.0), are_counts)

    def call(self, inputs):
        h = tf.where(np.array(self.are_counts), tf.math.log1p(tf.maximum(inputs, 0)), inputs)
        return (h - tf.cast(np.float32(self.loc), h.dtype)) / tf.cast(np.float32(self.scale), h.dtype)
