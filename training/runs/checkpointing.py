"""Keeps what a run has after each epoch, on disk every so often: the last whole epoch is never lost to an interruption."""

import time
from typing import NamedTuple

import keras


class Kept(NamedTuple):
    """What a run has after a whole epoch that is not on disk yet: the number of epochs, the best weights and every variable's value."""

    epochs: int
    best: list
    values: list


class Recorder(keras.callbacks.Callback):
    """Keeps history and best weights, and saves a checkpoint every so many seconds and at the end.

    Args:
        run: The `Run`.
        seconds: Time between checkpoints.
    """

    def __init__(self, run, seconds=15.0):
        super().__init__()
        self.run, self.seconds, self.saved_at, self.began_at, self.kept = run, seconds, 0.0, 0.0, None

    def on_epoch_begin(self, epoch, logs=None):
        self.began_at = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.run.history.append({"epoch": epoch, **logs})
        # Apart from the history, which a resumed run repeats to the bit.
        self.run.timing.append({"epoch": epoch, "seconds": time.monotonic() - self.began_at})
        if self.run.best_epoch() == len(self.run.history) - 1:
            self.run.best = self.model.get_weights()
        # One assignment at the end: an interruption finds this epoch kept whole, or the one before.
        if time.monotonic() - self.saved_at >= self.seconds:
            self.run.save(self.model)
            self.kept, self.saved_at = None, time.monotonic()
        else:
            values = [keras.ops.convert_to_numpy(variable) for variable in self.model.all_variables()]
            self.kept = Kept(len(self.run.history), self.run.best, values)

    def on_train_end(self, logs=None):
        self.run.save(self.model)
        self.kept = None

    def keep(self):
        """Saves the last whole epoch, where training ends before the next, unless it is saved already."""
        if self.kept is None:
            return
        self.run.history, self.run.timing = self.run.history[: self.kept.epochs], self.run.timing[: self.kept.epochs]
        self.run.best = self.kept.best
        for variable, value in zip(self.model.all_variables(), self.kept.values, strict=True):
            variable.assign(value)
        self.run.save(self.model)
