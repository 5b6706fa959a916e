"""The flags of every command: typed, bounded, and refused with a one-line error."""

import argparse
import math
from pathlib import Path


class Parser(argparse.ArgumentParser):
    """A parser that raises a one-line `ValueError` where argparse would print the usage and exit.

    A `type` raises an `ArgumentTypeError` with the text after the flag in "Expected --epochs of at least 1. Received: 0".
    """

    def __init__(self, **kwargs):
        super().__init__(exit_on_error=False, **kwargs)

    def parse_args(self, args=None, namespace=None):
        try:
            return super().parse_args(args, namespace)
        except argparse.ArgumentError as error:
            if isinstance(error.__context__, argparse.ArgumentTypeError):
                raise ValueError(f"Expected {error.argument_name} {error.message}") from None
            self.error(str(error))

    def error(self, message):
        raise ValueError(f"Expected the flags of {self.prog} --help. Received: {shown(message)}")


def typed(parse, kind, is_allowed, bound):
    """Returns the type of a flag.

    Args:
        parse: Function from the text to the value; it raises `ValueError` for a text without one.
        kind: Kind of value, for errors.
        is_allowed: Function that returns whether a value is allowed.
        bound: Description of the allowed values, for errors.
    """

    def read(text):
        try:
            value = parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"to be {kind}. Received: {shown(text)}") from None
        if not is_allowed(value):
            raise argparse.ArgumentTypeError(f"{bound}. Received: {shown(text)}")
        return value

    return read


def shown(text):
    """Returns a text as one non-empty line."""
    return text if text and text.isprintable() else repr(text)


def at_least(low):
    """Returns the type of integers of at least `low`."""
    return typed(int, "an integer", lambda value: value >= low, f"of at least {low}")


def up_to(high, low=0):
    """Returns the type of integers from `low` to `high`."""
    return typed(int, "an integer", lambda value: low <= value <= high, f"from {low} to {high}")


integer = typed(int, "an integer", lambda value: True, "")
seed_number = up_to(2**31 - 1)
number = typed(float, "a number", math.isfinite, "to be finite")
positive = typed(float, "a number", lambda value: 0 < value < math.inf, "above 0")
not_negative = typed(float, "a number", lambda value: 0 <= value < math.inf, "of at least 0")
text = typed(str, "a text", bool, "not to be empty")
path = typed(lambda text: text and Path(text), "a path", bool, "not to be empty")
