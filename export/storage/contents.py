"""The required contents of the files of runs and results; one error names the file, what is expected, and what it holds."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of value: its name in errors, and a function that returns whether a value is of this kind."""

    name: str
    holds: Callable


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def or_null(kind):
    """Returns the same kind, but also allowing null."""
    return Kind(f"{kind.name}, or null", lambda value: value is None or kind.holds(value))


TEXT = Kind("a text", lambda value: isinstance(value, str))
COUNT = Kind("an integer of at least 0", lambda value: is_integer(value) and value >= 0)
SIZE = Kind("an integer of at least 1", lambda value: is_integer(value) and value >= 1)
NUMBER = Kind("a number", lambda value: is_integer(value) or isinstance(value, float))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
COUNTS = Kind("an object of integers", lambda value: isinstance(value, dict) and all(map(COUNT.holds, value.values())))
LINES = Kind("a list of texts", lambda value: isinstance(value, list) and all(map(TEXT.holds, value)))
FIGURE = Kind("a number, an object, or null", lambda value: value is None or NUMBER.holds(value) or OBJECT.holds(value))
ANY = Kind("anything", lambda value: True)


class Contents(NamedTuple):
    """The required contents of a JSON object.

    Attributes:
        what: What the object is, for errors.
        required: Kinds of the values that it must have, by name.
        optional: Kinds of the values that it may have.
        other: Kind of all other values.
    """

    what: str
    required: Mapping
    optional: Mapping = MappingProxyType({})
    other: Kind = ANY

    def check(self, path, value):
        """Returns the value that a file holds; raises `ValueError` unless it has these contents."""
        if not isinstance(value, dict):
            raise ValueError(f"Expected {path} to hold {self.what}, an object. Received: {shown(value)}")
        missing = [name for name in self.required if name not in value]
        if missing:
            raise ValueError(f"Expected {path} to hold {self.what}. Received: one without {', '.join(missing)}")
        for name, one in value.items():
            kind = self.required.get(name) or self.optional.get(name, self.other)
            if not kind.holds(one):
                raise ValueError(f"Expected {path} to hold {self.what}, with {name}, {kind.name}. Received: {shown(one)}")
        return value

    def needing(self, *names):
        """Returns the same contents with some optional names made required."""
        return self._replace(required={**self.required, **{name: self.optional[name] for name in names}})


def shown(value):
    """Returns the beginning of a value's representation."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


FURTHER = {
    "train_examples": SIZE,
    "ema_momentum": NUMBER,
    "cosine_decay": NUMBER,
    "importance_samples": SIZE,
    "start_from": OBJECT,
    "other_settings": OBJECT,
}
SETTINGS = Contents(
    "the settings of a run",
    {"preset": TEXT, "dataset": TEXT, "data_sha256": TEXT, "image_size": SIZE, "seed": COUNT, "epochs": SIZE},
    {
        "arguments": OBJECT,
        "command": TEXT,
        "versions": OBJECT,
        "protocol": COUNTS,
        "monitor": or_null(TEXT),
        "batch_size": SIZE,
        "warm_up": COUNT,
        "patience": COUNT,
        "value_range": or_null(NUMBER),
        "data_source": TEXT,
        **FURTHER,
        "labels_sha256": TEXT,
        "route": TEXT,
        "device": TEXT,
    },
)
EVALUATION = Contents("the evaluation of a run", {"split": TEXT}, {"feature_network": TEXT}, FIGURE)
ROW = Contents(
    "measured rows",
    {"preset": TEXT, "arguments": OBJECT, "dataset": TEXT, "seed": COUNT, "epochs": SIZE, "seconds": NUMBER, "command": TEXT},
    {
        "versions": OBJECT,
        "protocol": COUNTS,
        "invalid": OBJECT,
        **FURTHER,
        **dict.fromkeys(("row", "stopped", "verdict", "paper", "date", "split", "feature_network", "route", "device"), TEXT),
        **dict.fromkeys(("data_sha256", "labels_sha256"), TEXT),
    },
    FIGURE,
)
BENCHMARK = Contents("a benchmark", {"command": TEXT, "date": TEXT, "table": LINES, "machine": OBJECT, "versions": OBJECT})
CHECK = Contents(
    "checks",
    {"what": TEXT, "tried": COUNT, "passed": COUNT, "largest_difference": or_null(NUMBER), "command": TEXT, "date": TEXT},
)
