"""Callbacks that end training: early stopping that waits for the warm-up, and a stop at the first NaN."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from keras_vaemix.callbacks.schedules import epochs_done
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.models.base.inputs import check_batches

CLOCKS = ("draw_counter", "steps_done", "epochs_done", "beta", "temperature")  # weights of models that tell how far training has come


class EarlyStopping(keras.callbacks.Callback):
    """Stops when the monitored figure has not improved for `patience` epochs, not counting those of the warm-up.

    Its only state is the list of values, so a resumed run only has to pass the values of its past. A new call of `fit` starts from these
    again. A value that is NaN is never better, and an epoch without validation, under `validation_freq`, counts as one without a value.

    Args:
        patience: Number of epochs without a better value after which training stops.
        warm_up: Number of epochs at the start of the model's training that do not count.
        monitor: Name of the monitored figure; higher is better for a bound or a reconstruction term, lower for everything else.
        past: Values of earlier epochs; earlier epochs without a value are ignored.
        restore_best_weights: Whether training ends, early or not, with the weights of the best epoch, as in Keras. Epochs of the warm-up
            may be the best. If `past` has the best value, the weights are those of the first epoch of this `fit`. What counts draws, steps
            and epochs goes on, as do beta and the temperature, so that another `fit` draws other noise.
    """

    def __init__(
        self,
        patience: int = 50,
        warm_up: int = 0,
        monitor: str = "val_loss",
        past: Sequence[float] = (),
        restore_best_weights: bool = False,
    ) -> None:
        super().__init__()
        check_positive(patience=patience)
        self.patience, self.warm_up, self.monitor, self.past = patience, warm_up, monitor, list(past)
        self.restore_best_weights, self.best_weights = restore_best_weights, None
        self.values, self.epochs_before = list(past), 0

    def on_train_begin(self, logs=None):
        self.values, self.best_weights = list(self.past), None
        self.epochs_before = max(0, epochs_done(self.model) - len(self.values))

    def on_epoch_end(self, epoch, logs=None):
        is_other_epoch = self.monitor.startswith("val_") and getattr(self.model, "is_validated", False)
        is_known = self.monitor.removeprefix("val_") in logs if is_other_epoch else self.monitor in logs
        require(is_known, f"{self.monitor} in the logs: pass validation_data to fit", logs=sorted(logs))
        self.values.append(logs.get(self.monitor, math.nan))
        if self.restore_best_weights and (self.best_weights is None or self.best() == len(self.values) - 1):
            self.best_weights = self.model.get_weights()
        if self.is_over():
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.best_weights is not None:
            known = [getattr(self.model, name, None) for name in CLOCKS]
            clocks = [(clock, clock.numpy()) for clock in known if isinstance(clock, keras.Variable)]
            self.model.set_weights(self.best_weights)
            for clock, value in clocks:
                clock.assign(value)

    def best(self) -> int:
        """Returns the index of the best value, 0 if there is none."""
        is_bound = self.monitor.endswith(("elbo", "reconstruction", "log_likelihood"))
        losses = np.array([-value if is_bound else value for value in self.values])
        return int(np.argmin(np.where(np.isnan(losses), np.inf, losses))) if self.values else 0

    def is_over(self) -> bool:
        """Returns whether the last `patience` epochs, not counting the warm-up, brought no better value."""
        return len(self.values) - max(self.best() + 1, self.warm_up - self.epochs_before) >= self.patience


class NotFiniteError(FloatingPointError):
    """A loss or a gradient that is not finite; `epoch` and `step` count from one, and are None if they are not known."""

    def __init__(self, message: str, epoch: int | None = None, step: int | None = None) -> None:
        super().__init__(message)
        self.epoch, self.step = epoch, step


class StopOnNaN(keras.callbacks.Callback):
    """Raises `NotFiniteError` as soon as a loss is not finite, before anything is saved.

    It names the first step with a loss that is not finite, or with such a gradient if the model is compiled with `check_gradients=True`,
    also among many steps per execution. Without that option, a bad gradient shows in the loss one step later.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch, self.batch = 0, -1

    def on_train_begin(self, logs=None):
        if hasattr(self.model, "not_finite"):
            self.model.not_finite.reset_state()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.batch = batch
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.stop(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        if self.steps_since():
            self.stop((logs or {}).get("loss"))
        loss = (logs or {}).get("val_loss", 0.0)
        if not math.isfinite(loss):
            expected = "Expected a finite val_loss: lower the learning rate, and check the validation data"
            raise NotFiniteError(f"{expected}. Received: val_loss={loss} after epoch {epoch + 1}", epoch + 1)

    def steps_since(self):
        """Returns the number of steps since the first that was not finite, or 0 for other kinds of models, which do not count them."""
        return self.model.not_finite.count() if hasattr(self.model, "not_finite") else 0

    def stop(self, loss: float) -> None:
        """Raises the error, which names the first step, or the batch whose data lie outside the support."""
        if hasattr(self.model, "unsupported"):
            check_batches(self.model.unsupported, self.model, f"of epoch {self.epoch + 1}")
        epoch, step = self.epoch + 1, self.batch + 1 - max(0, self.steps_since() - 1)
        expected = "Expected a finite loss: lower the learning rate, clip gradients with the optimizer's clipnorm, or look at the batch"
        raise NotFiniteError(f"{expected}. Received: loss={loss} from step {step} of epoch {epoch} on", epoch, step)
