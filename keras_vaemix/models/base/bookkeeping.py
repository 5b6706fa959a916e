"""What `fit` does in addition to Keras: count epochs, name the first batch of bad data, and replace weights by their averages."""

import keras

from keras_vaemix.core.part import require
from keras_vaemix.models.base.inputs import check_batches


class Bookkeeping(keras.callbacks.Callback):
    """Runs before other callbacks at the end of an epoch, so that what they save counts it and was not trained on bad data."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.model.unsupported.reset_state()

    def on_epoch_end(self, epoch, logs=None):
        self._check_data()
        self.model.epochs_done.assign_add(1)

    def on_test_begin(self, logs=None):
        self._check_data()

    def _check_data(self):
        check_batches(self.model.unsupported, self.model, f"of epoch {self.epoch + 1}")

    def on_train_end(self, logs=None):
        for name, variables in self.model.variables_of().items():
            if name != "model":  # Keras's `fit` has done that one
                self.model.optimizer_of(name).finalize_variable_values(variables)
        if self.model.averaging():
            self.model.estimate_anew()


def check_restoring(callbacks, model):
    """Raises `ValueError` if a callback would restore weights whose averages, and not they themselves, were validated."""
    swaps = [isinstance(one, keras.callbacks.SwapEMAWeights) and one.swap_on_epoch for one in callbacks]
    alone = callbacks[: swaps.index(True)] if any(swaps) else callbacks
    restoring = [type(one).__name__ for one in alone if getattr(one, "restore_best_weights", False)] if model.averaging() else []
    expected = "keras.callbacks.SwapEMAWeights(swap_on_epoch=True) before what restores the best weights, of which averages are validated"
    require(not restoring, expected, callbacks=restoring)


def with_bookkeeping(callbacks, model):
    """Returns the callbacks of a model's `fit`, in whatever form, with one `Bookkeeping` before them."""
    is_list = isinstance(callbacks, keras.callbacks.CallbackList)
    check_restoring(callbacks.callbacks if is_list else keras.tree.flatten(callbacks), model)
    own = Bookkeeping()
    if is_list:
        own.set_model(model)
        callbacks.callbacks[:] = [own, *(one for one in callbacks.callbacks if not isinstance(one, Bookkeeping))]
        return callbacks
    return [own, *keras.tree.flatten(callbacks)] if callbacks is not None else [own]
