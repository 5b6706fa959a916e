"""Reproduce a paper's table: a queue that runs or resumes its rows, measures them, and compares them with the paper's figures.

    python -m training.reproduce cp_vae_table1 --rows vae mg10 --seeds 0 1 --minutes 60 --data-dir DIR
    python -m training.reproduce cp_vae_table1 --rows vae mg10 --seeds 0 1 --status

Rows are trained in order, each with all of its seeds, in RUNS/TABLE/ROW-seedN, where a run that was killed or ran out of time is resumed.
A row that starts from the run of another is trained after that is finished.
A row is skipped while another process trains it, or if it is finished or measured with the requested number of epochs, and its
log-likelihood covers the requested numbers of examples and samples, by the requested warm-up and features.
An unfinished row replaces none of more epochs.
OUT/TABLE.json holds the measured rows, OUT/TABLE.md the table.
"""

import sys

from export.shell.command import Command
from export.shell.flags import Parser, at_least, path, positive, seed_number, text
from export.shell.later import Later
from export.storage.files import runs_root
from training.jobs.flags import PAPERS_SAMPLES, add_data_dir, features
from training.jobs.queue import choose, queue_of, what_is_left
from training.jobs.status import status
from training.papers.figures import FIGURES
from training.papers.registry import TABLES
from training.papers.result_rows import writable, written_rows

reproduce = Later("training.jobs.reproduce")


def flags():
    """Returns the parser of the command line."""
    parser = Parser(prog="python -m training.reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", help=f"one of {', '.join(TABLES)}")
    parser.add_argument("--rows", type=text, nargs="+", metavar="ROW", help="rows to measure (default: all)")
    parser.add_argument("--seeds", nargs="+", type=seed_number, default=[0], metavar="N", help="seeds of each row (default: 0)")
    parser.add_argument("--minutes", type=positive, metavar="N", help="stop after N minutes with a checkpoint (default: run to the end)")
    parser.add_argument("--status", action="store_true", help="show what is done, running and left, and exit")
    parser.add_argument("--dataset", type=text, help="data set instead of the presets': a name, npz:PATH or folder:PATH")
    parser.add_argument("--epochs", type=at_least(1), help="maximum number of epochs, instead of the presets'")
    parser.add_argument("--warm-up", type=at_least(0), help="epochs over which beta rises, instead of the presets'")
    parser.add_argument("--patience", type=at_least(1), help="epochs without improvement in validation after which a row stops")
    add_data_dir(parser)
    parser.add_argument(
        "--runs", type=text, metavar="DIR", help="folder of the run folders (default: $VAEMIX_RUNS or ~/.cache/keras_vaemix/runs)"
    )
    parser.add_argument("--out", type=path, help="folder of TABLE.json and TABLE.md (default: the project's)")
    parser.add_argument("--likelihood-samples", type=at_least(1), default=PAPERS_SAMPLES, help="importance samples for each log-likelihood")
    parser.add_argument("--likelihood-examples", type=at_least(1), help="number of test examples, from the first, for the log-likelihood")
    parser.add_argument("--features", type=features, metavar="NAME", help="features for evaluating samples, instead of the rows' own")
    parser.add_argument("--strategy", default="auto", choices=("auto", "none", "mirrored"), help="tf.distribute strategy on one machine")
    parser.add_argument("--list", action="store_true", help="list the rows of all tables or of one, and exit")
    return parser


def show(tables):
    """Prints the rows of tables: name, preset with flags, the paper's figure, and a caveat if there is one; then what is only quoted."""
    for table in tables:
        print(table)
        for row in TABLES[table].rows:
            stated = [f"-ELBO {-row.paper_elbo:.2f}"] if row.paper_elbo is not None else []
            stated += [f"{FIGURES[key].column} {FIGURES[key].text(value)}" for key, value in row.stated.items()]
            paper = f"paper: {', '.join(stated)}" if stated else ""
            start = f" --start-from {row.start_from.name}" if row.start_from else ""
            print(f"  {row.name:24} {' '.join(row.command_line()) + start:96} {paper}{'  ' + row.caveat if row.caveat else ''}".rstrip())
        for one in TABLES[table].quoted:
            print(f"  quoted: {one.system:48} {one.place:64} {one.figure or ''}".rstrip())


def parse(argv):
    """Returns the flags, the table and its queue, or None after printing a list or the status."""
    args = flags().parse_args(argv)
    if args.list:
        show(choose("a table", list(TABLES), [args.table]) if args.table else TABLES)
        return None
    table, queue = queue_of(args)
    if args.status:
        print(status(table.name, queue, runs_root(args.runs) / table.name, written_rows(table.name, args.out), args))
        return None
    args.out = writable(args.out)
    return args, table, queue


def seconds(asked):
    """Returns the time limit of the queue in seconds, or None."""
    args, _, _ = asked
    return None if args.minutes is None else 60 * args.minutes


def interrupted(asked, signals):
    """Prints what is left, and returns the exit status: running out of time is not a failure; a checkpoint is left in either case."""
    args, table, queue = asked
    if signals.is_time_up:
        print(f"\n{args.minutes:g} minutes are up; {what_is_left(args, table, queue)}")
        return 0
    print("interrupted: run the same command to go on", file=sys.stderr)
    return signals.status


main = Command(parse, lambda asked: reproduce.run(*asked), interrupted, seconds)

if __name__ == "__main__":
    sys.exit(main())
