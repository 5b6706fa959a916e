"""How a model shows its parts: under the names of its attributes, with what they are, the shapes of their outputs, and their weights."""

import math
import re

from keras_vaemix.core.part import constructor_names


def name_after(layer, attribute):
    """Names a layer after the attribute of a model that holds it, unless it has a name of its own: one that Keras did not number."""
    if re.fullmatch(type(layer).__name__ + r"\d*", layer.name.replace("_", ""), re.IGNORECASE):
        layer.name = attribute


def summary_text(model):
    """Returns a table of the parts of a model as text."""
    rows = [("part", "what it is", "output shape", "weights")]
    order = constructor_names(model)
    for layer in sorted(model.layers, key=lambda layer: order.index(layer.name) if layer.name in order else len(order)):
        is_network = hasattr(layer, "output_shape")
        what, shape = (f"{type(layer).__name__} of {layer.input_shape}", str(layer.output_shape)) if is_network else (repr(layer), "")
        rows.append((layer.name, what, shape, f"{count(layer.weights):,}"))
    counters = [weight for weight in model.weights if not any(weight is other for layer in model.layers for other in layer.weights)]
    rows.append(("", "counters and schedules of training", "", f"{count(counters):,}"))
    first, second, third, last = (min(max(map(len, column)), 60) for column in zip(*rows, strict=True))
    lines = [f"{a:{first}}  {cut(b, second):{second}}  {c:{third}}  {d:>{last}}".rstrip() for a, b, c, d in rows]
    total, trained = count(model.weights), count(model.trainable_weights)
    return "\n".join([f'Model "{model.name}" ({type(model).__name__})', *lines, f"Weights: {total:,}, of which {trained:,} are trained"])


def count(weights):
    """Returns the number of values in weights."""
    return sum(math.prod(weight.shape) for weight in weights)


def cut(text, size):
    """Returns the beginning of a text that is too long."""
    return text if len(text) <= size else f"{text[: size - 3]}..."
