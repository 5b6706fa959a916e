"""Keeps the state of a run after each epoch, and saves it regularly: the last whole epoch is never lost to an interruption."""

import time
from typing import NamedTuple

import keras


class Kept(NamedTuple):
    """The state of a run after an epoch that is not on disk yet: the number of epochs, the best weights and every variable's value."""

    epochs: int
    best: list
    values: list


class Recorder(keras.callbacks.Callback):
    """Keeps history and best weights, and saves a checkpoint at regular intervals and at the end.

    Args:
        run: The `Run`.
        seconds: Seconds between checkpoints.
    """

    def __init__(self, run, seconds=15.0):
        super().__init__()
        self.run, self.seconds, self.saved_at, self.began_at, self.kept = run, seconds, 0.0, 0.0, None

    def on_epoch_begin(self, epoch, logs=None):
        self.began_at = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.run.history.append({"epoch": epoch, **logs})
        # Separate from the history, which a resumed run repeats bit for bit.
        self.run.timing.append({"epoch": epoch, "seconds": time.monotonic() - self.began_at})
        if self.run.best_epoch() == len(self.run.history) - 1:
            with self.model.averaged():
                self.run.best = self.model.get_weights()
        # A single assignment at the end: after an interruption, either this epoch or the one before is kept whole.
        if time.monotonic() - self.saved_at >= self.seconds:
            self.run.save(self.model)
            self.kept, self.saved_at = None, time.monotonic()
        else:
            values = [keras.ops.convert_to_numpy(variable) for variable in self.model.all_variables()]
            self.kept = Kept(len(self.run.history), self.run.best, values)

    def on_train_end(self, logs=None):
        self.keep()

    def keep(self):
        """Saves the last whole epoch, with the weights from which training goes on, unless it is already saved."""
        if self.kept is None:
            return
        self.run.history, self.run.timing = self.run.history[: self.kept.epochs], self.run.timing[: self.kept.epochs]
        self.run.best = self.kept.best
        for variable, value in zip(self.model.all_variables(), self.kept.values, strict=True):
            variable.assign(value)
        self.run.save(self.model)
