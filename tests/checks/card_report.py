"""Collect what `tests.checks.card` measured in one benchmark file: our train steps and PyTorch's on the same GPU, and their ratios.

    python -m tests.checks.card_report OUT training/results/benchmarks/gpu_speed.json

OUT has ROW.timing.json or ROW.8.timing.json for each of our programs, named like the rows of `tests.benchmarks.gpu_rivals`, the latter with
eight times the preset's batch; ROW.small.check.json, how far its losses are from the CPU's; and PyTorch's rivals.json.
"""

import argparse
import datetime
import sys
from pathlib import Path
from typing import NamedTuple

from export.storage.files import read_json, write_json

KINDS = {"graph": "CUDA graph", "compiled_graph": "compiled, CUDA graph", "compiled": "compiled", "eager": "eager"}


class Column(NamedTuple):
    """A further column of our figures: the name of a figure, the title, and how it is written."""

    name: str
    title: str
    form: str


FURTHER = [
    Column("peak_mib", "ours, peak MiB", "{:.0f}"),
    Column("likelihood_seconds", "log p(x) of the test set, s", "{:.1f}"),
    Column("difference", "losses' difference from the CPU's", "{:.0e}"),
]


def files(out, end):
    """Returns the contents of the files of a folder with an end, by their names without it."""
    return {path.name.removesuffix(end): read_json(path) for path in sorted(out.glob(f"*{end}"))}


def ours_in(out):
    """Returns our timings, by row and by the factor of its batch, with the row's difference from the CPU if it is known."""
    timed, checks = files(out, ".timing.json"), files(out, ".check.json")
    names = {name: name.partition(".") for name, figures in timed.items() if "milliseconds" in figures}
    differences = {name: {"difference": check["difference"]} for name, check in checks.items()}
    return {(row, int(factor or 1)): timed[name] | differences.get(name + ".small", {}) for name, (row, _, factor) in names.items()}


def cell(figures, ours):
    """Returns PyTorch's milliseconds and their ratio to ours."""
    return "-" if figures is None else f"{figures['milliseconds']:.3f} ({figures['milliseconds'] / ours['milliseconds']:.2f})"


def lines(ours, rivals):
    """Returns the table as lines of Markdown."""
    columns = [(kind, precision) for kind in KINDS for precision in ("float32", "tf32")]
    columns = [column for column in columns if any((key[2], key[3]) == column for key in rivals)]
    titles = [f"PyTorch, {KINDS[kind]}" + (", TF32" if precision == "tf32" else "") for kind, precision in columns]
    further = [column for column in FURTHER if any(column.name in figures for figures in ours.values())]
    rows = [["step of", "batch", "ours, ms", *(f"{title}, ms (ratio)" for title in titles), *(column.title for column in further)]]
    rows.append(["---"] * len(rows[0]))
    for (row, factor), figures in ours.items():
        cells = [cell(rivals.get((row, factor, kind, precision)), figures) for kind, precision in columns]
        cells += [column.form.format(figures[column.name]) if column.name in figures else "-" for column in further]
        rows.append([f"`{row}`", str(figures["batch_size"]), f"{figures['milliseconds']:.3f}", *cells])
    return [f"| {' | '.join(cells)} |" for cells in rows]


def report(out):
    """Returns the content of a benchmark file."""
    ours, found = ours_in(out), read_json(out / "rivals.json")["results"]
    rivals = {(r["row"], r["factor"], r["kind"], r["precision"]): r for r in found if "milliseconds" in r}
    order = list(dict.fromkeys(row for row, *_ in rivals))
    ours = dict(sorted(ours.items(), key=lambda item: (item[0][0] not in order, item[0])))
    (device,) = {figures["device"] for figures in [*ours.values(), *rivals.values()]}
    return {
        "command": "python -m tests.checks.card DIR OUT --timing 3 --rivals 4 --checks 2",
        "date": datetime.date.today().isoformat(),
        "machine": {"device": device},
        "versions": {"jax": next(iter(ours.values()))["jax"], "torch": next(iter(rivals.values()))["torch"]},
        "ours": {f"{row}, batch {figures['batch_size']}": figures for (row, _), figures in ours.items()},
        "rivals": found,
        "table": lines(ours, rivals),
    }


def main(argv=None):
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.card_report", description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder with the timings")
    parser.add_argument("report", type=Path, help="file to write")
    args = parser.parse_args(argv)
    write_json(args.report, report(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
