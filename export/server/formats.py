"""Answers in JSON, PNG or npy, as the query or the Accept header asks."""

import base64
import io
import json

import numpy as np
from fastapi.responses import Response

from export.sample import png
from export.server.problems import Problem, shown

DIGITS, SIDE = 6, 64  # decimals of numbers in JSON; pixels up to which the longer side of an image is enlarged in a grid


def as_json(drawn, pictures):
    """Returns examples, components and latents as JSON; with `pictures`, a PNG in base64 instead of each example's numbers."""
    x = [base64.b64encode(png(one[None], gap=0)).decode() for one in drawn.x] if pictures else numbers(drawn.x)
    answer = {"pictures" if pictures else "x": x, "latents": {name: numbers(z) for name, z in drawn.latents.items()}}
    return json.dumps({**answer, **({} if drawn.component is None else {"component": drawn.component.tolist()})})


def numbers(values):
    return np.round(values.astype("float64"), DIGITS).tolist() if values.dtype.kind == "f" else values.tolist()


def as_png(drawn, pictures):
    """Returns images as one grid, which small ones are enlarged for."""
    return png(drawn.x, zoom=max(1, SIDE // max(drawn.x.shape[1:3])))


def as_npy(drawn, pictures):
    """Returns examples as an array in NumPy's format, float32."""
    file = io.BytesIO()
    np.save(file, drawn.x, allow_pickle=False)
    return file.getvalue()


TYPES = {"json": "application/json", "png": "image/png", "npy": "application/x-npy"}
WRITERS = {"json": as_json, "png": as_png, "npy": as_npy}


def chosen(asked, accept, names=tuple(TYPES)):
    """Returns the name of a format: the one that the query asks for or, if None, the first of `names` that the Accept header prefers.

    Raises:
        Problem: The header accepts none of them (406).
    """
    if asked is not None:
        return asked
    best = max(names, key=lambda name: quality(TYPES[name], accept))  # the first of equals
    if quality(TYPES[best], accept) <= 0:
        types = ", ".join(TYPES[name] for name in names)
        raise Problem(406, f"Expected an Accept header with one of {types}. Received: accept={shown(accept)}")
    return best


def quality(media_type, accept):
    """Returns the weight q of a media type in an Accept header (RFC 9110, 12.5.1): that of the most specific range."""
    found = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        specific = ["*/*", f"{media_type.split('/')[0]}/*", media_type]
        if name in specific:
            weights = [value[2:] for value in parameters if value.startswith("q=")]
            found = max(found, (specific.index(name), weight(*weights[:1])))
    return found[1]


def weight(text="1"):
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def answer(drawn, name, pictures, deadline):
    """Returns the response; raises `TimeoutError` if the time is up."""
    deadline.check()
    return Response(WRITERS[name](drawn, pictures), media_type=TYPES[name])
