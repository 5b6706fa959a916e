"""A command line: flags that are read first, and a job that is done with them."""

import sys

from export.shell.signals import Signals

ERRORS = (ValueError, OSError, ArithmeticError, MemoryError)  # one line on standard error; others are faults of ours


class Command:
    """A command line, called with its arguments (None for the process's own): it returns the exit status.

    Args:
        parse: Function of the arguments, a list of texts. It returns what the job is asked for, or None where it has answered by itself,
            and raises `ValueError` for flags that it refuses.
        job: Function of what is asked for. It returns the exit status, or None for 0.
        interrupted: Function of what is asked for and the `Signals`, called where a signal ended the job. It says how to go on and
            returns the exit status. None leaves signals as Python has them.
        seconds: Function of what is asked for to the time that the job has, None for as long as it takes.
    """

    def __init__(self, parse, job, interrupted=None, seconds=lambda asked: None):
        self.parse, self.job, self.interrupted, self.seconds = parse, job, interrupted, seconds

    def __call__(self, argv=None):
        try:
            asked = self.parse(sys.argv[1:] if argv is None else list(argv))
            return 0 if asked is None else self.work(asked) or 0
        except ERRORS as error:
            print(f"error: {error}", file=sys.stderr)
            return 1

    def work(self, asked):
        """Does the job and returns its exit status."""
        if self.interrupted is None:
            return self.job(asked)
        with Signals(self.seconds(asked)) as signals:
            try:
                return self.job(asked)
            except BaseException as error:
                if signals.received is None and not isinstance(error, KeyboardInterrupt):
                    raise
                return self.interrupted(asked, signals)
