"""Tables of measured rows as Markdown: those of the pages, and the full ones beside the rows."""

import re
import statistics

from export.storage.contents import BENCHMARK, CHECK
from export.storage.files import atomically, portable, read_json, read_rows, write_json
from training.papers.figures import BOUNDS, FIGURES, FURTHER
from training.papers.registry import TABLES, table_named
from training.papers.result_rows import RESULTS, hours, is_finished, is_partial, repeats
from training.papers.verdicts import epochs_of, judged

SETTINGS = ("num_components", "num_samples", "category_prior", "pretraining", "init")  # flags that all tables show
WITHOUT_EFFECT = {"num_components": {"prior": ["standard"], "sampler": ["standard", "moments"]}}  # settings beside values of others
HEADLINES = {"papers": TABLES}  # of the README
INVALID = "†"
QUOTED = "Quoted by the paper from others, with bounds on log p(x) as it prints them; these rows cannot be run."
UNFINISHED = "Unfinished: stopped neither by early stopping on validation data nor at the protocol's maximum of epochs."


def results(name):
    """Returns the rows of `training/results/NAME.json` as a Markdown table, in nats, higher is better.

    Rows that differ only in their seed share a line: mean ± standard deviation over seeds. A single row has the standard error over
    test examples. Below it are the systems that the paper only quotes.
    """
    table = table_named(name)
    return "\n\n".join([markdown(table, read_rows(RESULTS / f"{name}.json")), *quoted(table)])


def quoted(table):
    """Returns the systems that a table's paper only quotes as a Markdown table below a sentence, a list of two texts, or of none."""
    if not table.quoted:
        return []
    lines = [[one.system, one.dataset or "-", one.figure or "-", one.place] for one in table.quoted]
    return [QUOTED, as_table([["quoted", "data set", "log p(x), at least", "where"], ["---"] * 4, *lines])]


def headlines(name):
    """Returns the headlines of tables as a Markdown table, with the papers' figures: of each measured row its longest training."""
    lines = [["system", "table, row", "epochs", "seeds", "the paper's", "here", "verdict"], ["---"] * 7]
    for table in HEADLINES[name].values():
        groups = repeats(read_rows(RESULTS / f"{table.name}.json")) if table.headlines else []
        for system, name, keys in table.headlines:
            of_row = name, table.by_name()[name].own_dataset()
            measured = [group for group in groups if (group[0].get("row"), group[0]["dataset"]) == of_row]
            longest = sorted(measured, key=lambda group: (is_finished(group[0]), group[0]["epochs"]))[-1:]
            lines += [[system, f"`{table.name}`, `{name}`", *headline(table, group, keys)] for group in longest]
    return as_table(lines)


def headline(table, group, keys):
    """Returns the cells of a line: epochs, seeds, figures of the paper's row and of the repeated ones, and the verdict."""
    row = group[0]
    papers = [f"{paper_s(key)} {stated(row, key)}" for key in keys if f"paper_{key}" in row]
    ours = [f"{FIGURES[key].column} {figure(table, group, key)}" for key in keys]
    is_over = "" if is_finished(row) else ", unfinished"
    return f"{epochs_of(group)}{is_over}", f"{len(group)}", "; ".join(papers) or "-", "; ".join(ours), row["verdict"].partition(":")[0]


def as_table(lines):
    """Returns lines of cells as a Markdown table."""
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return text.replace("| --- |", "|---|").replace(" --- |", "---|")


def markdown(table, rows, is_full=False):
    """Returns measured rows as a Markdown table, with unfinished ones in another below it; full tables also have hours and commands."""
    finished, unfinished = ([row for row in rows if is_finished(row) == which] for which in (True, False))
    of = lambda some: [lines_of(table, some, is_full)] if some else []  # noqa: E731
    return "\n\n".join([*of(finished), *([UNFINISHED] if unfinished else []), *of(unfinished)])


def lines_of(table, rows, is_full):
    """Returns measured rows as one Markdown table."""
    rows = [{**row, "seconds_per_epoch": row["seconds"] / row["epochs"]} for row in rows]
    lines = [{name: cell for name, cell in cells(table, group, rows, is_full).items() if cell is not None} for group in repeats(rows)]
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = as_table([names, ["---"] * len(names), *([line[name] for name in names] for line in lines)])
    return "\n\n".join([text, *footnotes(rows)])


def footnotes(rows):
    """Returns a line for each reason for which figures of measured rows are `invalid`: faults found after they were measured."""
    figures = {}
    for key, reason in {item: None for row in rows for item in row.get("invalid", {}).items()}:
        figures.setdefault(reason, []).append(f"`{key}`")
    return [f"{INVALID} Not valid: {', '.join(keys)}; {reason}." for reason, keys in figures.items()]


def mark(rows, key=None):
    """Returns a mark if a figure of rows is invalid, or without a key if any of their figures is."""
    return f" {INVALID}" if any(key in row["invalid"] if key else row["invalid"] for row in rows if "invalid" in row) else ""


def has_no_effect(key, arguments):
    """Returns whether a setting is without effect beside a row's other ones."""
    return any(arguments.get(other) in values for other, values in WITHOUT_EFFECT.get(key, {}).items())


def cells(table, group, rows, is_full):
    """Returns the cells of a line by column name, None if the table has no such column."""
    row, has = group[0], lambda key: any(other.get(key) is not None for other in rows)
    given = row["arguments"]
    shown = [key for key in given if key in SETTINGS + table.settings and not has_no_effect(key, given)]
    settings = [f"{key}={value}" for key, value in ({key: given[key] for key in shown} | row.get("other_settings", {})).items()]
    ours = lambda keys: {FIGURES[key].column: figure(table, group, key) for key in keys if has(key)}  # noqa: E731
    own = [key for key in table.columns if key in FIGURES]
    further = [[key for key in keys if is_full and key not in own] for keys in (BOUNDS, FURTHER)]
    return {
        "row": f"`{row['row']}`{mark(group)}" if "row" in row else "-" if has("row") else None,
        "preset": None if has("row") else f"`{row['preset']}`{mark(group)}",
        "settings": ", ".join(settings) or "-",
        "epochs": epochs_of(group),
        "seeds": f"{len(group)}",
        "paper's -ELBO, as stated": stated_elbo(row) if has("paper_elbo") else None,
        **ours(further[0]),
        **{f"paper's {paper_s(key)}": stated(row, key) for key in own if key != "elbo" and has(f"paper_{key}")},
        **ours(own),
        **ours(further[1]),
        "the paper's row": row["paper"] if "paper" in table.columns and not is_full else None,
        "verdict": row["verdict"],
        "hours": f"{sum(map(hours, group)):.2f}" if is_full else None,
        "of them before the first epoch": before_epochs(group) if is_full and has("start_seconds") else None,
        "command": f"`{command(group)}`" if is_full else None,
    }


def command(group):
    """Returns the command that measures repeated rows."""
    seeds = " ".join(str(row["seed"]) for row in group)
    return re.sub(r"--(seeds?) \d+", rf"--\1 {seeds}", group[0]["command"])


def before_epochs(group):
    """Returns the hours of pretraining or of a first stage of repeated rows, or a dash if they were not measured."""
    is_known = all("start_seconds" in row for row in group)
    return f"{sum(row['start_seconds'] for row in group) / 3600:.2f}" if is_known else "-"


def paper_s(key):
    """Returns what the papers call a figure."""
    return FIGURES[key].column.replace("FD", "FID")


def stated(row, key):
    """Returns a figure of the paper's row."""
    return f"{row[f'paper_{key}']:g}" if f"paper_{key}" in row else "-"


def stated_elbo(row):
    """Returns the paper's bound."""
    return "-" if row.get("paper_elbo") is None else f"{-row['paper_elbo']:.2f}"


def figure(table, rows, key):
    """Returns a figure of repeated rows, or of one, with its spread; a dash if a row has none, or if they are of unlike examples."""
    has_part, of = FIGURES[key].is_of_some and any(map(is_partial, rows)), {row.get("num_likelihood_examples") for row in rows}
    if any(key not in row for row in rows) or (has_part and len(of) > 1):
        return "-"
    values, text = [row[key] for row in rows], lambda value: FIGURES[key].text(value, table.digits)
    spread = statistics.stdev(values) if len(rows) > 1 else rows[0].get(f"{key}_se")
    part = f" ({of.pop():,} examples)" if has_part else ""
    return text(statistics.mean(values)) + (f" ± {text(spread)}" if spread is not None else "") + part + mark(rows, key)


def benchmark(name):
    """Returns the table of `training/results/benchmarks/NAME.json`, with its command, machine and versions."""
    file = RESULTS / "benchmarks" / f"{name}.json"
    measured = BENCHMARK.check(file, read_json(file))
    machine, versions = measured["machine"], measured["versions"]
    where = machine.get("device") or f"{machine['cores']} core{'s' * (machine['cores'] > 1)} ({machine['processor']})"
    made = f"`{portable(measured['command'])}`, {where}, {measured['date'][:10]}"
    with_versions = ", ".join(f"{package} {version}" for package, version in versions.items())
    return "\n".join([*measured["table"], "", f"{made}; {with_versions}."])


def checks(name):
    """Returns the rows of `training/results/NAME.json`, each a check and how often it passed, as a Markdown table."""
    rows = [["what", "went well", "of", "largest difference", "command", "date"], ["---"] * 6]
    for row in read_rows(RESULTS / f"{name}.json", CHECK):
        largest = "-" if row["largest_difference"] is None else f"{row['largest_difference']:.1e}"
        rows.append([row["what"], f"{row['passed']:,}", f"{row['tried']:,}", largest, f"`{row['command']}`", row["date"]])
    return as_table(rows)


def write_full(table, rows, file):
    """Writes measured rows as a full Markdown table."""
    with atomically(file) as temporary:
        temporary.write_text(markdown(table, rows, is_full=True) + "\n")


def rewrite(folder):
    """Judges the rows of a folder of results, and writes each TABLE.json and TABLE.md; raises `FileNotFoundError` if there is none."""
    found = {file: table for name, table in TABLES.items() if (file := folder / f"{name}.json").exists()}
    if not found:
        raise FileNotFoundError(f"Expected a folder with TABLE.json, one of {', '.join(TABLES)}. Received: {folder}, without any")
    for file, table in found.items():
        rows = judged(table, read_rows(file))
        write_json(file, rows)
        write_full(table, rows, file.with_suffix(".md"))
