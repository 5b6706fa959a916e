"""Verdicts on the figures that a paper states, computed from measured rows."""

import re
import statistics
from typing import NamedTuple

from training.papers.registry import TABLES
from training.papers.result_rows import UNNAMED, is_finished, repeats
from training.presets.arguments import as_run, filled

SAMPLERS = {"standard": "N(0, I), the paper's sampler", "moments": "the aggregate posterior's moments"}


class Figure(NamedTuple):
    """How a figure is compared with a paper's.

    Attributes:
        title: What it is called in a sentence.
        margin: How near is the same, where two standard deviations over seeds are not more.
        better: Sign of a difference that is a better one; 0 where only near is right.
        digits: Digits of it in a sentence.
        unit: What a difference is counted in.
        shown: Sign by which it is shown.
        is_part: Whether it is a part of another figure, which decides.
    """

    title: str
    margin: float
    better: int
    digits: int
    unit: str = ""
    shown: int = 1
    is_part: bool = False


OF_U = {"elbo": "paper_bound", "kl": "paper_bound_kl"}  # figures of the ELBO, and those of the GMMpVAE paper's own bound (eq. 23)
FIGURES = {
    "elbo": Figure("-ELBO", 0.3, 1, 2, " nats", -1),
    "paper_bound": Figure("-bound with U", 0.3, 1, 2, " nats", -1),
    "log_likelihood": Figure("log-likelihood", 0.3, 1, 2, " nats"),
    "reconstruction": Figure("RE", 0.3, 0, 2, " nats", -1, is_part=True),
    "kl": Figure("KL", 0.3, 0, 2, " nats", is_part=True),
    "paper_bound_kl": Figure("U", 0.3, 0, 2, " nats", is_part=True),
    "cluster_accuracy": Figure("accuracy", 0.01, 1, 3),
    "active_dimensions": Figure("latents in use", 1, 0, 0),
    "nac": Figure("NAC", 0.01, -1, 3),
}


def compared(rows, key, paper):
    """Returns what rows say of one figure: the word of a verdict, a clause of its sentence, and how far off the figure is."""
    figure, values = FIGURES[key], [row[key] for row in rows if key in row]
    if len(values) < len(rows):
        return "not comparable", f"{figure.title} not measured", ""
    ours, spread = statistics.mean(values), statistics.stdev(values) if len(rows) > 1 else 0.0
    difference = ours - paper
    is_near = abs(difference) <= max(figure.margin, 2 * spread)
    word = "reproduced" if is_near else "better" if difference * figure.better > 0 else "worse"
    as_text = lambda value: f"{value:.{figure.digits}f}"  # noqa: E731
    measured = as_text(figure.shown * ours) + (f" ± {as_text(spread)}" if len(rows) > 1 else "")
    off = "" if figure.is_part or is_near else f" ({word} by {as_text(abs(difference))}{figure.unit})"
    return word, f"{figure.title} {measured} against {as_text(figure.shown * paper)}", off


def verdict(rows, row):
    """Returns what measured rows of one experiment say of the figures that are stated for it, a word and a sentence.

    `reproduced` where each is within 0.3 nats (or another figure's own margin) or two standard deviations over seeds, whichever is
    more; `worse` where one of them is worse, `not comparable` where one is not measured, else `better`. The parts of a bound, RE and KL,
    are said and do not decide. A row that is trained by the GMMpVAE paper's bound is held against its figures by that bound.

    Args:
        rows: Measured rows that differ by their seed alone.
        row: The `Row` of the paper's table.
    """
    stated = ({} if row.paper_elbo is None else {"elbo": row.paper_elbo}) | dict(row.stated)
    if row.flags.get("kl") == "mean" and all("paper_bound" in r for r in rows):
        stated = {OF_U.get(key, key): paper for key, paper in stated.items()}
    of_figures = {key: compared(rows, key, paper) for key, paper in stated.items()}
    if row.caveat or not of_figures:
        clauses = ", ".join(clause for _, clause, _ in of_figures.values())
        return f"{row.caveat or 'not comparable: no figure is stated'}; ours, {what(rows, row)}{clauses and ': '}{clauses}"
    words = [word for key, (word, _, _) in of_figures.items() if not FIGURES[key].is_part]
    word = next(word for word in ("worse", "not comparable", "better", "reproduced") if word in words)
    return f"{word}: {what(rows, row)}: {', '.join(clause + off for _, clause, off in of_figures.values())}"


def verdict_on_generation(rows, row, beside):
    """Returns what measured rows say of a paper's FID: over other features, it is not held against ours; ranks are.

    Args:
        rows: Measured rows that differ by their seed alone.
        row: The `Row` of the paper's table.
        beside: All rows of the table, of the same data, and as finished as these.
    """
    from scipy.stats import kendalltau

    stated = {one.name: one.stated["fd_generation"] for one in TABLES["rae_table_mnist"]}
    measured = {name: [r["fd_generation"] for r in beside if r.get("row") == name] for name in stated}
    ours = {name: statistics.mean(values) for name, values in measured.items() if values}
    tau = kendalltau(list(ours.values()), [stated[name] for name in ours]).statistic
    ranks = f"; over {len(ours)} rows Kendall's tau of the two is {tau:.2f}" if len(ours) > 1 else ""
    caveat = row.caveat or "not comparable: features of another network"
    fds = f"FD-{rows[0]['feature_network']} of samples {ours[row.name]:.2f}, FID over Inception {row.stated['fd_generation']:g}"
    return f"{caveat}; ours, {what(rows, row)}: {fds}{ranks}"


def verdict_on_faces(rows, row, beside):
    """Returns what measured rows say of a paper's claim, nearer and sharper faces than those of the plain VAE by the same sampler.

    `reproduced` where both are so by each sampler, `worse` where neither is so by the paper's, else `not comparable`.
    """
    plain = [r for r in beside if r.get("row") == "vae"]
    if row.name == "vae":
        return f"not comparable: what the other arms are held against; {what(rows, row)}"
    if not plain:
        return f"not comparable: the plain VAE is not measured on these data; {what(rows, row)}"
    wins, clauses = [], []
    for name, title in SAMPLERS.items():
        fd, sharpness = ([statistics.mean(r[f"{key}_{name}"] for r in group) for group in (rows, plain)] for key in ("fd", "sharpness"))
        real = rows[0]["sharpness_real"]
        wins.append((fd[0] < fd[1], abs(sharpness[0] - real) < abs(sharpness[1] - real)))
        clauses.append(f"by {title}, FD {fd[0]:.0f} against {fd[1]:.0f} and sharpness {sharpness[0]:.4f} against {sharpness[1]:.4f}")
    word = "reproduced" if all(map(all, wins)) else "not comparable" if any(wins[0]) else "worse"
    return f"{word}: {what(rows, row)}, held against the plain VAE: {'; '.join(clauses)}; faces have {real:.4f}"


def judged(table, rows):
    """Returns the rows of a table, those that it names with their computed verdicts; the others keep theirs."""
    from training.findings import mog_toy, two_modes

    if table == "mog_toy":
        return mog_toy.with_verdicts(rows)
    of_table = {
        "cp_vae_toy": lambda group, row, beside: two_modes.verdict(group),
        "gamix_ablation": verdict_on_faces,
        "rae_table_mnist": verdict_on_generation,
    }
    of_figures = lambda group, row, beside: verdict(group, row)  # noqa: E731
    named, says = {row.name: row for row in TABLES.get(table, ())}, {}
    for group in repeats(rows):
        first = group[0]
        if row := named.get(first.get("row")):
            if first["dataset"] != row.own_dataset():
                row = row._replace(caveat=f"not comparable: the figures are of {row.own_dataset()}")
            beside = [r for r in rows if (r["dataset"], is_finished(r)) == (first["dataset"], is_finished(first))]
            says |= {id(r): of_table.get(table, of_figures)(group, row, beside) for r in group}
    return [{**row, "verdict": says.get(id(row), row.get("verdict", UNNAMED))} for row in rows]


def what(rows, row):
    """Returns what measured rows of one experiment are: how they were made, for how long, and with how many seeds."""
    seeds = f"{len(rows)} seeds" if len(rows) > 1 else "one seed"
    return f"`{variant(rows[0], row)}`, {epochs_of(rows)} epochs{'' if all(map(is_finished, rows)) else ', unfinished'}, {seeds}"


def variant(measured, row):
    """Returns the preset of a measured row with the flags of its table, others that are not the defaults, and those of its protocol."""
    defaults = filled(measured["preset"], {})
    arguments = as_run(measured["preset"], measured["arguments"])
    given = {name: value for name, value in arguments.items() if name in row.flags or value != defaults.get(name, value)}
    protocol = re.findall(r"--(?:warm-up|patience|batch-size) \S+", measured["command"].replace("=", " "))
    return " ".join([measured["preset"], *(flag(name, value) for name, value in given.items()), *protocol])


def flag(name, value):
    """Returns a flag of the command line."""
    name = name.replace("_", "-")
    return f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name} {value}"


def epochs_of(rows):
    """Returns the epochs of rows as text: one number, or from the least to the most."""
    trained = sorted({row["epochs"] for row in rows})
    return f"{trained[0]}" + (f" to {trained[-1]}" if len(trained) > 1 else "")
