"""Puts measured rows into the tables."""

from export.storage.files import write_json
from export.storage.locks import locked
from training.papers.registry import with_paper
from training.papers.result_rows import known_rows, place, writable
from training.papers.tables import write_full
from training.papers.verdicts import judged


def record(row, table, out=None):
    """Puts a row into a table, in the place of an earlier one of the same experiment, and writes the judged TABLE.json and TABLE.md."""
    out = writable(out)
    with locked(out, waits=True):
        rows = judged(table, place(known_rows(table, out), with_paper(row, table)))
        write_json(out / f"{table}.json", rows)
        write_full(rows, out / f"{table}.md")
