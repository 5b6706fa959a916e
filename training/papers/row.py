"""A row of a paper's table: the preset that reproduces it, its flags, and the paper's figures; or a system that is only quoted."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from training.presets import PRESETS
from training.presets.arguments import filled, identity


class Row(NamedTuple):
    """A row of a paper's table.

    Attributes:
        name: Its name on the command line.
        preset: The preset that reproduces it.
        flags: Keywords of the preset, beyond its defaults.
        paper_elbo: The paper's ELBO in nats, or None if it gives none.
        caveat: The verdict if the paper's figure cannot be compared with ours, else None.
        dataset: The data set, if it is not the preset's.
        stated: Other figures that are stated for the row, under the names of ours.
        features: Feature network for evaluating images, as the flag of `training.train`.
        settings: Its protocol, if it is not the preset's, `epochs`, `warm_up` and `patience`: its paper's, or our own choice.
        further: Flags of `training.train` that make it another experiment, by their names in `arguments.FURTHER`.
        start_from: The `Row` of the same table from whose run, by the same seed, it starts; or None.
    """

    name: str
    preset: str
    flags: Mapping = MappingProxyType({})
    paper_elbo: float | None = None
    caveat: str | None = None
    dataset: str | None = None
    stated: Mapping = MappingProxyType({})
    features: str = "auto"
    settings: Mapping = MappingProxyType({})
    further: Mapping = MappingProxyType({})
    start_from: "Row | None" = None

    def arguments(self):
        """Returns all keywords of the preset, with their values in this row."""
        return filled(self.preset, self.flags)

    def made(self):
        """Returns how its runs are made, in the names of their config.json."""
        start = {} if self.start_from is None else {"start_from": self.start_from.made()}
        return {"preset": self.preset, "arguments": self.arguments(), **self.further, **start}

    def is_of(self, measured):
        """Returns whether a run or a measured row is of this row, whatever its data and seed."""
        return identity(self.made()) == identity(measured)

    def own_dataset(self):
        """Returns the data set of the paper's row."""
        return self.dataset or PRESETS[self.preset].dataset

    def command_line(self):
        """Returns the arguments of `training.train` for this row, but for the run that it starts from."""
        asked = {"dataset": self.dataset, "features": None if self.features == "auto" else self.features}
        asked |= {**self.further, **self.settings, **self.flags}
        return [self.preset, *(word for name, value in asked.items() if value is not None for word in words(name, value))]


def words(name, value):
    """Returns a flag by its name with its value as they stand on a command line: several words for a list, one alone for a switch."""
    name = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", *(str(one) for one in (value if isinstance(value, list | tuple) else (value,)))]


class Quoted(NamedTuple):
    """A system that a paper only quotes, and no preset makes: it is shown with the paper's table, and cannot be run.

    Attributes:
        system: Its name in the paper.
        dataset: The data set of its figure, or None.
        figure: The figure as the paper prints it, or None if it is quoted without one.
        place: Where the paper quotes it, and whom.
    """

    system: str
    dataset: str | None
    figure: str | None
    place: str


def by_components(name, preset, figures, caveat=None, stated=MappingProxyType({}), **flags):
    """Returns a row for each number of components, NAME10 and so on, with its -ELBO, and other figures stated for some of them."""
    return [
        Row(f"{name}{k}", preset, {"num_components": k, **flags}, -nll, caveat, stated=stated.get(k, MappingProxyType({})))
        for k, nll in figures.items()
    ]
