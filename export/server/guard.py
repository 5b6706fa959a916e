"""The door of the server: which hosts it answers to, how much it reads, what every answer says, and what is counted."""

import asyncio
import time

from export.server.problems import Problem, shown

LOCAL = ("127.0.0.1", "localhost", "[::1]")
OPEN = ("/healthz", "/metrics")  # which orchestrators ask by the address of a machine
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ENCODED = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Guard:
    """An ASGI application around another.

    Args:
        app: The application.
        hosts: Names in the Host header that are answered; others may be a page that has its name point here (DNS rebinding).
        limits: The `Limits`.
        metrics: The `Metrics`.
    """

    def __init__(self, app, hosts, limits, metrics):
        self.app, self.hosts, self.limits, self.metrics = app, {host.lower() for host in hosts}, limits, metrics

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, answered = time.perf_counter(), []

        async def guarded(message):
            if message["type"] == "http.response.start":
                answered.append(message["status"])
                message = {**message, "headers": [*message.get("headers", ()), *ENCODED]}
            await send(message)

        try:
            await self.answer(scope, receive, guarded)
        finally:
            self.metrics.count(scope, answered[0] if answered else 500, time.perf_counter() - start)

    async def answer(self, scope, receive, send):
        """Answers a request by the application, if it may be."""
        try:
            self.check_host(scope)
            body = await asyncio.wait_for(self.body(scope, receive), self.limits.seconds)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except TimeoutError:
            await Problem(408, "Expected the whole request in time.").response()(scope, receive, send)
        else:
            if body is not None:
                await self.app(scope, replayed(body, receive), send)

    def check_host(self, scope):
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
        name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        if name not in self.hosts and scope["path"] not in OPEN:
            raise Problem(421, f"Expected a Host header with a name that --allow-host lists. Received: host={shown(host)}")

    async def body(self, scope, receive):
        """Returns the body, or None if the client has left; raises a `Problem` (413) before too much of it is read."""
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        body, is_more = b"", True
        while is_more:
            if len(body) > self.limits.body or (declared.isdigit() and int(declared[:20]) > self.limits.body):
                raise Problem(413, f"Expected a body of at most {self.limits.body} bytes.", {"Connection": "close"})
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body, is_more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > self.limits.body:
            raise Problem(413, f"Expected a body of at most {self.limits.body} bytes.", {"Connection": "close"})
        return body


def replayed(body, receive):
    """Returns a `receive` that gives a body that has been read, and then what follows it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message():
        return messages.pop() if messages else await receive()

    return next_message
