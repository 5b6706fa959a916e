"""Metrics in the text format of Prometheus: how many requests of which kind, how long they took, how many wait."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

METHODS = ("GET", "POST", "HEAD", "OPTIONS")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one server.

    Args:
        pool: The `Pool` whose queue is measured.
    """

    def __init__(self, pool):
        self.registry = CollectorRegistry()
        self.requests = Counter("vaemix_requests", "Requests answered", ["path", "method", "status"], registry=self.registry)
        self.seconds = Histogram("vaemix_request_seconds", "Seconds for a request", ["path"], buckets=SECONDS, registry=self.registry)
        waiting = Gauge("vaemix_requests_waiting", "Requests computed or waiting", registry=self.registry)
        waiting.set_function(lambda: pool.waiting)

    def count(self, scope, status, seconds):
        """Counts a request; what no route answers is one path, and unknown methods are one, so that a stranger cannot make many."""
        path = getattr(scope.get("route"), "path", "other")
        self.requests.labels(path, scope["method"] if scope["method"] in METHODS else "other", status).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self):
        return generate_latest(self.registry)
