"""Measures the rows of a queue: trains or resumes each, and adds it to its table."""

import functools
import sys

import keras

from export.storage.locks import HeldError, locked
from training.jobs.queue import is_measured, run_folder, what_is_left
from training.jobs.record import row_of
from training.jobs.train import train
from training.papers.recording import record
from training.papers.result_rows import known_rows

PASSED_ON = ("dataset", "epochs", "warm_up", "patience", "data_dir", "likelihood_samples", "likelihood_examples", "strategy")


def trained(table, row, seed, args):
    """Trains or resumes a row, and returns its run folder and its measured row."""
    options = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in PASSED_ON if getattr(args, name) is not None]
    start = [f"--start-from={run_folder(table, row.start_from, seed, args)}"] if row.start_from else []
    always = [f"--run-dir={run_folder(table, row, seed, args)}", "--full-evaluation", "--resume"]
    run = train([*row.command_line(), f"--seed={seed}", *options, *start, *always])
    return run, {**row_of(run, table.name), "command": command(table, row, seed, args)}


def measure(table, row, seed, args):
    """Returns the measured row of a table's row."""
    keras.backend.clear_session()  # layers are named as in a fresh process
    return table.measure(functools.partial(trained, table, row, seed, args), row, seed, args)


def command(table, row, seed, args):
    """Returns the command that measures a row, without what depends on the machine."""
    shown = [name for name in PASSED_ON if name not in ("data_dir", "strategy")]
    options = [(name, getattr(args, name)) for name in shown]
    words = [f"--{name.replace('_', '-')} {value}" for name, value in options if value is not None]
    return " ".join([f"python -m training.reproduce {table.name} --rows {row.name} --seeds {seed}", *words])


def reproduce(args, table, queue):
    """Measures the rows of a queue one after the other and returns whether all succeeded."""
    failed = False
    for row, seed in queue:
        title = f"{table.name} {row.name}, seed {seed}"
        try:
            with locked(run_folder(table, row, seed, args)):
                if is_measured(known_rows(table.name, args.out), row, seed, args):
                    print(f"{title}: already measured", flush=True)
                else:
                    print(title, flush=True)
                    record(measure(table, row, seed, args), table.name, args.out)
        except HeldError as error:
            print(f"{title}: {error}", flush=True)
        except (ValueError, ArithmeticError) as error:  # concerns this row alone
            print(f"{title}: {error}", file=sys.stderr)
            failed = True
    return not failed


def run(args, table, queue):
    """Measures a queue, prints what is left of it, and returns the exit status."""
    has_succeeded = reproduce(args, table, queue)
    print(f"\n{args.out / table.name}.json, {args.out / table.name}.md; {what_is_left(args, table, queue)}")
    return 0 if has_succeeded else 1
