"""What bounds a request: a deadline, and a pool of threads whose queue has an end."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from export.server.problems import Problem


class Limits(NamedTuple):
    """Limits of the server.

    Attributes:
        rows: Most samples, or latents to decode, in a request.
        values: Most values of all examples in an answer.
        body: Most bytes of a request's body.
        seconds: Time after which a request is given up.
        workers: Number of requests that are computed at the same time; 0 means one per core.
        queue: Number of requests that wait for that; further ones are told to come again.
    """

    rows: int = 256
    values: int = 2**22
    body: int = 2**20
    seconds: float = 30.0
    workers: int = 0
    queue: int = 128

    def rows_of(self, size):
        """Returns the most rows of examples of `size` values each."""
        return max(1, min(self.rows, self.values // size))


class Deadline:
    """A moment `seconds` from now, after which `check` raises `TimeoutError`."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def check(self):
        if time.monotonic() > self.end:
            raise TimeoutError


class Pool:
    """Threads that compute answers; ONNX Runtime leaves Python's lock to the others.

    Attributes:
        waiting: Number of requests that are computed or that wait.
    """

    def __init__(self, limits):
        self.limits, self.waiting = limits, 0
        workers = limits.workers or os.cpu_count() or 1
        self.threads, self.most = ThreadPoolExecutor(workers, "decode"), workers + limits.queue

    async def run(self, job):
        """Returns `job(deadline)`, computed by a thread.

        Raises:
            Problem: The queue is full (503), or the time is up (504).
        """
        if self.waiting >= self.most:
            raise Problem(503, f"Expected at most {self.most} requests at once: try again later.", {"Retry-After": "1"})
        deadline = Deadline(self.limits.seconds)
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self.threads, within, job, deadline)
        future.add_done_callback(self.done)
        try:
            # A thread cannot be stopped: it keeps its place in the queue until it notices that the time is up.
            return await asyncio.wait_for(asyncio.shield(future), self.limits.seconds)
        except TimeoutError:
            raise Problem(504, f"Expected an answer within {self.limits.seconds} seconds: ask for fewer rows.") from None

    def done(self, future):
        self.waiting -= 1
        if not future.cancelled():
            future.exception()  # that of a job whose request was given up is not reported again

    def close(self):
        self.threads.shutdown(wait=False, cancel_futures=True)


def within(job, deadline):
    """Returns `job(deadline)` unless its time was up before it began."""
    deadline.check()
    return job(deadline)
