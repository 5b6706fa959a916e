"""Adds measured rows to the tables, and draws their charts."""

from export.shell.later import Later
from export.storage.files import write_json
from export.storage.locks import locked
from training.papers.registry import table_named, with_paper
from training.papers.result_rows import check_not_shorter, is_finished, is_repeat, known_rows, place, rows_in, writable
from training.papers.tables import write_full
from training.papers.verdicts import judged
from training.presets.arguments import as_run

charts = Later("training.papers.charts")


def record(row, name, out=None):
    """Adds a row to a table, or replaces an earlier one of the same experiment, unless that has been trained for more epochs.

    Writes NAME.json, NAME.md with verdicts, and NAME_CHART.png for each of the table's charts, which are of the rows that it names.
    """
    out, table = writable(out), table_named(name)
    with locked(out, waits=True):
        if not is_finished(row):
            check_not_shorter(row["epochs"], [old for old in rows_in(out, name) if is_repeat(row, old)])
        rows = judged(table, place(known_rows(name, out), with_paper(row, name)))
        named = [one for one in rows if one.get("row") in table.by_name()]
        whole = [{**one, "arguments": as_run(one["preset"], one["arguments"])} for one in named]  # also those older than a flag
        figures = {title: draw(whole) for title, draw in table.charts.items()}  # before anything is written
        write_json(out / f"{name}.json", rows)
        write_full(table, rows, out / f"{name}.md")
        for title, figure in figures.items():
            charts.write(figure, out / f"{name}_{title}.png")
