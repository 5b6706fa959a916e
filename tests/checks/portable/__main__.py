"""Train a preset where there is no TensorFlow: on a machine with JAX alone, by the programs that XLA compiles of its steps.

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
    dump.add_argument("--timing", action="store_true", help="the train steps alone, to be timed; state and data are drawn where they run")
    dump.add_argument("folder", type=Path, help="folder of the programs, and of the data that they share")
    dump.add_argument("name", help="name of the programs")
    dump.add_argument("argv", nargs=argparse.REMAINDER, metavar="PRESET ...", help="arguments of training.train")
    run = commands.add_parser("run", help="train by the programs, with JAX")
    run.add_argument("programs", type=Path, help="what dump wrote")
    run.add_argument("out", type=Path, help="folder of what was trained; a run that is there goes on")
    run.add_argument("--minutes", type=float, default=float("inf"), help="time after which training stops, to go on another time")
    run.add_argument("--seconds-between", type=float, default=60.0, help="time between files (default: %(default)s)")
    run.add_argument("--time", type=float, metavar="SECONDS", help="time train steps for so long instead, and write OUT/NAME.timing.json")
    run.add_argument("--judge", action="store_true", help="end a run that is not over, and estimate log p(x)")
    load = commands.add_parser("load", help="make a run folder of what was trained, and evaluate it")
    load.add_argument("programs", type=Path, help="what dump wrote")
    load.add_argument("trained", type=Path, help="what run wrote")
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
