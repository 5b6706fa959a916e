"""The measured rows of a table: which of them belong to one experiment, and where they are kept."""

import functools
import re
from pathlib import Path

from export.storage.files import read_rows
from training.presets.arguments import identity

PROJECT = Path(__file__).parents[2]
RESULTS = Path(__file__).parents[1] / "results"
UNNAMED = "not comparable: no row of a paper"
VERDICTS = ("reproduced", "better", "worse", "not comparable", "not a valid bound")


def experiment(row):
    """Returns what rows of one experiment share, whatever their seed; a row may be older than some of its preset's flags."""
    return *identity(row), row["dataset"]


def is_finished(row):
    """Returns whether a measured row was stopped by early stopping on validation data or at its protocol's maximum number of epochs."""
    return row.get("stopped") in ("early", "maximum")


def repeats(rows):
    """Returns lists of rows that differ only in their seed: on the same data, by the same features, and finished or trained as long."""
    groups = {}
    for row in rows:
        length = None if is_finished(row) else (row["epochs"], own_warm_up(row))
        key = experiment(row), row.get("data_sha256"), row.get("feature_network"), length
        groups.setdefault(str(key), []).append(row)
    return list(groups.values())


def own_warm_up(row):
    """Returns the warm-up of a measured row if it is not that of its protocol, else None; older rows have it in their command alone."""
    asked = re.search(r"--warm-up[ =](\d+)", row["command"])
    warm_up = row.get("warm_up", int(asked[1]) if asked else None)
    return None if warm_up == row.get("protocol", {}).get("warm_up") else warm_up


def hours(row):
    """Returns the hours for which a measured row was trained, with those before its first epoch, which older rows do not have."""
    return (row["seconds"] + row.get("start_seconds", 0)) / 3600


def place(rows, row):
    """Returns rows with one added, or put in place of an earlier one of the same experiment and seed."""
    same = [i for i, old in enumerate(rows) if (experiment(old), old["seed"]) == (experiment(row), row["seed"])]
    at = same[0] if same else len(rows)
    return [*rows[:at], row, *rows[at + 1 :]]


def written_rows(table, out=None):
    """Returns the rows in the files of a table: those of the project, then those of `out`."""
    paths = dict.fromkeys(folder / f"{table}.json" for folder in (RESULTS, out or RESULTS))
    return [row for path in paths if path.exists() for row in read_rows(path)]


def known_rows(table, out=None):
    """Returns the measured rows of a table: those of the project, replaced by those of `out`."""
    return functools.reduce(place, written_rows(table, out), [])


def writable(out=None):
    """Returns the folder to write results to: `out`, or for None that of the project, which must be a checkout."""
    if out is None and not (PROJECT / "pyproject.toml").exists():
        raise ValueError(f"Expected --out FOLDER for results, which an installed package does not keep. Received: none, in {PROJECT}")
    return out or RESULTS


def is_partial(row):
    """Returns whether a row's log-likelihood is of the first test examples only."""
    return "num_likelihood_examples" in row and row["num_likelihood_examples"] < row["num_examples"]


def has_likelihood(row, samples, examples):
    """Returns whether a row's log-likelihood covers `examples` test examples, None for all, with `samples` samples; true without one."""
    if "num_likelihood_examples" not in row:
        return True
    wanted = min(examples or row["num_examples"], row["num_examples"])
    return row["num_likelihood_examples"] >= wanted and row["num_samples"] >= samples
