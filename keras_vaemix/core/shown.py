"""How objects show themselves: as the call of their constructor, with networks as names and shapes, and with long values in short."""

import reprlib

import keras
import numpy as np


class Shown(reprlib.Repr):
    """Texts of constructor arguments, whatever their depth; parts show themselves in full."""

    def repr_instance(self, value, level):
        if isinstance(value, keras.Model) and hasattr(value, "output_shape"):
            return f"<{value.name}: {value.input_shape} to {value.output_shape}>"
        if isinstance(value, np.ndarray | keras.Variable) or keras.ops.is_tensor(value):
            return f"<{keras.backend.standardize_dtype(value.dtype)} {tuple(value.shape)}>"
        if isinstance(value, list):  # as a layer keeps it
            return self.repr_list(list(value), level)
        return f"<{type(value).__name__}>" if type(value).__repr__ is object.__repr__ else repr(value)


def constructor_call(part, names):
    """Returns the call of a constructor with the arguments of these names, each an attribute, as text."""
    shown = Shown()
    return f"{type(part).__name__}({', '.join(f'{name}={shown.repr(getattr(part, name))}' for name in names)})"
