"""Objects saved from their constructor: an attribute has its argument's name and value, so the configuration is free."""

import inspect
from typing import Any, Self

import keras

from keras_vaemix.core.policies import default_policy
from keras_vaemix.core.shown import constructor_call

register = keras.saving.register_keras_serializable("keras_vaemix")


def require(condition, expected, **received):
    """Raises a `ValueError` that says what was expected, with the remedy, and what was received, unless `condition` holds."""
    if not condition:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"Expected {expected}. Received: {values}")


def check_positive(**values):
    """Raises `ValueError` for the first of `values` that is not an integer of at least one."""
    for name, value in values.items():
        is_count = hasattr(value, "__index__") and not isinstance(value, bool) and value >= 1
        require(is_count, f"{name} to be an integer of at least 1", **{name: value})


def check_component(component, num_components):
    """Raises `ValueError` unless `component` is an integer of at least zero and below `num_components`, or None."""
    is_index = hasattr(component, "__index__") and not isinstance(component, bool) and 0 <= component < num_components
    require(is_index or component is None, f"component in 0..{num_components - 1}, or None", component=component)


def require_kind(name, value, kind):
    """Raises `ValueError` unless the argument `name` is an instance of a class of parts, such as `Prior`."""
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    received = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    require(isinstance(value, kind), f"{name} to be {article} {kind.__name__}", **{name: received})
    if getattr(type(value), "get_config", None) in (Part.get_config, PartLayer.get_config):
        lost = [argument for argument in constructor_names(value) if not hasattr(value, argument)]
        require(not lost, f"{type(value).__name__} to keep its arguments for its file, each as an attribute of that name", missing=lost)


def require_networks(**networks):
    """Raises `ValueError` unless each argument, by its name, is a network that knows the shapes of its inputs and outputs."""
    for name, network in networks.items():
        kind = type(network)
        expected = f"{name} made by keras, not tf_keras or another library, whose weights nothing here would train: import keras"
        require(isinstance(network, keras.layers.Layer), expected, **{name: f"{kind.__module__}.{kind.__qualname__}"})
        is_known = hasattr(network, "input_shape") and hasattr(network, "output_shape")
        expected = f"{name} to be a functional or Sequential keras.Model with known inputs: keras.Model(inputs, outputs) makes one"
        require(is_known, expected, **{name: type(network).__name__})
        expected = f"{name} with one output; if an encoder has two, concatenate them: means, then log-variances"
        require(len(getattr(network, "outputs", [name])) == 1, expected, shapes=network.output_shape)


def require_own_weights(owner, name, layer):
    """Raises `ValueError` if the argument `name` of `owner`, a layer, has weights of another argument, which files do not tie."""
    paths, names = {id(weight): weight.path for weight in layer.weights}, constructor_names(owner)
    for other in set(names) - {name} if name in names else ():
        part = vars(owner).get(other)
        weights = part.weights if isinstance(part, keras.layers.Layer) else ()
        shared = [paths[id(weight)] for weight in weights if id(weight) in paths]
        expected = f"{other} and {name} to share no layer, which no file would tie again: give each its own, by keras.models.clone_model"
        require(not shared, expected, shared=shared)


def constructor_names(part):
    """Returns the names of the constructor arguments of `part`, which are those of its attributes too.

    Of the arguments that its constructor passes on as `**kwargs` they are those that it was called with.
    """
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(type(part).__init__).parameters.values()
    of_layer = inspect.signature(keras.layers.Layer.__init__).parameters
    is_own = type(part).__init__ is not keras.layers.Layer.__init__  # a layer saves those that every layer has
    named = [p.name for p in parameters if is_own and p.name != "self" and p.kind not in variadic]
    return named + [name for name in getattr(part, "_keywords", ()) if name not in named and name not in of_layer]


def constructor_config(part):
    """Returns the serialised constructor arguments of `part`, read from the attributes of the same names."""
    return {name: keras.saving.serialize_keras_object(getattr(part, name)) for name in constructor_names(part)}


def constructor_repr(part, but=()):
    """Returns `part` as text, as the call of its constructor without the arguments that every Keras layer has, and those named in `but`."""
    left_out = {*inspect.signature(keras.layers.Layer.__init__).parameters, *but}
    return constructor_call(part, [name for name in constructor_names(part) if name not in left_out])


class Recorded:
    """Abstract: remembers the names of the keywords that its constructor was called with; a subclass may pass some on as `**kwargs`."""

    def __new__(cls, *args, **kwargs):
        part = super().__new__(cls)
        object.__setattr__(part, "_keywords", tuple(kwargs))  # a layer's own way of setting attributes needs its constructor
        return part


class Part(Recorded):
    """Abstract: a weightless piece of a model (an objective, a cost, a divergence) that saves itself from its constructor's arguments.

    Each argument is an attribute of the same name, with a value that the constructor accepts: a number, a string, a part, or a tuple or
    list of these. A tuple is saved as a list, so a constructor should convert such an argument to a tuple. What the constructor of a
    subclass passes on as `**kwargs` is saved too, if it was called with it.
    """

    def get_config(self) -> dict[str, Any]:
        return constructor_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    __repr__ = constructor_repr


class PartLayer(Part, keras.layers.Layer):
    """Abstract: a `Part` with weights (a prior, a posterior, a likelihood), which are saved with the model.

    Its own weights stay in float32 under mixed precision; networks that it has follow their policy.
    """

    def add_weight(self, *args, autocast=False, **kwargs):
        return super().add_weight(*args, autocast=autocast, **kwargs)

    def get_config(self):
        return {**keras.layers.Layer.get_config(self), **constructor_config(self)}

    @classmethod
    def from_config(cls, config):
        with default_policy(config.get("dtype")):  # that of networks which its constructor makes
            return super().from_config(config)
