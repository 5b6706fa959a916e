"""Checks on what a model is given: examples and weights, before Keras sees them."""

import abc
import contextlib
from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import as_array
from keras_vaemix.core.hints import Array, Shape, Tensor
from keras_vaemix.core.part import Recorded, constructor_names, require, require_own_weights
from keras_vaemix.core.supports import Support
from keras_vaemix.core.weights import whole
from keras_vaemix.core.xla import naming_refused
from keras_vaemix.models.base import inputs
from keras_vaemix.models.base.bookkeeping import with_bookkeeping
from keras_vaemix.models.base.parts_shown import name_after, summary_text
from keras_vaemix.models.base.unlisted import UNLISTED


class CheckedModel(Recorded, keras.Model, abc.ABC):
    """Abstract: a model that checks what `fit`, `evaluate` and `predict` are given.

    They take examples x, or a dict of them with what accompanies them, `{"x": x, "mask": mask, "condition": condition}`.

    Attributes:
        accompaniments: What models of this class may take beside x, by name: "mask", "condition".
        accompanied_by: What this model takes. With "mask" examples may have gaps: NaN in x, or zeros in the mask.
        condition_size: Number of attributes A in a condition; None without "condition".
        is_validated: Whether the last `fit` was given something to validate on.
        learns_labels: Whether it can learn from the labels of some examples: it then has `label_weight`.
        label_weight: Weight of labels in the loss; None if they are not used.
    """

    accompaniments: tuple[str, ...] = ()
    accompanied_by: tuple[str, ...] = ()
    condition_size = None
    is_validated = False
    learns_labels = False
    label_weight: float | None = None

    @abc.abstractmethod
    def check(self, x: Array, name: str = "x") -> None:
        """Raises `ValueError` unless `x` is an array of examples of this model."""

    @property
    @abc.abstractmethod
    def support(self) -> Support:
        """The `Support` of its examples."""

    @property
    @abc.abstractmethod
    def example_shape(self) -> Shape:
        """Shape of one example, without the batch."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any | None = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Array | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does; `sample_weight` weights examples in the loss and in the means of all figures.

        The labels `y`, one category for each example and -1 for none, are used by models with a `label_weight`.

        Raises:
            ValueError: The data are not examples of this model, `sample_weight` is given to a model whose losses couple examples, or
                `class_weight` is given, or a label is not a category of a model with `label_weight`. Every batch of a data set or
                generator is checked; a bad one is named at the end of the epoch.

        Warns:
            UserWarning: Labels are given to a model that could learn from them, but has no `label_weight`.
        """
        require(class_weight is None, "no class_weight: losses do not depend on classes; use sample_weight", class_weight=class_weight)
        self.is_validated = validation_data is not None or validation_split > 0
        x, y, sample_weight = map(inputs.as_arrays, (x, y, sample_weight))
        given = inputs.check_given(self, x, y, sample_weight, is_training=True)
        if isinstance(validation_data, (tuple, list)):
            validation_data = tuple(map(inputs.as_arrays, validation_data))
            inputs.check_given(self, *validation_data, name="validation_data")
            validation_data = (validation_data[0], inputs.with_weights(*validation_data), *validation_data[2:])
        elif validation_data is not None:
            inputs.check_given(self, validation_data, name="validation_data")
        if given is not None:
            if not isinstance(x, (keras.utils.PyDataset, tf.data.Dataset)):  # of these only the first batch is given
                self.check_columns(given.inputs())
            self.check_batch_size(min(len(given.x), batch_size or len(given.x)))
        self._assert_compile_called("fit")
        self._check_schedules(callbacks)
        labels, callbacks = inputs.with_weights(x, y, sample_weight), with_bookkeeping(callbacks, self)
        further = {"validation_data": validation_data, "shuffle": shuffle, "sample_weight": sample_weight, **kwargs}
        with naming_refused():
            return super().fit(x, labels, batch_size, epochs, verbose, callbacks, validation_split, **further)

    @property
    def _takes_gaps(self):
        """Whether examples may have missing values."""
        return "mask" in self.accompanied_by

    def _take_inputs_of(self, encoder):
        """Takes from now on what the further inputs of an encoder are named after; raises `ValueError` if the model does not."""
        self.accompanied_by = inputs.further_inputs_of(self, encoder)
        self.condition_size = next((one.shape[-1] for one in encoder.inputs if one.name == "condition"), None)

    def _check_schedules(self, callbacks):
        """Warns of a weight that a schedule has left at another value than the model's own, if none of the callbacks sets it."""

    def check_columns(self, x, name="x"):
        """Raises `ValueError` if a value is missing in all training examples, an array or a dict of it and its mask."""

    def checked(self, x, name="x", y=None):
        """Returns examples given y, or a dict of them with what accompanies them, as a `Batch` of arrays, after all checks on them."""
        given = inputs.named(self, x, name, y).map(as_array)
        inputs.require_alike(self, given, name)
        self.check(given.inputs(), name)
        inputs.check_condition(given.condition, name)
        return given

    def check_batch_size(self, batch_size: int) -> None:
        """Raises `ValueError` unless the model can be trained on batches of `batch_size` examples, over all replicas."""

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Array | None = None,
        **kwargs: Any,
    ) -> Any:
        """Evaluates as `keras.Model.evaluate` does: means over examples, with the same draws each time and every batch checked."""
        x, y, sample_weight = map(inputs.as_arrays, (x, y, sample_weight))
        is_in_fit = kwargs.get("_use_cached_eval_dataset", False)
        if not is_in_fit:  # `fit` has checked it
            inputs.check_given(self, x, y, sample_weight)
        with naming_refused(), self.averaged() if is_in_fit else contextlib.nullcontext():
            figures = super().evaluate(x, inputs.with_weights(x, y, sample_weight), batch_size, verbose, sample_weight, **kwargs)
        inputs.check_batches(self.evaluated, self, "of the evaluation")
        return figures

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Array | None = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Takes one train step as `keras.Model.train_on_batch` does, with the checks of `fit`."""
        require(class_weight is None, "no class_weight: losses do not depend on classes; use sample_weight", class_weight=class_weight)
        x, y, sample_weight = map(inputs.as_arrays, (x, y, sample_weight))
        inputs.check_given(self, x, y, sample_weight, is_training=True)
        with naming_refused():
            return super().train_on_batch(x, inputs.with_weights(x, y, sample_weight), sample_weight, return_dict=return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Array | None = None, return_dict: bool = False) -> Any:
        """Evaluates a batch as `keras.Model.test_on_batch` does, with the checks of `evaluate`."""
        x, y, sample_weight = map(inputs.as_arrays, (x, y, sample_weight))
        inputs.check_given(self, x, y, sample_weight)
        with naming_refused():
            return super().test_on_batch(x, inputs.with_weights(x, y, sample_weight), sample_weight, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Predicts a batch as `keras.Model.predict_on_batch` does, with the checks of `predict`."""
        x = inputs.as_arrays(x)
        inputs.check_given(self, x)
        with naming_refused():
            return super().predict_on_batch(x)

    def predict(self, x: Any, *args: Tensor, **kwargs: Any) -> np.ndarray:
        x = inputs.as_arrays(x)
        inputs.check_given(self, x)
        with naming_refused():
            return super().predict(x, *args, **kwargs)

    def summary(self, line_length=None, positions=None, print_fn=None, expand_nested=False, show_trainable=False, layer_range=None):
        """Prints the parts of the model, with the shapes of their outputs and their numbers of weights.

        With `expand_nested`, Keras's summaries of its networks follow; arguments other than `print_fn` are theirs.
        """
        (print_fn or print)(summary_text(self))
        if expand_nested:
            for network in (layer for layer in self.layers if isinstance(layer, keras.Model)):
                network.summary(line_length, positions, print_fn, True, show_trainable, layer_range)

    def __dir__(self):
        """Lists what users need, without what is for subclasses and training; see `UNLISTED`."""
        own = constructor_names(self)
        return [name for name in super().__dir__() if name not in UNLISTED or name in own]

    def __setattr__(self, name, value):
        if isinstance(value, keras.layers.Layer):
            require_own_weights(self, name, value)
            name_after(value, name)
        replaced = vars(self).get(name)
        if isinstance(replaced, keras.layers.Layer) and replaced is not value:
            if isinstance(value, keras.layers.Layer) and not self._tracker.is_in_store("layers", value):
                self._tracker.replace_tracked_value("layers", replaced, value)  # in its place: optimizers and files number weights
            self._tracker.untrack(replaced)
        super().__setattr__(name, value)

    def save(self, filepath: str | PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Saves the model as `keras.Model.save` does, in a `.keras` file, since HDF5 files of whole models cannot be loaded."""
        is_whole = not str(filepath).endswith((".h5", ".hdf5"))
        require(is_whole, "a file name that ends with .keras, such as model.keras", filepath=str(filepath))
        super().save(filepath, *args, **kwargs)

    def load_weights(self, filepath: str | PathLike[str], *args: Tensor, **kwargs: Any) -> None:
        with whole(self, filepath):
            super().load_weights(filepath, *args, **kwargs)
