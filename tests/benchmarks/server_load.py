"""The server under load: many clients at once, while others send ill requests. Prints how long answers took, and how many failed.

    python -m tests.benchmarks.server_load ARTIFACT --clients 64 --seconds 60

The server is a process of its own; every client keeps its connection, and asks for samples and decoded latents in turn. The status is 1 if
a good request failed, or an ill one was answered otherwise than by its error.
"""

import argparse
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import multiple_of

ILL = [
    ("GET", "/v1/sample?num=100000", b"", {422}),
    ("GET", "/nowhere", b"", {404}),
    ("DELETE", "/v1/sample", b"", {405}),
    ("POST", "/v1/decode", b"[" * 50_000, {400}),
    ("POST", "/v1/decode", b'{"latents": {}}', {422}),
    ("POST", "/v1/decode", b"x" * 2_000_000, {413}),
    ("GET", "/v1/sample?format=gif", b"", {422}),
]


class Client:
    """One client: a connection, and what came back.

    Attributes:
        seconds: How long each answered request took.
        failures: Numbers of what went wrong, by its name.
    """

    def __init__(self, port, requests):
        self.port, self.requests, self.seconds, self.failures = port, requests, [], Counter()

    def run(self, end):
        """Sends requests, one after the other, up to a moment."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while time.monotonic() < end:
            method, path, body, statuses = next(self.requests)
            start = time.monotonic()
            try:
                connection.request(method, path, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except OSError as error:
                # The server may close the connection while a body that is too large is still on its way.
                if 413 not in statuses:
                    self.failures[type(error).__name__] += 1
                connection.close()
                continue
            self.seconds.append(time.monotonic() - start)
            if answer.status not in statuses:
                self.failures[f"{method} {path[:40]}: {answer.status}"] += 1


def good(seed, facts):
    """Yields requests that are to be answered."""
    rng = np.random.default_rng(seed)
    while True:
        yield "GET", f"/v1/sample?num=16&seed={rng.integers(2**31)}&pictures={str(facts['is_image']).lower()}", b"", {200}
        latents = {one["name"]: rng.standard_normal((8, one["size"])).round(3).tolist() for one in facts["latents"]}
        latents |= {name: rng.integers(len(facts["components"]["weights"]), size=8).tolist() for name in facts["categories"]}
        yield "POST", "/v1/decode", json.dumps({"latents": latents}).encode(), {200}


def ill(seed):
    """Yields requests that are to be refused, a hundred a second."""
    rng = random.Random(seed)
    while True:
        time.sleep(0.04)
        yield rng.choice(ILL)


def measured(port, num_clients, seconds):
    """Returns the clients, good and ill, after their work."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/model")
    facts = json.loads(connection.getresponse().read())
    clients = [Client(port, good(i, facts)) for i in range(num_clients)], [Client(port, ill(i)) for i in range(4)]
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=client.run, args=(end,)) for group in clients for client in group]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients


def summary(clients, seconds):
    """Returns the figures of a group of clients; times in milliseconds."""
    times = 1000 * np.array([value for client in clients for value in client.seconds])
    quantiles = {f"p{q}": round(float(np.percentile(times, q)), 1) for q in (50, 95, 99, 100)}
    failures = sum((client.failures for client in clients), Counter())
    return {"clients": len(clients), "answers": len(times), "per_second": round(len(times) / seconds, 1), **quantiles, "failures": failures}


def main(argv=None):
    parser = argparse.ArgumentParser("python -m tests.benchmarks.server_load", description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path, help="artifact folder")
    parser.add_argument("--clients", type=multiple_of(1), default=64, help="number of clients")
    parser.add_argument("--seconds", type=multiple_of(1), default=60, help="seconds of load")
    args = parser.parse_args(argv)
    server = subprocess.Popen([sys.executable, "-m", "export.serve", args.artifact, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().rpartition(":")[2])
        groups = [summary(clients, args.seconds) for clients in measured(port, args.clients, args.seconds)]
    finally:
        server.terminate()
        server.wait()
    print(json.dumps(dict(zip(("good", "ill"), groups, strict=True)), indent=2))
    return int(any(group["failures"] for group in groups))


if __name__ == "__main__":
    sys.exit(main())
