"""Measures the rows of a queue: trains or resumes each, and adds it to its table."""

import functools
import shlex
import sys

import keras

from export.storage.files import portable, read_config, read_history
from export.storage.locks import HeldError, locked
from training.jobs.queue import is_measured, measured_as, run_folder, what_is_left
from training.jobs.record import protocol_of, row_of
from training.jobs.train import train
from training.papers.recording import record
from training.papers.result_rows import check_not_shorter, is_finished, known_rows, rows_in
from training.runs.run import stopped

OF_DATA = ("dataset", "data_dir")
SHOWN = ("dataset", "epochs", "warm_up", "patience", "likelihood_samples", "likelihood_examples", "features")
PASSED_ON = (*SHOWN, "data_dir", "strategy")


def trained(table, row, seed, args):
    """Trains or resumes a row, and returns its run folder and its measured row; raises `ValueError` if what it starts from is not there."""
    if row.start_from:
        check_start(table, row, seed, args)
    run = train([*command_line(table, row, seed, args, PASSED_ON), "--full-evaluation"])
    return run, {**row_of(run, table.name), "command": command(table, row, seed, args)}


def command_line(table, row, seed, args, passed_on):
    """Returns the arguments of `training.train` that train or resume a row in its run folder, with these of the given flags."""
    given = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in passed_on if getattr(args, name) is not None]
    start = [f"--start-from={run_folder(table, row.start_from, seed, args)}"] if row.start_from else []
    return [*row.command_line(), f"--seed={seed}", *given, *start, f"--run-dir={run_folder(table, row, seed, args)}", "--resume"]


def check_start(table, row, seed, args):
    """Raises `ValueError` unless the row from whose run another starts is measured, and that run is in its folder, both finished."""
    start, what = row.start_from, f"{row.start_from.name}, seed {seed}, from which {row.name} starts"
    known = measured_as(known_rows(table.name, args.out), start, seed, args)
    if not any(map(is_finished, known)):
        again = f"python -m training.reproduce {table.name} --rows {start.name} --seeds {seed}"
        found = f"a row of {known[0]['epochs']} epochs, unfinished" if known else "no row"
        raise ValueError(f"Expected a finished row of {what}: measure it by {again}, without --epochs. Received: {found}")
    folder = run_folder(table, start, seed, args)
    if not holds_finished(folder, table, start, seed, args):
        again = shlex.join(["python", "-m", "training.train", *command_line(table, start, seed, args, OF_DATA)])
        raise ValueError(f"Expected the finished run of {what}, in {folder}: copy it there, or train it by {again}. Received: none there")


def holds_finished(folder, table, row, seed, args):
    """Returns whether a folder holds a finished run of a row of a table by a seed, with its model."""
    if not all((folder / name).is_file() for name in ("model.keras", "config.json")):
        return False
    config, history = read_config(folder / "config.json", "arguments", "warm_up"), read_history(folder / "history.csv")
    end = stopped(config, history, protocol_of(config, table.name))
    return is_finished({"stopped": end}) and bool(measured_as([{**config, "row": row.name}], row, seed, args))


def measure(table, row, seed, args):
    """Returns the measured row of a table's row."""
    keras.backend.clear_session()  # layers are named as in a fresh process
    return table.measure(functools.partial(trained, table, row, seed, args), row, seed, args)


def command(table, row, seed, args):
    """Returns the command that measures a row, without what depends on the machine."""
    given = [(name, getattr(args, name)) for name in SHOWN if getattr(args, name) is not None]
    words = [f"--{name.replace('_', '-')} {value}" for name, value in given]
    return portable(" ".join([f"python -m training.reproduce {table.name} --rows {row.name} --seeds {seed}", *words]))


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
                    if args.epochs is not None:  # before hours of training
                        check_not_shorter(args.epochs, measured_as(rows_in(args.out, table.name), row, seed, args))
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
