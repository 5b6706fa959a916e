"""One readable line for each epoch of a training."""

import sys
import time

import keras

SECONDS = 0.1  # between counts of steps, in a terminal


class EpochLine(keras.callbacks.Callback):
    """Prints a line for each epoch: its time, and its figures in training and validation.

    In a terminal the steps are counted on the same line meanwhile. It takes the place of what `fit` prints: give that `verbose=0`.

    Args:
        title: First word of each line.
    """

    def __init__(self, title: str = "Epoch") -> None:
        super().__init__()
        self.title = title

    def on_epoch_begin(self, epoch, logs=None):
        self.start, self.began_at, self.shown_at = f"{self.title} {epoch + 1}/{self.params['epochs']}", time.monotonic(), 0.0

    def on_train_batch_end(self, batch, logs=None):
        if sys.stdout.isatty() and time.monotonic() - self.shown_at > SECONDS:
            self.shown_at = time.monotonic()
            print(f"\r{self.start}  step {batch + 1}/{self.params['steps'] or '?'}", end="", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        logs, line = logs or {}, "\r\x1b[K" if sys.stdout.isatty() else ""
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        validation = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        parts = [f"{time.monotonic() - self.began_at:.1f} s", figures(training)]
        print(f"{line}{self.start}  {'  '.join(parts)}{'  | validation: ' * bool(validation)}{figures(validation)}", flush=True)


def figures(values):
    """Returns figures by name as text, the loss first."""
    names = sorted(values, key=lambda name: (name != "loss", name))
    return "  ".join(f"{name} {shown(values[name])}" for name in names)


def shown(value):
    """Returns a number with two decimals, or with two significant digits if it is small."""
    return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:.2f}"
