"""Callbacks: schedules, early stopping that waits for the warm-up, a stop at NaN, and pictures and components in TensorBoard."""

from keras_vaemix.callbacks.mask_history import MaskHistory
from keras_vaemix.callbacks.schedules import HoldCategories, KLWarmUp, Schedule, TemperatureAnnealing
from keras_vaemix.callbacks.stopping import EarlyStopping, NotFiniteError, StopOnNaN
from keras_vaemix.callbacks.tensorboard import TensorBoard

__all__ = [
    "EarlyStopping",
    "HoldCategories",
    "KLWarmUp",
    "MaskHistory",
    "NotFiniteError",
    "Schedule",
    "StopOnNaN",
    "TemperatureAnnealing",
    "TensorBoard",
]
