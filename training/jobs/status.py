"""The status of a queue: what is done, running and left, and an estimate of the time left, from files alone, without TensorFlow."""

import statistics
from typing import NamedTuple

from export.storage.files import read_config, read_history
from export.storage.locks import holder
from training.papers.result_rows import hours, is_as_asked, is_finished

RECENT = 20  # last epochs, whose median time is used


class Entry(NamedTuple):
    """A row of a queue and a seed.

    Attributes:
        title: Its name and seed.
        state: "done", "running" (a process is at work), "begun" or "left".
        epochs: Number of finished epochs.
        says: Details, as text.
        seconds: Seconds per epoch, or None.
        maximum: Maximum number of epochs, or None.
    """

    title: str
    state: str
    epochs: int
    says: str
    seconds: float | None
    maximum: int | None


def status(table, queue, folder, measured, args):
    """Returns the status of a queue as text.

    Args:
        table: The table's name.
        queue: The rows with their seeds, in order.
        folder: Folder of the table's runs.
        measured: Measured rows of the table.
        args: The flags.
    """
    measured = [r for r in measured if args.dataset in (None, r["dataset"])]
    entries = [entry_of(row, seed, folder, measured, args) for row, seed in queue]
    lines = [f"{entry.state:8}{entry.title:32}{entry.says}".rstrip() for entry in entries]
    counts = {state: sum(entry.state == state for entry in entries) for state in ("done", "running", "begun", "left")}
    head = f"{table}: {', '.join(f'{count} {state}' for state, count in counts.items())}; runs in {folder}"
    return "\n".join([head, *lines, *estimate(entries, measured)])


def entry_of(row, seed, folder, measured, args):
    """Returns the entry of a row and a seed."""
    title, run, dataset = f"{row.name}, seed {seed}", folder / f"{row.name}-seed{seed}", args.dataset or row.dataset
    repeats = [r for r in measured if r.get("row") == row.name and row.is_of(r) and is_on(dataset, r)]
    own = [r for r in repeats if r["seed"] == seed and is_as_asked(r, args)]
    for r in own:
        if is_finished(r) or (args.epochs and r["epochs"] >= args.epochs):
            return Entry(title, "done", r["epochs"], f"{r['epochs']} epochs, {r.get('stopped')}, {hours(r):.2f} h", None, None)
    config = read_config(run / "config.json") if (run / "config.json").exists() else {}
    if config and not is_on(dataset, config):
        return Entry(title, "left", 0, f"its folder has a run on {config['dataset']}: pass another --runs", None, args.epochs)
    monitor = config.get("monitor", "val_loss")
    history = read_history(run / "history.csv", *([] if monitor is None else [monitor]))
    timing = read_history(run / "timing.csv", "seconds")
    at_work = holder(run)
    state = "running" if at_work else "begun" if history else "left"
    recent = [r["seconds"] for r in timing[-RECENT:]] or [r["seconds"] / r["epochs"] for r in repeats]
    maxima = [(row.settings or p.get("protocol", {})).get("epochs") for p in (config, *repeats)]
    says = [progress(history, monitor)] if history else []
    says += [f"measured after {r['epochs']} epochs, {r.get('stopped', 'unfinished')}" for r in own] + ([at_work] if at_work else [])
    seconds = statistics.median(recent) if recent else None
    return Entry(title, state, len(history), "; ".join(says), seconds, args.epochs or next((m for m in maxima if m), None))


def is_on(dataset, made):
    """Returns whether a measured row, or the run of a config, is on a data set; None is the preset's own, which no command names."""
    return made["dataset"] == dataset if dataset else "--dataset" not in made.get("command", "")


def progress(history, monitor):
    """Returns the progress of a run, as text."""
    if monitor is None:
        return f"{len(history)} epochs"
    values = [r[monitor] for r in history]
    best = values.index(min(values))
    return f"{len(history)} epochs, best {monitor} {values[best]:.2f} after {best + 1}, {len(values) - best - 1} epochs since"


def estimate(entries, measured):
    """Returns estimates of the time left as lines of text, each with its assumption about epochs."""
    rest = [entry for entry in entries if entry.state != "done"]
    known = [entry.seconds for entry in rest if entry.seconds is not None] or [r["seconds"] / r["epochs"] for r in measured]
    maxima = [entry.maximum for entry in rest if entry.maximum is not None]
    finished = [r["epochs"] for r in measured if is_finished(r)]
    if not rest:
        return []
    if not known or not (maxima or finished):
        return ["time left: unknown until a row has begun"]
    usual = statistics.median(known)
    hours = lambda ends: sum(max(0, end - e.epochs) * (e.seconds or usual) for e, end in zip(rest, ends, strict=True)) / 3600  # noqa: E731
    lines = [f"seconds per epoch: {min(known):.2g} to {max(known):.2g}; the median, {usual:.2g}, is assumed where unknown"]
    if maxima:
        most = hours([entry.maximum or max(maxima) for entry in rest])
        lines.append(f"time left: {most:.2f} h to the last epoch of the protocol, at most {max(maxima)}")
    if finished:
        mean = round(statistics.mean(finished))
        lines.append(
            f"time left: {hours([mean] * len(rest)):.2f} h to {mean} epochs, the mean of the {len(finished)} finished rows of the table"
        )
    return lines
