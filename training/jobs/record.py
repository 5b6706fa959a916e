"""Record a run as a row of a table of measured results; its verdict on the paper's figures is computed."""

import datetime
import math

from export.storage.contents import EVALUATION
from export.storage.files import portable, read_config, read_history, read_json, without_paths
from training.papers.recording import record
from training.papers.registry import row_named
from training.papers.result_rows import UNNAMED
from training.presets import PRESETS
from training.presets.arguments import FURTHER
from training.runs.run import START_TIMING, best_epoch, stopped

POINTS = 40  # of the curve of a run
BESIDE = ("other_settings", "start_from", "route", "device")  # settings that not every run has


def row_of(run, table):
    """Returns the row of a run folder, without its verdict: what was run, how, how it ended, and every figure of its evaluation.

    How it ended is judged by the protocol of the table's row, if the run matches one, or else by its preset's.
    A run of another program names its `route` and its `device` in config.json.
    """
    config = read_config(run / "config.json", "arguments", "command", "versions", "warm_up")
    if config["preset"] not in PRESETS:
        raise ValueError(f"Expected {run / 'config.json'} to name a preset of training.train --list. Received: {config['preset']}")
    monitor = config.get("monitor", "val_loss")
    history = read_history(run / "history.csv", *([] if monitor is None else [monitor]))
    if not (run / "evaluation.json").exists():
        raise FileNotFoundError(f"Expected an evaluated run: python -m training.evaluate {run}. Received: {run}, without evaluation.json")
    evaluation = EVALUATION.check(run / "evaluation.json", read_json(run / "evaluation.json"))
    if evaluation["split"] != "test":
        raise ValueError(
            f"Expected a run evaluated on the test set: python -m training.evaluate {run}. Received: split={evaluation['split']!r}"
        )
    protocol, start = protocol_of(config, table), read_history(run / START_TIMING, "seconds")
    same = ("preset", "arguments", "dataset", "data_sha256", "seed", "versions")
    return {
        **{key: config[key] for key in same},
        **without_paths({key: config[key] for key in ("labels_sha256", *FURTHER, *BESIDE) if key in config}),
        "command": portable(config["command"]),
        "epochs": len(history),
        "max_epochs": config["epochs"],
        "warm_up": config["warm_up"],
        "protocol": protocol,
        "stopped": stopped(config, history, protocol),
        "best_epoch": best_epoch(history, monitor) + 1,
        "date": datetime.date.today().isoformat(),
        "curve": curve(history, monitor or "loss"),
        "seconds": round(sum(row["seconds"] for row in read_history(run / "timing.csv", "seconds"))),
        **({"start_seconds": round(start[0]["seconds"])} if start else {}),
        **evaluation,
        "paper": PRESETS[config["preset"]].paper,
    }


def protocol_of(config, table):
    """Returns the protocol of a run: its preset's, with what the row of a table that it matches has instead."""
    named = row_named(table, config)
    return config.get("protocol", {}) | (dict(named.settings) if named else {})


def curve(history, figure):
    """Returns the values of a figure over the epochs of a history, at most `POINTS` of them, evenly spaced and with the last."""
    chosen = [history[i * (len(history) - 1) // max(POINTS - 1, 1)] for i in range(POINTS)] if len(history) > POINTS else history
    chosen = [row for row in chosen if math.isfinite(row.get(figure, math.nan))]
    return {"figure": figure, "epochs": [row["epoch"] + 1 for row in chosen], "values": [round(row[figure], 4) for row in chosen]}


def run(args):
    """Adds the row of a run to its table."""
    row = row_of(args.run, args.table)
    if args.verdict != UNNAMED and (named := row_named(args.table, row)):
        raise ValueError(f"Expected no --verdict for {named.name}, whose verdict is computed. Received: {args.verdict}")
    record({**row, "verdict": args.verdict}, args.table, args.out)
