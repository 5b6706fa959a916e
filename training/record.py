"""Record a run as a row of a table of measured results."""

import argparse
import datetime
import re
import sys
from pathlib import Path

from training.files import read_history, read_json, write_json
from training.papers import as_run, with_paper
from training.quiet import import_tensorflow

RESULTS = Path(__file__).parent / "results"
VERDICTS = ("reproduced", "better", "worse", "not comparable", "not a valid bound")


def row_of(run, verdict):
    """Returns the row of a run folder: what was run, how, and every figure of its evaluation."""
    from training.presets import PRESETS
    from training.run import best_epoch

    config, history = read_json(run / "config.json"), read_history(run / "history.csv")
    if not (run / "evaluation.json").exists():
        raise FileNotFoundError(
            f"Expected a run that was judged: python -m training.evaluate {run}. Received: {run}, without evaluation.json"
        )
    evaluation = read_json(run / "evaluation.json")
    if evaluation["split"] != "test":
        raise ValueError(
            f"Expected a run judged on the test set: python -m training.evaluate {run}. Received: split={evaluation['split']!r}"
        )
    same = ("preset", "arguments", "dataset", "data_sha256", "seed", "versions")
    return {
        **{key: config[key] for key in same},
        "command": portable(config["command"]),
        "epochs": len(history),
        "max_epochs": config["epochs"],
        "best_epoch": best_epoch(history, config.get("monitor", "val_loss")) + 1,
        "date": datetime.date.today().isoformat(),
        "seconds": round(sum(row["seconds"] for row in read_history(run / "timing.csv"))),
        **evaluation,
        "paper": PRESETS[config["preset"]].paper,
        "verdict": verdict,
    }


def portable(command):
    """Returns a command without the flags that name places on one machine, or a split: a row is judged on the test set whatever it says."""
    flag = "--(data-dir|run-dir|out|split)"
    return re.sub(rf" {flag}[ =]('[^']*'|\S+)| '{flag}=[^']*'| --resume", "", command)


def experiment(row):
    """Returns what rows of one experiment have in common, whatever their seed; a row may be older than some of its preset's flags."""
    return row["preset"], sorted(as_run(row["preset"], row["arguments"]).items()), row["dataset"]


def place(rows, row):
    """Returns rows with one more, in the place of an earlier one of the same experiment and seed."""
    same = [i for i, old in enumerate(rows) if (experiment(old), old["seed"]) == (experiment(row), row["seed"])]
    at = same[0] if same else len(rows)
    return [*rows[:at], row, *rows[at + 1 :]]


def record(row, path):
    """Puts a row into a table, in the place of an earlier one of the same experiment."""
    write_json(path, place(read_json(path) if path.exists() else [], row))


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m training.record", description=__doc__)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("table", help="name of the table")
    parser.add_argument("--verdict", required=True, help=f"one of {', '.join(VERDICTS)}, a colon, and a sentence")
    args = parser.parse_args(argv)
    import_tensorflow()
    try:
        if args.verdict.partition(":")[0] not in VERDICTS:
            raise ValueError(f"Expected a verdict that begins with one of {', '.join(VERDICTS)}. Received: {args.verdict}")
        record(with_paper(row_of(args.run, args.verdict), args.table), RESULTS / f"{args.table}.json")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
