"""Ctrl-C and SIGTERM, as one exception whose exit status is the conventional one."""

import signal
import threading


class Signals:
    """Context in which Ctrl-C and SIGTERM raise `KeyboardInterrupt`; outside of the main thread it changes nothing.

    Attributes:
        received: Number of the last signal, or None. It stays known where what runs turns the exception into another.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.received, self.before = None, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            # What is ignored stays so, as in a shell's background job.
            handled = [number for number in self.NUMBERS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
            self.before = {number: signal.signal(number, self.receive) for number in handled}
        return self

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def receive(self, number, frame):
        self.received = number
        raise KeyboardInterrupt

    @property
    def status(self):
        """The exit status of a program that the signal ended."""
        return 128 + (self.received or signal.SIGINT)
