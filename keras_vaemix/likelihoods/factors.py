"""How x is drawn given z without TensorFlow: from a family of distributions, by parameters that a graph returns."""

from typing import Any, NamedTuple


class Factor(NamedTuple):
    """A block of values along the last axis of x, of which each is drawn by itself.

    Attributes:
        family: Name of the family; `export.families` draws from it.
        parameters: Parameters beside the mean by name: tensors [N, *, C], or what is the same for all z, a number or [C]. With "zeros", a
            probability, draws are zero instead; with "mean" the mean is this and not that of x.
        width: Number of values C in the block; None for the whole last axis.
    """

    family: str
    parameters: dict[str, Any]
    width: int | None = None
