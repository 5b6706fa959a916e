"""How a model is compiled: an optimizer for each of its losses, and a mean for each of its figures."""

import abc
import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import keras

from keras_vaemix.core.part import Part, constructor_names, require
from keras_vaemix.core.replicas import is_multiworker
from keras_vaemix.models.base.checked import CheckedModel
from keras_vaemix.models.base.counters import StepsSince
from keras_vaemix.models.base.optimization import accumulates, finalize_own, inner

OWN_LOSS = ("loss", "loss_weights", "metrics", "weighted_metrics")


class CompiledModel(CheckedModel):
    """Abstract: a model that defines its own losses and figures, with a main optimizer and further ones by name."""

    # What a subclass implements.

    @abc.abstractmethod
    def updates(self) -> list[Any]:
        """Returns each `Update` of a train step, in order."""

    @abc.abstractmethod
    def metric_names(self) -> list[str]:
        """Returns the names of all figures that its losses report."""

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Returns the further optimizers by name, without that of the model itself."""
        return {}

    def supports_xla(self) -> bool:
        """Returns whether XLA can compile a whole step, which it can if all of it is in the graph."""
        return True

    # Compiling.

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        optimizers: dict[str, keras.optimizers.Optimizer] | None = None,
        jit_compile: bool | str = "auto",
        check_gradients: bool = False,
        **kwargs: Any,
    ) -> None:
        """Configures training.

        With `use_ema=True` an optimizer's averages replace the weights it updates at the end of `fit`: the averages are then evaluated,
        saved and exported. Validation during training uses them too; what saves weights during training can, too, `with model.averaged()`.

        Args:
            optimizer: Optimizer of the model. Keras's `LearningRateScheduler` and `ReduceLROnPlateau` change its learning rate alone.
            optimizers: Further optimizers by name; those left out are the paper's. Their learning rates may be schedules of Keras.
            jit_compile: Whether to use XLA; `"auto"` uses it on one replica only, since TensorFlow on CPU fails with it on several, and
                never with a divergence that is computed outside the graph.
            check_gradients: Whether every gradient, and not only the loss, is checked to be finite in every step.
            **kwargs: Keras's own, such as `steps_per_execution`, which is 1 on several workers: TensorFlow cannot put their collective
                operations into a loop of steps.

        Raises:
            ValueError: A loss or metrics are given (the model defines its own), an optimizer's name is unknown to the model, or gradients
                are to be accumulated on several replicas, which Keras cannot do.
        """
        for name in OWN_LOSS:
            require(kwargs.get(name) is None, f"no {name}: the model defines its own losses and figures", **{name: kwargs.get(name)})
        outside = [one.path for one in self.variables if not self.distribute_strategy.extended.variable_created_in_scope(one.value)]
        expected = "a model that is made where it is compiled: make it inside of strategy.scope() too"
        require(not outside, expected, strategy=type(self.distribute_strategy).__name__, weights_from_outside=outside[:3])
        self._check_optimizers(optimizers)
        require(optimizer is not None, "an optimizer, such as 'adam'", optimizer=optimizer)
        self._compile_options = {"jit_compile": jit_compile, "check_gradients": check_gradients, **kwargs}
        if is_multiworker(self.distribute_strategy):
            kwargs["steps_per_execution"] = 1
        replicas = self.distribute_strategy.num_replicas_in_sync
        if jit_compile == "auto":
            jit_compile = self.supports_xla() and not kwargs.get("run_eagerly") and replicas == 1
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self.check_gradients = check_gradients
        given = {**self.default_optimizers(), **(optimizers or {})}
        self.optimizers = {name: self.scaled(keras.optimizers.get(one)) for name, one in given.items()}
        with self.distribute_strategy.scope():
            self._make_trackers()
            for name, own in self.variables_of().items():
                one = self.optimizer_of(name)
                expected = "no gradient_accumulation_steps on several replicas, where Keras fails: raise batch_size instead"
                require(replicas == 1 or not accumulates(one), expected, optimizer=name, replicas=replicas)
                one.build(own)
                finalize_own(one, own)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if isinstance(value, CompiledModel):
            vars(value).setdefault("_owners", weakref.WeakSet()).add(self)
        if vars(self).get("built") and (isinstance(value, (Part, keras.layers.Layer)) or name in constructor_names(self)):
            self._forget_graphs()

    def _forget_graphs(self):
        """Makes Keras trace its steps anew: their graphs hold the parts that the model had when they were traced."""
        self.train_function = self.test_function = self.predict_function = None
        for owner in vars(self).get("_owners", ()):  # the models that it is a part of
            owner._forget_graphs()

    def make_train_function(self, force=False):
        if self.train_function is None:
            self._check_compiled()
        return super().make_train_function(force)

    def make_test_function(self, force=False):
        if self.test_function is None:
            self._take_new_figures()
        return super().make_test_function(force)

    def _check_compiled(self):
        """Raises `ValueError` unless each optimizer was built for the weights that it updates, which other parts have replaced."""
        for name, own in self.variables_of().items():
            known = {"model": self.optimizer, **self.optimizers}.get(name)
            built = set() if known is None else set(map(id, inner(known)._trainable_variables))
            new = [variable.path for variable in own if id(variable) not in built]
            expected = f"a {type(self).__name__} that is compiled again after a part was replaced or made trainable: call compile()"
            require(not new, expected, unknown_weights=new[:3])
        self._take_new_figures()

    def _take_new_figures(self):
        """Makes the means of the figures that parts report which were assigned after compiling."""
        with self.distribute_strategy.scope():
            self._make_trackers()

    def _check_optimizers(self, optimizers: dict[str, Any] | None) -> None:
        """Raises `ValueError` unless the model knows the names of all `optimizers`."""
        names = sorted(self.default_optimizers())
        expected = f"optimizers to be a dict of {names}, or None" if names else "no further optimizers: the model has only its own"
        is_known = optimizers is None or (isinstance(optimizers, dict) and set(optimizers) <= set(names))
        require(is_known, expected, optimizers=optimizers)

    def _make_trackers(self) -> None:
        """Makes the means of the figures, anew where other parts report others, and once the counters of bad steps."""
        if not hasattr(self, "_trackers"):
            self._trackers: dict[str, keras.metrics.Mean] = {}
            self.not_finite, self.unsupported, self.evaluated = map(StepsSince, ("not_finite", "unsupported", "evaluated"))
        names = self.metric_names()
        if list(self._trackers) != names:
            self._trackers.clear()
            self._trackers.update({name: keras.metrics.Mean(name) for name in names})

    def scaled(self, optimizer):
        """Returns a further optimizer, which in mixed_float16 scales its loss against underflow, as Keras does for the model's own.

        It does not with `auto_scale_loss=False`.
        """
        is_scaled = self.dtype_policy.name == "mixed_float16" and self._compile_options.get("auto_scale_loss", True)
        is_done = not is_scaled or isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        return optimizer if is_done else keras.optimizers.LossScaleOptimizer(optimizer)

    def all_variables(self):
        """Returns every variable that training changes: those of the model and of all its optimizers."""
        optimizers = [self.optimizer, *self.optimizers.values()]
        return [*self.variables, *(variable for optimizer in optimizers for variable in optimizer.variables)]

    def get_compile_config(self):
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        further = {name: serialize(optimizer) for name, optimizer in self.optimizers.items()}
        return {**self._compile_options, "optimizer": serialize(self.optimizer), "optimizers": further}

    def compile_from_config(self, config):
        load = keras.saving.deserialize_keras_object
        further = {name: load(one) for name, one in config["optimizers"].items()}
        self.compile(**{**config, "optimizer": load(config["optimizer"]), "optimizers": further})

    def optimizer_of(self, name):
        """Returns the optimizer of a name in `updates()`."""
        return self.optimizer if name == "model" else self.optimizers[name]

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Replaces weights by their averages, where an optimizer keeps them (`use_ema`), and restores them afterwards, bit for bit.

        What is estimated from weights, such as the normaliser of a prior, is estimated anew: training only follows it.
        """
        averaging = self.averaging()
        replaced = [*(variable for own in averaging.values() for variable in own), *self.estimates()]
        weights = [keras.ops.convert_to_numpy(variable) for variable in replaced]
        try:
            for name, own in averaging.items():
                self.optimizer_of(name).finalize_variable_values(own)
            self.estimate_anew()
            yield
        finally:
            for variable, value in zip(replaced, weights, strict=True):
                variable.assign(value)

    def averaging(self):
        """Returns the variables of each optimizer that keeps their averages, by its name."""
        return {name: own for name, own in self.variables_of().items() if inner(self.optimizer_of(name)).use_ema}

    def estimates(self):
        """Returns the variables that are estimated from the weights that gradients train."""
        return []

    def estimate_anew(self):
        """Estimates them for the weights as they are."""

    def variables_of(self):
        """Returns the variables that each optimizer updates, by its name."""
        return {name: own for update in self.updates() for name, own in update.variables.items()}

    @property
    def metrics(self):
        return list(self._trackers.values()) if self.compiled else []

    def reset_metrics(self):
        super().reset_metrics()
        self.evaluated.reset_state()
