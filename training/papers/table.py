"""A table of a paper: its rows, how they are measured, their verdicts, and what is shown."""

import shutil
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from export.storage.files import atomically
from training.papers import verdicts
from training.papers.figures import DIGITS, FIGURES, PARTS
from training.papers.row import Quoted, Row

COLUMNS = (*(name for name in FIGURES if name not in (*PARTS, "seconds_per_epoch")), "paper")


class Headline(NamedTuple):
    """A line of the README: its title, the row of the table, and its main figures."""

    system: str
    row: str
    figures: tuple[str, ...]


def from_run(train, row, seed, args):
    """Trains a row and returns it as its run was evaluated."""
    _, measured = train()
    return measured


def with_pictures(*kinds):
    """Returns a function that measures a row as `from_run` does, and keeps these pictures of its run by seed 0 beside the table."""

    def measure(train, row, seed, args):
        run, measured = train()
        args.out.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            if seed == 0 and (run / f"{kind}.png").exists():
                with atomically(args.out / f"{args.table}_{row.name}_{kind}.png") as temporary:
                    shutil.copyfile(run / f"{kind}.png", temporary)
        return measured

    return measure


class Table(NamedTuple):
    """A table of a paper.

    Attributes:
        name: Its name on the command line, and that of its files in `training/results`.
        rows: Its rows, in the order in which they are trained.
        measure: Function of `train`, a row, a seed and the command line's `args` that returns the measured row; `train()` trains the row,
            or resumes it, and returns its run folder and the row as it was evaluated.
        verdict: Function of measured rows that differ only in their seed, their `Row`, and all measured rows of the table on the same
            data, finished or not as these are; returns one of `result_rows.VERDICTS`, a colon, and a sentence.
        settings: Flags that it shows besides those that all tables show.
        columns: Figures that it shows, by their names in `figures.FIGURES`, and the paper's if they are stated; "paper" for the preset's
            description of the paper's row. A figure that no row has gets no column. A full table has all bounds too.
        digits: Number of decimals of figures without their own.
        is_of_one_dataset: Whether its figures are for one data set alone.
        without: Flags of `training.reproduce` that have no effect on it.
        headlines: Its lines in the README.
        quoted: Systems that the paper quotes beside its rows.
        charts: The paper's figures that it draws: a function from its measured rows on one data set to a Matplotlib figure, by name.
    """

    name: str
    rows: tuple[Row, ...] = ()
    measure: Callable = from_run
    verdict: Callable = verdicts.verdict
    settings: tuple[str, ...] = ()
    columns: tuple[str, ...] = COLUMNS
    digits: int = DIGITS
    is_of_one_dataset: bool = False
    without: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    quoted: tuple[Quoted, ...] = ()
    charts: Mapping[str, Callable] = MappingProxyType({})

    def by_name(self):
        """Returns its rows by name."""
        return {row.name: row for row in self.rows}
