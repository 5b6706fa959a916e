"""Reproduce a paper's table: a queue that runs or resumes its rows, measures them, and compares them with the paper's figures.

    python -m training.reproduce cp_vae_table1 --rows vae mg10 --seeds 0 1 --minutes 60 --data-dir DIR
    python -m training.reproduce cp_vae_table1 --rows vae mg10 --seeds 0 1 --status

Rows are trained in their order, each with all of its seeds, in RUNS/TABLE/ROW-seedN, where a run that was killed or ran out of time
goes on. A row that is finished, or measured with as many epochs as are asked for, and whose log-likelihood is of as many examples and
samples, is skipped, and so is one that another process trains.
OUT/TABLE.json has the measured rows, OUT/TABLE.md the table.
"""

import difflib
import math
import os
import sys

from export.flags import Parser, at_least, path, positive, seed_number, text
from export.storage.files import read_history, runs_root
from export.storage.locks import HeldError, locked
from export.tensorflow_import import import_tensorflow
from training.jobs.status import status
from training.papers.recording import record
from training.papers.registry import TABLES
from training.papers.result_rows import has_likelihood, is_finished, known_rows, writable, written_rows
from training.presets.arguments import as_run
from training.runs.signals import Signals

ON_ONE_DATASET = ("cp_vae_toy", "mog_toy")  # tables whose figures are of known densities
PASSED_ON = ("dataset", "epochs", "warm_up", "patience", "data_dir", "likelihood_samples", "likelihood_examples", "strategy")


def flags():
    """Returns the parser of the command line."""
    parser = Parser(prog="python -m training.reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help=f"one of {', '.join(TABLES)}")
    parser.add_argument("--rows", type=text, nargs="+", metavar="ROW", help="rows instead of all")
    parser.add_argument("--seeds", nargs="+", type=seed_number, default=[0], metavar="N", help="seeds of each row (default: 0)")
    parser.add_argument("--minutes", type=positive, metavar="N", help="stop after N minutes with a checkpoint (default: run to the end)")
    parser.add_argument("--status", action="store_true", help="show what is done, under way and left, and stop")
    parser.add_argument("--dataset", type=text, help="data set instead of the presets': a name, npz:PATH or folder:PATH")
    parser.add_argument("--epochs", type=at_least(1), help="at most so many epochs instead of the presets'")
    parser.add_argument("--warm-up", type=at_least(0), help="epochs over which beta rises, instead of the presets'")
    parser.add_argument("--patience", type=at_least(1), help="epochs without a better validation figure after which a row stops")
    parser.add_argument(
        "--data-dir", default=os.environ.get("VAEMIX_DATA") or None, type=text, help="folder with NAME.npz (default: $VAEMIX_DATA)"
    )
    parser.add_argument("--runs", type=text, help="folder of the run folders (default: $VAEMIX_RUNS or ~/.cache/keras_vaemix/runs)")
    parser.add_argument("--out", type=path, help="folder of TABLE.json and TABLE.md (default: the project's)")
    parser.add_argument("--likelihood-samples", type=at_least(1), default=5000, help="importance samples of the log-likelihood")
    parser.add_argument("--likelihood-examples", type=at_least(1), help="log-likelihood of the first so many test examples only")
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


def is_measured(rows, row, seed, args):
    """Returns whether a row, with its settings of today, data and seed, is among the measured ones: finished, or with as many epochs.

    Its log-likelihood is that of as many test examples and samples as are asked for, or more.
    """
    asked = row.name, seed, args.dataset or row.own_dataset()
    is_same = lambda r: (r.get("row"), r["seed"], r["dataset"]) == asked and as_run(r["preset"], r["arguments"]) == row.arguments()  # noqa: E731
    same = [r for r in rows if is_same(r) and has_likelihood(r, args.likelihood_samples, args.likelihood_examples)]
    return any(is_finished(r) or r["epochs"] >= (args.epochs or math.inf) for r in same)


def run_folder(table, row, seed, args):
    """Returns the folder of a row's run."""
    return runs_root(args.runs) / table / f"{row.name}-seed{seed}"


def measure(table, row, seed, args):
    """Trains a row, or goes on with it, and returns its measured row."""
    import keras

    from training.findings import mog_toy, two_modes
    from training.jobs.record import row_of
    from training.jobs.train import train

    keras.backend.clear_session()  # names as in a process of its own
    if table == "mog_toy":
        return mog_toy.measure(row, seed, args.epochs, args.out)
    options = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in PASSED_ON if getattr(args, name) is not None]
    always = [f"--run-dir={run_folder(table, row, seed, args)}", "--full-evaluation", "--resume"]
    run = train([*row.command_line(), f"--seed={seed}", *options, *always])
    measured = {**row_of(run, table), "command": command(table, row, seed, args)}
    return two_modes.measure(run, measured, row, args) if table == "cp_vae_toy" else measured


def command(table, row, seed, args):
    """Returns the command that measures a row, without the places of one machine."""
    shown = [name for name in PASSED_ON if name not in ("data_dir", "strategy")]
    options = [(name, getattr(args, name)) for name in shown]
    words = [f"--{name.replace('_', '-')} {value}" for name, value in options if value is not None]
    return " ".join([f"python -m training.reproduce {table} --rows {row.name} --seeds {seed}", *words])


def queue_of(args):
    """Returns the table's name, and its rows with their seeds in the order in which they are trained; raises `ValueError` for bad flags."""
    (table,) = choose("a table", list(TABLES), [args.table or ""])
    by_name = {row.name: row for row in TABLES[table]}
    names = choose(f"a row of {table}", list(by_name), args.rows or list(by_name))
    if args.dataset and table in ON_ONE_DATASET:
        raise ValueError(f"Expected {table}, whose figures are of one data set, without --dataset. Received: --dataset {args.dataset}")
    return table, [(by_name[name], seed) for name in names for seed in args.seeds]


def reproduce(args, table, queue):
    """Measures the rows of a queue one after the other and returns whether none failed."""
    failed = False
    for row, seed in queue:
        title = f"{table} {row.name}, seed {seed}"
        try:
            with locked(run_folder(table, row, seed, args)):
                if is_measured(known_rows(table, args.out), row, seed, args):
                    print(f"{title}: measured already", flush=True)
                else:
                    print(title, flush=True)
                    record(measure(table, row, seed, args), table, args.out)
        except HeldError as error:
            print(f"{title}: {error}", flush=True)
        except (ValueError, ArithmeticError) as error:  # of this row
            print(f"{title}: {error}", file=sys.stderr)
            failed = True
    return not failed


def what_is_left(args, table, queue):
    """Returns the rows of a queue that are not measured, with the epochs that are done, as text."""
    measured, left = known_rows(table, args.out), []
    for row, seed in queue:
        if not is_measured(measured, row, seed, args):
            epochs = len(read_history(run_folder(table, row, seed, args) / "history.csv"))
            left.append(f"{row.name} seed {seed}" + (f" ({epochs} epochs done)" if epochs else ""))
    return f"left: {', '.join(left) or 'nothing'}"


def show(tables):
    """Prints the rows of tables: name, preset with flags, the paper's figure, what it is."""
    for table in tables:
        print(table)
        for row in TABLES[table]:
            paper = "" if row.paper_elbo is None else f"paper: -ELBO {-row.paper_elbo:.2f}"
            print(f"  {row.name:24} {' '.join(row.command_line()):96} {paper}{'  ' + row.caveat if row.caveat else ''}".rstrip())


def main(argv=None):
    """Returns the exit status: errors are one line on standard error; Ctrl-C, SIGTERM and the end of the time leave a checkpoint."""
    try:
        args = flags().parse_args(argv)
        if args.list:
            import_tensorflow()
            show(choose("a table", list(TABLES), [args.table]) if args.table else TABLES)
            return 0
        table, queue = queue_of(args)
        if args.status:
            print(status(table, queue, runs_root(args.runs) / table, written_rows(table, args.out), args))
            return 0
        args.out = writable(args.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return run(args, table, queue)


def run(args, table, queue):
    """Runs a queue for as long as it may, says what is left of it, and returns the exit status."""
    with Signals(None if args.minutes is None else 60 * args.minutes) as signals:
        try:
            import_tensorflow()
            is_well = reproduce(args, table, queue)
            print(f"\n{args.out / table}.json, {args.out / table}.md; {what_is_left(args, table, queue)}")
            return 0 if is_well else 1
        except BaseException as error:
            if signals.is_time_up:
                print(f"\n{args.minutes:g} minutes are over; {what_is_left(args, table, queue)}")
                return 0
            if signals.received or isinstance(error, KeyboardInterrupt):
                print("interrupted: the same command goes on", file=sys.stderr)
                return signals.status
            if not isinstance(error, (ValueError, OSError, ArithmeticError)):
                raise
            print(f"error: {error}", file=sys.stderr)
            return 1
