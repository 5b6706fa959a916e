"""Reproduce a paper's table: run or resume its rows, measure them, and say of each what became of the paper's figure.

    python -m training.reproduce cp_vae_table1 --rows vae mg10 --epochs 700 --seeds 0 1 --data-dir DIR

A row is trained in RUN_DIR/TABLE/ROW-seedN, where a killed run goes on. One that is measured already, by as many epochs, is skipped.
OUT/TABLE.json has the measured rows, OUT/TABLE.md the table.
"""

import argparse
import difflib
import math
import os
import shlex
import sys
from pathlib import Path

from training.papers import TABLES, as_run, with_paper
from training.quiet import import_tensorflow
from training.record import RESULTS

ON_ONE_DATASET = ("cp_vae_toy", "mog_toy")  # tables whose figures are of known densities
PASSED_ON = ("dataset", "epochs", "warm_up", "patience", "data_dir", "likelihood_samples", "likelihood_examples", "strategy")


def flags():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help=f"one of {', '.join(TABLES)}")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="rows instead of all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="seeds of each row (default: 0)")
    parser.add_argument("--dataset", help="data set instead of the presets': a name, npz:PATH or folder:PATH")
    parser.add_argument("--epochs", type=int, help="at most so many epochs instead of the presets'")
    parser.add_argument("--warm-up", type=int, help="epochs over which beta rises, instead of the presets'")
    parser.add_argument("--patience", type=int, help="epochs without a better validation figure after which a row stops")
    parser.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA"), help="folder with NAME.npz (default: $VAEMIX_DATA)")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/reproduce"), help="folder of the run folders")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of TABLE.json and TABLE.md")
    parser.add_argument("--likelihood-samples", type=int, default=5000, help="importance samples of the log-likelihood")
    parser.add_argument("--likelihood-examples", type=int, help="log-likelihood of the first so many test examples only")
    parser.add_argument("--strategy", default="auto", choices=("auto", "none", "mirrored"), help="tf.distribute strategy, of one machine")
    parser.add_argument("--list", action="store_true", help="show the rows, of all tables or of one, and stop")
    return parser


def choose(kind, names, received):
    """Returns the received names if all are known; raises `ValueError` with the nearest ones for one that is not."""
    for name in received:
        if name not in names:
            close = difflib.get_close_matches(name, names, 3, 0.4)
            hint = f"did you mean {' or '.join(close)}?" if close else f"one of {', '.join(names)}."
            raise ValueError(f"Expected {kind}: {hint} Received: {name!r}")
    return received


def epochs_asked(row):
    """Returns the limit of epochs under which a measured row was trained: infinite for the preset's own."""
    words = shlex.split(row["command"])
    return int(words[words.index("--epochs") + 1]) if "--epochs" in words else math.inf


def is_measured(rows, row, seed, epochs, dataset=None):
    """Returns whether one of the measured rows is of this row, with its settings of today, data and seed, with at least as many epochs."""
    asked = row.name, seed, dataset or row.own_dataset()
    is_same = lambda r: (r.get("row"), r["seed"], r["dataset"]) == asked and as_run(r["preset"], r["arguments"]) == row.arguments()  # noqa: E731
    same = [r for r in rows if is_same(r)]
    return any(max(r["epochs"], epochs_asked(r)) >= (epochs or math.inf) for r in same)


def measure(table, row, seed, args):
    """Trains a row, or goes on with it, and returns its measured row."""
    import keras

    from training.findings import mog_toy, two_modes
    from training.record import row_of
    from training.train import train

    keras.backend.clear_session()  # names as in a process of its own
    if table == "mog_toy":
        return mog_toy.measure(row, seed, args.epochs, args.out)
    folder = args.run_dir / table / f"{row.name}-seed{seed}"
    options = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in PASSED_ON if getattr(args, name) is not None]
    run = train([*row.command_line(), f"--seed={seed}", *options, f"--run-dir={folder}", "--resume"])
    measured = {**row_of(run, None), "command": command(table, row, seed, args)}
    return two_modes.measure(run, measured, row, args) if table == "cp_vae_toy" else measured


def command(table, row, seed, args):
    """Returns the command that measures a row, without the places of one machine."""
    shown = [name for name in PASSED_ON if name not in ("data_dir", "strategy")]
    options = [(name, getattr(args, name)) for name in shown]
    words = [f"--{name.replace('_', '-')} {value}" for name, value in options if value is not None]
    return " ".join([f"python -m training.reproduce {table} --rows {row.name} --seeds {seed}", *words])


def judged(table, rows, name, dataset):
    """Returns the rows of a table, those of the row called `name` on one data set with their computed verdict."""
    from training import verdicts
    from training.findings import mog_toy, two_modes

    if table == "mog_toy":
        return mog_toy.with_verdicts(rows)
    measured = lambda name: [r for r in rows if (r.get("row"), r["dataset"]) == (name, dataset)]  # noqa: E731
    of_bound = lambda group, row: verdicts.verdict(group, row.paper_elbo, row.caveat)  # noqa: E731
    of_table = {
        "cp_vae_toy": lambda group, row: two_modes.verdict(group),
        "gamix_ablation": lambda group, row: verdicts.verdict_on_faces(group, measured("vae")),
        "mask_aae_synthetic": verdicts.verdict_on_latents,
        "rae_table_mnist": verdicts.verdict_on_generation,
    }
    (row,) = (row for row in TABLES[table] if row.name == name)
    if dataset != row.own_dataset():
        row = row._replace(caveat=f"not comparable: the paper's row is of {row.own_dataset()}")
    group = measured(name)
    says = of_table.get(table, of_bound)(group, row)
    return [{**r, "verdict": says} if r in group else r for r in rows]


def write(table, rows, out):
    """Writes TABLE.json and TABLE.md."""
    from training.files import write_json
    from training.tables import write_full

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{table}.json", rows)
    write_full(rows, out / f"{table}.md")


def known_rows(table, out):
    """Returns the measured rows of a table: those of the project, and those of `out` in their place."""
    from training.files import read_json
    from training.record import place

    rows = []
    for path in dict.fromkeys((RESULTS / f"{table}.json", out / f"{table}.json")):
        for row in read_json(path) if path.exists() else []:
            rows = place(rows, row)
    return rows


def reproduce(args):
    """Measures the rows that are asked for and returns the names of those that failed."""
    from training.record import place

    (table,) = choose("a table", list(TABLES), [args.table or ""])
    by_name = {row.name: row for row in TABLES[table]}
    names, failed = choose(f"a row of {table}", list(by_name), args.rows or list(by_name)), []
    for name, value in (("epochs", args.epochs), ("patience", args.patience), ("likelihood-samples", args.likelihood_samples)):
        if value is not None and value < 1:
            raise ValueError(f"Expected --{name} of at least 1. Received: {value}")
    if args.dataset and table in ON_ONE_DATASET:
        raise ValueError(f"Expected {table}, whose figures are of one data set, without --dataset. Received: --dataset {args.dataset}")
    for seed in args.seeds:
        for name in names:
            rows = known_rows(table, args.out)
            if is_measured(rows, by_name[name], seed, args.epochs, args.dataset):
                print(f"{table} {name}, seed {seed}: measured already", flush=True)
                continue
            print(f"{table} {name}, seed {seed}", flush=True)
            try:
                measured = with_paper(measure(table, by_name[name], seed, args), table)
            except FloatingPointError as error:
                print(f"{table} {name}, seed {seed}: {error}", file=sys.stderr)
                failed.append(name)
                continue
            write(table, judged(table, place(known_rows(table, args.out), measured), name, measured["dataset"]), args.out)
    if not failed:
        print(f"\n{args.out / table}.json, {args.out / table}.md")
    return failed


def show(tables):
    """Prints the rows of tables: name, preset with flags, the paper's figure, what it is."""
    for table in tables:
        print(table)
        for row in TABLES[table]:
            paper = "" if row.paper_elbo is None else f"paper: -ELBO {-row.paper_elbo:.2f}"
            print(f"  {row.name:24} {' '.join(row.command_line()):96} {paper}{'  ' + row.caveat if row.caveat else ''}".rstrip())


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    args = flags().parse_args(argv)
    if not args.list:
        import_tensorflow()
    try:
        if args.list:
            show(choose("a table", list(TABLES), [args.table]) if args.table else TABLES)
            return 0
        return 1 if reproduce(args) else 0
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
