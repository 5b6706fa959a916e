"""The one form of errors: a problem (RFC 9457), an object with type, title, status and detail."""

import http
import json

from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

MOST_ERRORS, LONGEST = 3, 100  # errors that are named, and characters of what was received


class ProblemDetails(BaseModel):
    """What is wrong with a request, or with the server."""

    type: str = Field("about:blank", description="a page on this kind of problem; there is none")
    title: str = Field(description="the name of the status")
    status: int = Field(description="the status of HTTP")
    detail: str = Field(description="what was expected, and what was received")


class Problem(Exception):
    """An error of the API.

    Args:
        status: Status of HTTP.
        detail: What was expected, and what was received.
        headers: Further headers by name.
    """

    def __init__(self, status, detail, headers=None):
        self.status, self.detail, self.headers = status, detail, headers or {}

    def response(self):
        title = http.HTTPStatus(self.status).phrase
        body = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return Response(json.dumps(body), self.status, self.headers, "application/problem+json")


def shown(value):
    """Returns the start of the representation of what was received, which is printable."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def of_http(error, request):
    """Returns the problem of an error of the framework, such as an unknown page or a wrong method."""
    details = {
        400: "Expected a body of JSON that is not nested deeply. Received: one that cannot be read",
        404: f"Expected a path that /openapi.json names. Received: path={shown(request.scope['path'])}",
        405: f"Expected one of the methods {dict(error.headers or {}).get('Allow', 'GET')}. Received: method={shown(request.method)}",
    }
    return Problem(error.status_code, details.get(error.status_code, f"Expected another request. Received: {error.detail}"), error.headers)


def of_validation(error, request):
    """Returns the problem of a request that does not have the form of the API; what was received is not repeated."""
    found = [f"{'.'.join(str(step)[:40] for step in one['loc'][:6])}: {one['msg'][:200]}" for one in error.errors()[:MOST_ERRORS]]
    more = f" and {len(error.errors()) - MOST_ERRORS} more" if len(error.errors()) > MOST_ERRORS else ""
    return Problem(422, f"Expected a request as /openapi.json describes it. Received: {'; '.join(found)}{more}")


def add_handlers(app):
    """Lets an application answer every error in this form."""
    kinds = {
        Problem: lambda error, request: error,
        HTTPException: of_http,
        RequestValidationError: of_validation,
        ValueError: lambda error, request: Problem(422, str(error)),
        TimeoutError: lambda error, request: Problem(504, "Expected an answer in time: ask for fewer rows."),
        Exception: lambda error, request: Problem(500, "Expected no error in the server. Received: one, which its log has."),
    }
    for kind, problem in kinds.items():
        app.add_exception_handler(kind, handler(problem))


def handler(problem):
    async def handle(request, error):
        return problem(error, request).response()

    return handle
