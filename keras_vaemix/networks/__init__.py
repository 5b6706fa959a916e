"""Networks: functions that return a plain `keras.Model`, tensors in and tensors out."""

from keras_vaemix.networks.gated_mlp import gated_mlp

__all__ = ["gated_mlp"]
