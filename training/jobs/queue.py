"""The queue of `training.reproduce`: rows of a table with their seeds, which of them are measured, and which are left."""

import difflib
import math

from export.storage.files import read_history, runs_root
from training.papers.registry import TABLES
from training.papers.result_rows import is_as_asked, is_finished, known_rows


def choose(kind, names, received):
    """Returns the received names if all are known; raises `ValueError` with similar names for an unknown one."""
    for name in received:
        if name not in names:
            close = difflib.get_close_matches(name, names, 3, 0.4)
            hint = f"did you mean {' or '.join(close)}?" if close else f"one of {', '.join(names)}."
            raise ValueError(f"Expected {kind}: {hint} Received: {name!r}")
    return received


def queue_of(args):
    """Returns the table, and its rows with their seeds in training order; raises `ValueError` for invalid flags."""
    (name,) = choose("a table", list(TABLES), [args.table or ""])
    table, by_name = TABLES[name], TABLES[name].by_name()
    names = with_starts([by_name[row] for row in choose(f"a row of {name}", list(by_name), args.rows or list(by_name))])
    for flag in table.without:
        if (given := getattr(args, flag)) is not None:
            raise ValueError(f"Expected no --{flag.replace('_', '-')} for {name}, which it does not change. Received: {given}")
    if args.dataset and table.is_of_one_dataset:
        raise ValueError(f"Expected no --dataset for {name}, whose figures are of one data set. Received: --dataset {args.dataset}")
    return table, [(by_name[name], seed) for name in names for seed in args.seeds]


def with_starts(rows):
    """Returns the names of rows in their order, each after the rows from whose runs it starts."""
    return list(dict.fromkeys(name for row in rows for name in (*(with_starts([row.start_from]) if row.start_from else ()), row.name)))


def measured_as(rows, row, seed, args):
    """Returns those of measured rows that are of a row with its current settings, data and seed."""
    asked = row.name, seed, args.dataset or row.own_dataset()
    return [r for r in rows if (r.get("row"), r["seed"], r["dataset"]) == asked and row.is_of(r)]


def is_measured(rows, row, seed, args):
    """Returns whether a row is measured with its current settings, data and seed: finished, or with the requested number of epochs.

    Its log-likelihood must cover at least the requested numbers of test examples and samples, and its warm-up and its features be those
    that are asked for, if any are.
    """
    same = [r for r in measured_as(rows, row, seed, args) if is_as_asked(r, args)]
    return any(is_finished(r) or r["epochs"] >= (args.epochs or math.inf) for r in same)


def run_folder(table, row, seed, args):
    """Returns the folder of a row's run."""
    return runs_root(args.runs) / table.name / f"{row.name}-seed{seed}"


def what_is_left(args, table, queue):
    """Returns the unmeasured rows of a queue, with their finished epochs, as text."""
    measured, left = known_rows(table.name, args.out), []
    for row, seed in queue:
        if not is_measured(measured, row, seed, args):
            epochs = len(read_history(run_folder(table, row, seed, args) / "history.csv"))
            left.append(f"{row.name} seed {seed}" + (f" ({epochs} epochs done)" if epochs else ""))
    return f"left: {', '.join(left) or 'nothing'}"
