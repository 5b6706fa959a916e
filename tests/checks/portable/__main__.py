"""Train a preset without TensorFlow, on a machine with JAX alone, as programs that XLA compiles from its steps.

python -m tests.checks.portable dump DIR NAME PRESET [flags of training.train]    where TensorFlow is: DIR/NAME.npz
python -m tests.checks.portable run DIR/NAME.npz OUT [--minutes N]                where JAX is: OUT/NAME.npz
python -m tests.checks.portable load DIR/NAME.npz OUT/NAME.npz RUN                where TensorFlow is: a run folder, evaluated
"""

import argparse
import sys
from pathlib import Path

from export.shell.later import load


def flags():
    """Returns the parser of the three commands."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.checks.portable", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    dump = commands.add_parser("dump", help="write the programs of a preset")
    dump.add_argument("--timing", action="store_true", help="only what is timed; state and data are drawn at random there")
    dump.add_argument("folder", type=Path, help="folder for the programs and the data that they share")
    dump.add_argument("name", help="name of the programs")
    dump.add_argument("argv", nargs=argparse.REMAINDER, metavar="PRESET ...", help="arguments of training.train")
    run = commands.add_parser("run", help="train with the programs, in JAX")
    run.add_argument("programs", type=Path, help="file written by dump")
    run.add_argument("out", type=Path, help="folder for the results; a run in it is resumed")
    run.add_argument("--minutes", type=float, default=float("inf"), help="time after which training stops, to be resumed later")
    run.add_argument("--seconds-between", type=float, default=60.0, help="time between files (default: %(default)s)")
    run.add_argument("--time", type=float, metavar="SECONDS", help="instead, time steps and log p(x), each so long: OUT/NAME.timing.json")
    run.add_argument("--check", action="store_true", help="instead, train an epoch on the CPU too, and compare: OUT/NAME.check.json")
    run.add_argument("--judge", action="store_true", help="end an unfinished run, and estimate log p(x)")
    load = commands.add_parser("load", help="make a run folder from the results, and evaluate it if it is finished")
    load.add_argument("programs", type=Path, help="file written by dump")
    load.add_argument("trained", type=Path, help="file written by run")
    load.add_argument("run", type=Path, help="run folder to make")
    return parser


def dump(args):
    load("tests.checks.portable.dump").dump(args.folder, args.name, args.argv, args.timing)


def run(args):
    from tests.checks.portable import timing, training

    if args.time:
        timing.measure(args.programs, args.out, args.time)
    elif args.check:
        timing.check(args.programs, args.out)
    elif args.judge:
        training.judge(args.programs, args.out)
    else:
        training.train(args.programs, args.out, args.minutes, args.seconds_between)


def load_run(args):
    load("tests.checks.portable.results").load(args.programs, args.trained, args.run)


COMMANDS = {"dump": dump, "run": run, "load": load_run}


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    args = flags().parse_args(argv)
    try:
        COMMANDS[args.command](args)
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
