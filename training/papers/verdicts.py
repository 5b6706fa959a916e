"""Verdicts on the figures that a paper states, computed from measured rows."""

import itertools
import math
import re
import statistics

from training.papers.figures import FIGURES
from training.papers.result_rows import UNNAMED, is_finished, is_partial, repeats
from training.papers.row import words
from training.presets import PRESETS
from training.presets.arguments import FURTHER, as_run, filled

OF_U = {"elbo": "paper_bound", "kl": "paper_bound_kl"}  # figures of the ELBO, and those of the GMMpVAE paper's own bound (eq. 23)

SAMPLES = 5000  # for each log-likelihood, as in the papers


def compared(rows, key, paper):
    """Returns the comparison of one figure: the word of a verdict, a clause of its sentence, and how far off the figure is."""
    figure, values = FIGURES[key], [row[key] for row in rows if key in row]
    how = figure.comparison
    if len(values) < len(rows):
        return "not comparable", f"{how.title} not measured", ""
    if not all(map(math.isfinite, values)):
        return "not comparable", f"{how.title} not finite", ""
    if figure.is_of_some and any(map(is_partial, rows)):
        return "not comparable", f"{how.title} of a part of the test set", ""
    if figure.is_of_some and (few := min(row.get("num_samples", SAMPLES) for row in rows)) < SAMPLES:
        return "not comparable", f"{how.title} with {few:,} samples of {SAMPLES:,}", ""
    ours, spread = statistics.mean(values), statistics.stdev(values) if len(rows) > 1 else 0.0
    difference = ours - paper
    is_near = abs(difference) <= max(how.margin, 2 * spread)
    word = "reproduced" if is_near else "better" if difference * how.better > 0 else "worse"
    measured = figure.text(how.shown * ours) + (f" ± {figure.text(spread)}" if len(rows) > 1 else "")
    off = "" if how.is_part or is_near else f" ({word} by {figure.text(abs(difference))}{how.unit})"
    return word, f"{how.title} {measured} against {figure.text(how.shown * paper)}", off


def verdict(rows, row, beside=()):
    """Returns the verdict on measured rows of one experiment, given the figures stated for it: a word and a sentence.

    `reproduced` if each is within 0.3 nats (or another figure's own margin) or two standard deviations over seeds, whichever is larger;
    `worse` if one of them is worse, `not comparable` if one is not measured, not finite, or of a part of the test set or too few
    samples, else `better`. The parts of a bound, RE and KL, are given but do not decide. A row trained with the GMMpVAE paper's bound is
    compared with its figures by that bound.

    Args:
        rows: Measured rows that differ only in their seed.
        row: The `Row` of the paper's table.
        beside: Other rows of the table, on which this verdict does not depend.
    """
    stated = ({} if row.paper_elbo is None else {"elbo": row.paper_elbo}) | dict(row.stated)
    if row.flags.get("kl") == "mean" and all("paper_bound" in r for r in rows):
        stated = {OF_U.get(key, key): paper for key, paper in stated.items()}
    of_figures = {key: compared(rows, key, paper) for key, paper in stated.items()}
    if row.caveat or not of_figures:
        clauses = ", ".join(clause for _, clause, _ in of_figures.values())
        return f"{row.caveat or 'not comparable: no figure is stated'}; ours, {what(rows, row)}{clauses and ': '}{clauses}"
    words = [word for key, (word, _, _) in of_figures.items() if not FIGURES[key].comparison.is_part]
    word = next(word for word in ("worse", "not comparable", "better", "reproduced") if word in words)
    return f"{word}: {what(rows, row)}: {', '.join(clause + off for _, clause, off in of_figures.values())}"


def judged(table, rows):
    """Returns measured rows of a table, those that it names with their computed verdicts; the others keep theirs."""
    named, says = table.by_name(), {}
    for group in repeats(rows):
        first = group[0]
        if row := named.get(first.get("row")):
            if first["dataset"] != row.own_dataset():
                row = row._replace(caveat=f"not comparable: the figures are of {row.own_dataset()}")
            elif not row.is_of(first):
                row = row._replace(caveat="not comparable: measured with other settings than the row's")
            beside = [r for r in rows if data_and_end(r) == data_and_end(first)]
            says |= dict.fromkeys(map(id, group), limited(table.verdict(group, row, beside), group, row))
    return [{**row, "verdict": says.get(id(row), row.get("verdict", UNNAMED))} for row in rows]


def data_and_end(measured):
    """Returns the data that a measured row is on, and whether it is finished: what rows that are held against each other share."""
    return measured["dataset"], measured.get("data_sha256"), is_finished(measured)


def limited(says, rows, row):
    """Returns the verdict of a table on measured rows, without a comparison that their row's caveat or an early end forbids.

    That an unfinished row is worse says nothing of the finished one; a figure that it reaches is reached.
    """
    word, _, sentence = says.partition(":")
    if row.caveat and word in ("reproduced", "better", "worse"):
        return f"{row.caveat}; ours,{sentence}"
    return f"not comparable:{sentence}" if word == "worse" and not all(map(is_finished, rows)) else says


def without_features(rows, row):
    """Returns the verdict on measured rows of which some were evaluated without the features that their distances need."""
    remedy = "`python -m training.evaluate RUN --features NAME`, and record it again"
    return f"not comparable: without a network of features there are no distances: {remedy}; ours, {what(rows, row)}"


def what(rows, row):
    """Returns a description of measured rows of one experiment: how they were trained, for how long, and with how many seeds."""
    seeds = f"{len(rows)} seeds" if len(rows) > 1 else "one seed"
    return f"`{variant(rows[0], row)}`, {epochs_of(rows)} epochs{'' if all(map(is_finished, rows)) else ', unfinished'}, {seeds}"


def variant(measured, row):
    """Returns the preset of a measured row with its data set, the flags of its table's row, other non-default flags, and its protocol."""
    defaults = filled(measured["preset"], {})
    arguments = as_run(measured["preset"], measured["arguments"])
    given = {} if measured["dataset"] == PRESETS[measured["preset"]].dataset else {"dataset": measured["dataset"]}
    given |= {name: value for name, value in arguments.items() if name in row.flags or value != defaults.get(name, value)}
    protocol = re.findall(r"--(?:warm-up|patience|batch-size) \S+", measured["command"].replace("=", " "))
    given |= {name: measured[name] for name in FURTHER if name in measured}
    given |= {"start_from": measured["start_from"]["preset"]} if "start_from" in measured else {}
    flags = (words(name, value) for name, value in given.items())
    return " ".join([measured["preset"], *itertools.chain(*flags), *protocol])


def epochs_of(rows):
    """Returns the epochs of rows as text: one number, or from the least to the most."""
    trained = sorted({row["epochs"] for row in rows})
    return f"{trained[0]}" + (f" to {trained[-1]}" if len(trained) > 1 else "")
