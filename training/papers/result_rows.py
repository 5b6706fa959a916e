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
    """Returns the warm-up of a measured row if it is not that of its protocol, else None."""
    warm_up = warm_up_of(row)
    return None if warm_up == row.get("protocol", {}).get("warm_up") else warm_up


def warm_up_of(row):
    """Returns the warm-up of a measured row; older ones have it in their command alone, and None if it was that of their protocol."""
    asked = re.search(r"--warm-up[ =](\d+)", row["command"])
    return row.get("warm_up", int(asked[1]) if asked else row.get("protocol", {}).get("warm_up"))


def hours(row):
    """Returns the hours for which a measured row was trained, with those before its first epoch, which older rows do not have."""
    return (row["seconds"] + row.get("start_seconds", 0)) / 3600


def is_repeat(row, old):
    """Returns whether a measured row is of the experiment and the seed of an earlier one."""
    return (experiment(row), row["seed"]) == (experiment(old), old["seed"])


def place(rows, row):
    """Returns rows with one added, or put in place of an earlier one of the same experiment and seed."""
    at = next((i for i, old in enumerate(rows) if is_repeat(row, old)), len(rows))
    return [*rows[:at], row, *rows[at + 1 :]]


def check_not_shorter(epochs, rows):
    """Raises `ValueError` if one of the valid measured rows that a row of so many epochs would replace has more."""
    longest = max((row["epochs"] for row in rows if "invalid" not in row), default=0)
    if longest > epochs:
        expected = f"at least the {longest} epochs of the measured row that this one would replace, or another --out"
        raise ValueError(f"Expected {expected}. Received: {epochs} epochs")


def written_rows(table, out=None):
    """Returns the rows in the files of a table: those of the project, then those of `out`."""
    return [row for folder in dict.fromkeys((RESULTS, out or RESULTS)) for row in rows_in(folder, table)]


def rows_in(folder, table):
    """Returns the rows in the file of a table in a folder, none if there is no such file."""
    path = folder / f"{table}.json"
    return read_rows(path) if path.exists() else []


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


def is_as_asked(row, args):
    """Returns whether a measured row has the log-likelihood, the warm-up and the features that the flags of `training.reproduce` ask for.

    The features of a file are named by it and by a hash of its weights, which is not looked at here.
    """
    features, own = args.features, row.get("feature_network", "none")
    has_features = features in (None, "auto", own) or (features.endswith(".keras") and own.startswith(f"{Path(features).stem}-"))
    has_warm_up = args.warm_up is None or args.warm_up == warm_up_of(row)
    return has_features and has_warm_up and has_likelihood(row, args.likelihood_samples, args.likelihood_examples)
