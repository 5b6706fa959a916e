"""Record a run as a row of a table of measured results; what it says of the paper's figures is computed."""

import datetime
import functools
import re
import sys
from pathlib import Path

from export import flags
from training.contents import EVALUATION
from training.files import read_config, read_history, read_json, read_rows, write_json
from training.papers import as_run, row_named, with_paper
from training.quiet import import_tensorflow

PROJECT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
UNNAMED = "not comparable: no row of a paper"
VERDICTS = ("reproduced", "better", "worse", "not comparable", "not a valid bound")


def row_of(run, table):
    """Returns the row of a run folder, without its verdict: what was run, how, how it ended, and every figure of its evaluation.

    How it ended is a matter of the protocol of the table's row, if it is one, and else of its preset's.
    A run of another program says in its config.json which `route` it took, and on which `device`.
    """
    from training.presets import PRESETS
    from training.run import best_epoch, stopped

    config = read_config(run / "config.json", "arguments", "command", "versions", "warm_up")
    if config["preset"] not in PRESETS:
        raise ValueError(f"Expected {run / 'config.json'} to name a preset of training.train --list. Received: {config['preset']}")
    monitor = config.get("monitor", "val_loss")
    history = read_history(run / "history.csv", *([] if monitor is None else [monitor]))
    if not (run / "evaluation.json").exists():
        raise FileNotFoundError(
            f"Expected a run that was judged: python -m training.evaluate {run}. Received: {run}, without evaluation.json"
        )
    evaluation = EVALUATION.check(run / "evaluation.json", read_json(run / "evaluation.json"))
    if evaluation["split"] != "test":
        raise ValueError(
            f"Expected a run judged on the test set: python -m training.evaluate {run}. Received: split={evaluation['split']!r}"
        )
    named = row_named(table, config)
    protocol = config.get("protocol", {}) | (dict(named.settings) if named else {})
    same = ("preset", "arguments", "dataset", "data_sha256", "seed", "versions")
    return {
        **{key: config[key] for key in same},
        **{key: config[key] for key in ("labels_sha256", "route", "device") if key in config},
        "command": portable(config["command"]),
        "epochs": len(history),
        "max_epochs": config["epochs"],
        "protocol": protocol,
        "stopped": stopped(config, history, protocol),
        "best_epoch": best_epoch(history, monitor) + 1,
        "date": datetime.date.today().isoformat(),
        "seconds": round(sum(row["seconds"] for row in read_history(run / "timing.csv", "seconds"))),
        **evaluation,
        "paper": PRESETS[config["preset"]].paper,
    }


def portable(command):
    """Returns a command without the flags that name places on one machine, or a split: a row is judged on the test set whatever it says."""
    flag = "--(data-dir|run-dir|out|split)"
    return re.sub(rf" {flag}[ =]('[^']*'|\S+)| '{flag}=[^']*'| --resume", "", command)


def experiment(row):
    """Returns what rows of one experiment have in common, whatever their seed; a row may be older than some of its preset's flags."""
    return row["preset"], sorted(as_run(row["preset"], row["arguments"]).items()), row["dataset"]


def is_finished(row):
    """Returns whether a measured row was stopped by early stopping on validation data or at its protocol's maximum of epochs."""
    return row.get("stopped") in ("early", "maximum")


def repeats(rows):
    """Returns lists of rows that differ by their seed alone, finished ones apart from others."""
    groups = {}
    for row in rows:
        groups.setdefault((str(experiment(row)), is_finished(row)), []).append(row)
    return list(groups.values())


def place(rows, row):
    """Returns rows with one more, in the place of an earlier one of the same experiment and seed."""
    same = [i for i, old in enumerate(rows) if (experiment(old), old["seed"]) == (experiment(row), row["seed"])]
    at = same[0] if same else len(rows)
    return [*rows[:at], row, *rows[at + 1 :]]


def written_rows(table, out=None):
    """Returns the rows in the files of a table: those of the project, then those of `out`."""
    paths = dict.fromkeys(folder / f"{table}.json" for folder in (RESULTS, out or RESULTS))
    return [row for path in paths if path.exists() for row in read_rows(path)]


def known_rows(table, out=None):
    """Returns the measured rows of a table: those of the project, and those of `out` in their place."""
    return functools.reduce(place, written_rows(table, out), [])


def writable(out=None):
    """Returns the folder that results are written to: `out`, or for None that of the project, of which this must be a checkout."""
    if out is None and not (PROJECT / "pyproject.toml").exists():
        raise ValueError(f"Expected --out FOLDER for results, which an installed package does not keep. Received: none, in {PROJECT}")
    return out or RESULTS


def has_likelihood(row, samples, examples):
    """Returns whether a measured row has the log-likelihood of so many test examples, None for all, by so many samples, or none at all."""
    if "num_likelihood_examples" not in row:
        return True
    wanted = min(examples or row["num_examples"], row["num_examples"])
    return row["num_likelihood_examples"] >= wanted and row["num_samples"] >= samples


def record(row, table, out=None):
    """Puts a row into a table, in the place of an earlier one of the same experiment, and writes the judged TABLE.json and TABLE.md."""
    from training.locks import locked
    from training.tables import write_full
    from training.verdicts import judged

    out = writable(out)
    with locked(out, waits=True):
        rows = judged(table, place(known_rows(table, out), with_paper(row, table)))
        write_json(out / f"{table}.json", rows)
        write_full(rows, out / f"{table}.md")


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = flags.Parser(prog="python -m training.record", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("table", type=flags.text, help="name of the table")
    parser.add_argument(
        "--verdict",
        type=flags.text,
        default=UNNAMED,
        help=f"of a row that no paper names: one of {', '.join(VERDICTS)}, a colon, a sentence",
    )
    parser.add_argument("--out", type=flags.path, help="folder of TABLE.json and TABLE.md (default: the project's)")
    try:
        args = parser.parse_args(argv)
        writable(args.out)
        import_tensorflow()
        if args.verdict.partition(":")[0] not in VERDICTS:
            raise ValueError(f"Expected a verdict that begins with one of {', '.join(VERDICTS)}. Received: {args.verdict}")
        row = row_of(args.run, args.table)
        if args.verdict != UNNAMED and (named := row_named(args.table, row)):
            raise ValueError(f"Expected no --verdict for {named.name}, whose own is computed. Received: {args.verdict}")
        record({**row, "verdict": args.verdict}, args.table, args.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
