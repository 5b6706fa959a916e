"""Requests and answers of one model, from its manifest: `/openapi.json` says how long each of its lists is."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, create_model

LARGEST = 1e6  # magnitude of a latent, and of what a model is conditioned on
STRICT = ConfigDict(extra="forbid", protected_namespaces=())
Format = Literal["json", "png", "npy"]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
JsonNumber = Annotated[Number, Strict()]  # no text and no truth value: a query has texts alone, but JSON has numbers
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


def conditions(model, number):
    """Returns the field of what a model is conditioned on, numbers of a type, by its name; none of other models."""
    size = model.manifest.get("condition")
    if size is None:
        return {}
    return {"y": (list[number], Field(min_length=size, max_length=size, description=f"{size} values: what all examples are given"))}


def sample_query(model, rows):
    """Returns the class of the query of `/v1/sample`."""
    last = model.manifest["num_components"] - 1
    return create_model(
        "SampleQuery",
        __config__=STRICT,
        num=(int, Field(16, ge=1, le=rows, description="number of samples")),
        component=(int | None, Field(None, ge=0, le=last, description="component of the prior; without it drawn by their weights")),
        seed=(Seed, Field(0, description="samples are a function of it")),
        draws=(bool, Field(False, description="x is drawn from p(x|z) and is not its mean")),
        **conditions(model, Number),
        pictures=(bool, Field(False, description="in JSON: PNGs in base64 instead of numbers")),
        format=(Format | None, Field(None, description="of the answer; without it by the Accept header")),
    )


def decode_query():
    """Returns the class of the query of `/v1/decode`."""
    return create_model(
        "DecodeQuery",
        __config__=STRICT,
        seed=(Seed, Field(0, description="of the pixels, where the decoder draws them")),
        pictures=(bool, Field(False, description="in JSON: PNGs in base64 instead of numbers")),
        format=(Format | None, Field(None, description="of the answer; without it by the Accept header")),
    )


def decode_body(model, rows):
    """Returns the class of the body of `/v1/decode`."""
    category = Annotated[int, Strict(), Field(ge=0, le=model.manifest["num_components"] - 1)]
    fields = {}
    for i, (name, size) in enumerate(model.sizes.items()):
        row = category if size is None else Annotated[list[JsonNumber], Field(min_length=size, max_length=size)]
        what = "number of the component" if size is None else f"{size} values"
        fields[f"latent_{i}"] = (
            Annotated[list[row], Field(min_length=1, max_length=rows)],
            Field(alias=name, description=f"for each example the {what}"),
        )
    latents = create_model("Latents", __config__=STRICT, **fields)
    field = Field(description="latents by name, as many rows of each as of the others")
    return create_model("DecodeBody", __config__=STRICT, latents=(latents, field), **conditions(model, JsonNumber))


def examples_schema(model):
    """Returns the JSON schema of the answer of `/v1/sample` and `/v1/decode`."""
    x = {"type": "number"}
    for size in reversed(model.manifest["x_shape"]):
        x = {"type": "array", "items": x, "minItems": size, "maxItems": size}
    latents = {
        name: {"type": "array", "items": {"type": "integer"} if size is None else {"type": "array", "items": {"type": "number"}}}
        for name, size in model.sizes.items()
    }
    return {
        "type": "object",
        "properties": {
            "x": {"type": "array", "items": x, "description": "the examples; not with pictures=true"},
            "pictures": {"type": "array", "items": {"type": "string"}, "description": "a PNG in base64 for each, with pictures=true"},
            "component": {"type": "array", "items": {"type": "integer"}, "description": "component of each sample; not of /v1/decode"},
            "latents": {"type": "object", "properties": latents, "description": "what each example was decoded from"},
        },
        "required": ["latents"],
    }


class Latent(BaseModel):
    """A latent that is a vector."""

    name: str
    size: int
    mean: list[float]
    stddev: list[float]
    activity: list[float] = Field(description="how much each value changes what is decoded")


class Components(BaseModel):
    """Components of the prior."""

    weights: list[float] = Field(description="[K]")
    means: dict[str, list[list[float]]] = Field(description="[K, D] by the latents' names, estimated by sampling")
    stddevs: dict[str, list[list[float]]] = Field(description="[K, D] by the latents' names, estimated by sampling")


class RequestLimits(BaseModel):
    """What a request may ask for."""

    rows: int
    body_bytes: int
    seconds: float


class ModelFacts(BaseModel):
    """What a model is."""

    model_config = ConfigDict(protected_namespaces=())
    model: str | None
    prior: str | None
    likelihood: str | None
    cost: str | None
    decoder: str = Field(description="mean: x is the mean of p(x|z); pixel: x is drawn from it")
    x_shape: list[int]
    value_range: list[float] | None
    condition: int | None = Field(description="number of values in y, which requests then have; null without y")
    table: dict | None = Field(description="what the values of x stand for, as export.tables.table.Table takes it")
    versions: dict[str, str] | None
    is_image: bool
    latents: list[Latent]
    categories: list[str] = Field(description="names of the decoder's inputs that are a component's number")
    components: Components
    limits: RequestLimits


class Health(BaseModel):
    """Whether the server answers."""

    status: Literal["ok"] = "ok"
