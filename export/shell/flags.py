"""The flags of every command: typed, bounded, and refused with a one-line error."""

import argparse
import difflib
import math
from pathlib import Path


class Formatter(argparse.HelpFormatter):
    """Help in which a value is shown by its kind, such as N, instead of by the name of its attribute, as in `--epochs N`."""

    def _get_default_metavar_for_optional(self, action):
        return getattr(action.type, "metavar", super()._get_default_metavar_for_optional(action))


class Parser(argparse.ArgumentParser):
    """A parser that raises a one-line `ValueError` where argparse would print the usage and exit.

    A `type` raises an `ArgumentTypeError` with the text after the flag in "Expected --epochs of at least 1. Received: 0". In the help its
    `metavar` stands for the value.

    Attributes:
        command: The command that has the flags, as errors name it.
    """

    def __init__(self, **kwargs):
        super().__init__(exit_on_error=False, formatter_class=Formatter, **kwargs)
        self.command = self.prog

    def parse_args(self, args=None, namespace=None):
        try:
            found, unknown = self.parse_known_args(args, namespace)
            if unknown:
                close = difflib.get_close_matches(unknown[0].partition("=")[0], self._option_string_actions, 1, 0.8)
                self.error(f"unrecognized arguments: {' '.join(unknown)}", "".join(f"did you mean {flag}? " for flag in close))
            return found
        except argparse.ArgumentError as error:
            if isinstance(error.__context__, argparse.ArgumentTypeError):
                raise ValueError(f"Expected {error.argument_name} {error.message}") from None
            self.error(str(error))

    def error(self, message, hint=""):
        raise ValueError(f"Expected the flags of {self.command}: {hint}see {self.command} --help. Received: {shown(message)}")


def typed(parse, kind, is_allowed, bound, metavar):
    """Returns the type of a flag.

    Args:
        parse: Function from the text to the value; it raises `ValueError` for a text without one.
        kind: Kind of value, for errors.
        is_allowed: Function that returns whether a value is allowed.
        bound: Description of the allowed values, for errors.
        metavar: What stands for the value in the help.
    """

    def read(text):
        try:
            value = parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"to be {kind}. Received: {shown(text)}") from None
        if not is_allowed(value):
            raise argparse.ArgumentTypeError(f"{bound}. Received: {shown(text)}")
        return value

    read.metavar = metavar
    return read


def shown(text):
    """Returns a text as one non-empty line."""
    return text if text and text.isprintable() else repr(text)


def at_least(low):
    """Returns the type of integers of at least `low`."""
    return typed(int, "an integer", lambda value: value >= low, f"of at least {low}", "N")


def up_to(high, low=0):
    """Returns the type of integers from `low` to `high`."""
    return typed(int, "an integer", lambda value: low <= value <= high, f"from {low} to {high}", "N")


integer = typed(int, "an integer", lambda value: True, "", "N")
seed_number = up_to(2**31 - 1)
number = typed(float, "a number", math.isfinite, "to be finite", "X")
positive = typed(float, "a number", lambda value: 0 < value < math.inf, "above 0", "X")
not_negative = typed(float, "a number", lambda value: 0 <= value < math.inf, "of at least 0", "X")
share = typed(float, "a number", lambda value: 0 <= value < 1, "from 0 to below 1", "X")
text = typed(str, "a text", bool, "not to be empty", "NAME")
path = typed(lambda text: text and Path(text), "a path", bool, "not to be empty", "PATH")
