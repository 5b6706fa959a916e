"""The mask of a MaskAAE in the history of its run."""

import keras


class MaskHistory(keras.callbacks.Callback):
    """Adds the values of a `MaskAAE`'s mask to the logs of each epoch, `mask/0` and so on, and so to the run's history."""

    def on_epoch_end(self, epoch, logs=None):
        values = keras.ops.convert_to_numpy(self.model.soft_mask())
        logs.update({f"mask/{j}": float(value) for j, value in enumerate(values)})
