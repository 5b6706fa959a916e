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
    dump.add_argument("--timing", action="store_true", help="only the train steps, for timing; state and data are drawn at random there")
    dump.add_argument("folder", type=Path, help="folder for the programs and the data that they share")
    dump.add_argument("name", help="name of the programs")
    dump.add_argument("argv", nargs=argparse.REMAINDER, metavar="PRESET ...", help="arguments of training.train")
    run = commands.add_parser("run", help="train with the programs, in JAX")
    run.add_argument("programs", type=Path, help="file written by dump")
    run.add_argument("out", type=Path, help="folder for the results; a run in it is resumed")
    run.add_argument("--minutes", type=float, default=float("inf"), help="time after which training stops, to be resumed later")
    run.add_argument("--seconds-between", type=float, default=60.0, help="time between files (default: %(default)s)")
    run.add_argument(
        "--time", type=float, metavar="SECONDS", help="instead, time train steps for so many seconds, and write OUT/NAME.timing.json"
    )
    run.add_argument("--judge", action="store_true", help="end an unfinished run, and estimate log p(x)")
    load = commands.add_parser("load", help="make a run folder from the results, and evaluate it")
    load.add_argument("programs", type=Path, help="file written by dump")
    load.add_argument("trained", type=Path, help="file written by run")
    load.add_argument("run", type=Path, help="run folder to make")
    return parser


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    args = flags().parse_args(argv)
    try:
        if args.command == "run":
            from tests.checks.portable import runner

            if args.time:
                runner.measure(args.programs, args.out, args.time)
            elif args.judge:
                runner.judge(args.programs, args.out)
            else:
                runner.train(args.programs, args.out, args.minutes, args.seconds_between)
        else:
            programs = load("tests.checks.portable.programs")
            if args.command == "dump":
                programs.dump(args.folder, args.name, args.argv, args.timing)
            else:
                programs.load(args.programs, args.trained, args.run)
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
