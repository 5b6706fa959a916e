"""Ctrl-C, SIGTERM and a time limit as one exception, with the conventional exit status of signals."""

import signal
import threading


class Signals:
    """Context in which Ctrl-C and SIGTERM raise `KeyboardInterrupt`; outside the main thread it changes nothing.

    Args:
        seconds: Time after which `SIGALRM` raises it too; None for never.

    Attributes:
        received: Number of the last signal, or None; known even if the running code turns the exception into another.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM)
    AGAIN = 300.0  # seconds between alarms, so that code that swallows the first does not run for ever

    def __init__(self, seconds=None):
        self.seconds, self.received, self.before = seconds, None, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            # Ignored signals stay ignored, as in a shell's background job.
            handled = [number for number in self.NUMBERS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
            alarm = [] if self.seconds is None else [signal.SIGALRM]
            self.before = {number: signal.signal(number, self.receive) for number in (*handled, *alarm)}
            if alarm:
                signal.setitimer(signal.ITIMER_REAL, self.seconds, self.AGAIN)
        return self

    def __exit__(self, *error):
        if signal.SIGALRM in self.before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def receive(self, number, frame):
        self.received = number
        raise KeyboardInterrupt

    @property
    def is_time_up(self):
        """Whether the time limit was reached."""
        return self.received == signal.SIGALRM

    @property
    def status(self):
        """The exit status of a program ended by the signal."""
        return 128 + (self.received or signal.SIGINT)
