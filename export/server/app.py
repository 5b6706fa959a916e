"""The application: routes of the API, of the page, of health and of metrics."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Annotated, get_origin

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from export.server import formats, schemas
from export.server.facts import facts
from export.server.guard import LOCAL, Guard
from export.server.limits import Limits, Pool
from export.server.metrics import Metrics
from export.server.model import Model
from export.server.problems import Problem, ProblemDetails, add_handlers, shown

PAGE = Path(__file__).parent / "page"
DESCRIPTION = (
    "Samples and decodes one model. Samples are a function of their seed. Every error is a problem (RFC 9457): "
    "`application/problem+json` with type, title, status and detail."
)
PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}
STATUSES = {
    400: "The body is not JSON",
    406: "The Accept header has none of the formats",
    408: "The request was not sent in time",
    413: "The body is too large",
    415: "The Content-Type header does not say JSON",
    421: "The Host header is unknown",
    422: "The request does not have this form",
    500: "A fault of the server",
    503: "Too many requests at once: come again after Retry-After seconds",
    504: "The answer took too long",
}
ERRORS = {status: {"description": text, **PROBLEM} for status, text in STATUSES.items()}


def make_app(artifact, hosts=(), limits=None):
    """Returns the ASGI application that serves an artifact.

    Args:
        artifact: Artifact folder.
        hosts: Names in the Host header that are answered, besides those of this machine.
        limits: The `Limits`; None for their defaults.

    Raises:
        ValueError, FileNotFoundError: It is not an artifact that can be served.
    """
    limits, model = limits or Limits(), Model(artifact)
    pool = Pool(limits)
    metrics = Metrics(pool)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        pool.close()

    name = model.manifest.get("model") or "model"
    app = FastAPI(title=f"{name} of keras_vaemix", description=DESCRIPTION, version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    add_handlers(app)
    app.include_router(api(model, pool, limits))
    app.include_router(pages(metrics))
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.openapi = with_problems(app.openapi)
    return Guard(app, (*LOCAL, *hosts), limits, metrics)


def api(model, pool, limits):
    """Returns the routes of `/v1`."""
    known = facts(model, limits)
    rows = known["limits"]["rows"]
    router = APIRouter(prefix="/v1", responses=ERRORS)
    Sample, Decode, Body = schemas.sample_query(model, rows), schemas.decode_query(), schemas.decode_body(model, rows)
    names = [name for name in formats.TYPES if name != "png" or model.is_image]
    examples = {
        **{formats.TYPES[name]: {"schema": {"type": "string", "format": "binary"}} for name in names},
        formats.TYPES["json"]: {"schema": schemas.examples_schema(model)},
    }
    answers = {200: {"description": "The examples, in the format that is asked for", "content": examples}}

    def format_of(accept: Annotated[str, Header(include_in_schema=False)] = "*/*"):
        return accept

    @router.get("/model", summary="What the model is", response_model=schemas.ModelFacts)
    async def get_model():
        return known

    @router.get("/sample", summary="Draw samples", response_class=Response, responses=answers, dependencies=[Depends(check_once(Sample))])
    async def get_sample(query: Annotated[Sample, Query()], accept: Annotated[str, Depends(format_of)]):
        name = formats.chosen(query.format, accept, names)
        asked = query.num, query.component, query.seed
        drawn = lambda deadline: model.sample(*asked, deadline, getattr(query, "y", None), query.draws)  # noqa: E731
        return await pool.run(lambda deadline: formats.answer(drawn(deadline), name, query.pictures, deadline))

    checks = [Depends(check_json), Depends(check_once(Decode))]

    @router.post("/decode", summary="Decode latents", response_class=Response, responses=answers, dependencies=checks)
    async def post_decode(body: Body, query: Annotated[Decode, Query()], accept: Annotated[str, Depends(format_of)]):
        name, latents = formats.chosen(query.format, accept, names), arrays(body.latents, model)
        decoded = lambda deadline: model.decode(latents, query.seed, deadline, getattr(body, "y", None))  # noqa: E731
        return await pool.run(lambda deadline: formats.answer(decoded(deadline), name, query.pictures, deadline))

    return router


def check_json(content_type: Annotated[str, Header(include_in_schema=False)] = ""):
    """Raises a `Problem` (415) unless the body is declared to be JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Problem(415, f"Expected a body with Content-Type: application/json. Received: content_type={shown(content_type)}")


def check_once(query):
    """Returns a check of requests: a `Problem` (422) if a parameter of a class of queries, other than a list, is given more than once."""
    lists = {name for name, field in query.model_fields.items() if get_origin(field.annotation) is list}

    def check(request: Request):
        counts = Counter(name for name, _ in request.query_params.multi_items())
        repeated = [name for name, count in counts.items() if count > 1 and name not in lists]
        if repeated:
            raise Problem(422, f"Expected each parameter of the query once. Received: more than once {shown(repeated)}")

    return check


def arrays(latents, model):
    """Returns the decoder's inputs by name, of a validated body."""
    kinds = {name: "int64" if size is None else "float32" for name, size in model.sizes.items()}
    found = {name: np.array(rows, kinds[name]) for name, rows in latents.model_dump(by_alias=True).items()}
    counts = {name: len(rows) for name, rows in found.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"Expected as many rows of each latent. Received: {counts}")
    return found


def pages(metrics):
    """Returns the routes of the page, of that of the API, of health and of metrics."""
    router = APIRouter()

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz", summary="Whether the server answers", response_model=schemas.Health)
    async def get_health():
        return schemas.Health()

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def get_metrics():
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    @router.get("/", include_in_schema=False)
    async def get_page():
        return FileResponse(PAGE / "index.html")

    @router.get("/docs", include_in_schema=False)
    async def get_docs():
        return FileResponse(PAGE / "docs.html")

    return router


def with_problems(openapi):
    """Returns a function of the same document, with the form of errors in it."""

    def document():
        found = openapi()
        found["components"]["schemas"]["ProblemDetails"] = ProblemDetails.model_json_schema()
        return found

    return document
