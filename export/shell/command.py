"""A command line: flags that are read first, and a job that uses them."""

import contextlib
import os
import sys
import warnings

from export.shell.signals import Signals

ERRORS = (ValueError, OSError, ArithmeticError, MemoryError)  # one line on standard error; any other is a bug


class Command:
    """A command line, called with its arguments (None for the process's own), which returns the exit status.

    Args:
        parse: Function of the arguments, a list of strings. It returns the request for the job, or None if it has answered already, and
            raises `ValueError` for flags that it refuses.
        job: Function of the request. It returns the exit status, or None for 0.
        interrupted: Function of the request and the `Signals`, called if a signal ended the job. It says how to continue and returns the
            exit status. None leaves signals to Python.
        seconds: Function from the request to the time limit of the job, None for no limit.
    """

    def __init__(self, parse, job, interrupted=None, seconds=lambda asked: None):
        self.parse, self.job, self.interrupted, self.seconds = parse, job, interrupted, seconds

    def __call__(self, argv=None):
        try:
            asked = self.parse(sys.argv[1:] if argv is None else list(argv))
            with one_line_warnings():
                status = 0 if asked is None else self.work(asked) or 0
                sys.stdout.flush()
                return status
        except BrokenPipeError:  # what reads our output, such as `head`, has ended
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (Python flushes it once more when it ends)
            return 1
        except ERRORS as error:
            print(f"error: {error}", file=sys.stderr)
            return 1

    def work(self, asked):
        """Runs the job and returns its exit status."""
        if self.interrupted is None:
            return self.job(asked)
        with Signals(self.seconds(asked)) as signals:
            try:
                return self.job(asked)
            except BaseException as error:
                if signals.received is None and not isinstance(error, KeyboardInterrupt):
                    raise
                return self.interrupted(asked, signals)


@contextlib.contextmanager
def one_line_warnings():
    """Formats warnings as one line, without the code that gave them."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *where, **line: f"warning: {message}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before
