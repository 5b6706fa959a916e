"""Callbacks: schedules, early stopping that waits for the warm-up, a stop at NaN, a line for each epoch, and what TensorBoard shows."""

from keras_vaemix.callbacks.epoch_line import EpochLine
from keras_vaemix.callbacks.mask_history import MaskHistory
from keras_vaemix.callbacks.schedules import HoldCategories, KLWarmUp, Schedule, TemperatureAnnealing
from keras_vaemix.callbacks.stopping import EarlyStopping, NotFiniteError, StopOnNaN
from keras_vaemix.callbacks.tensorboard import TensorBoard

__all__ = [
    "EarlyStopping",
    "EpochLine",
    "HoldCategories",
    "KLWarmUp",
    "MaskHistory",
    "NotFiniteError",
    "Schedule",
    "StopOnNaN",
    "TemperatureAnnealing",
    "TensorBoard",
]
