"""Train a preset: fit, evaluate, draw pictures, export, and sample the export."""

import shlex
import sys

from export.shell.command import Command
from export.shell.later import Later
from training.jobs.flags import parse

train = Later("training.jobs.train")


def job(asked):
    """Trains, and leaves everything in the run folder."""
    train.run(asked)


def interrupted(asked, signals):
    """Prints the command that resumes from the checkpoint, and returns the exit status."""
    argv = [*asked.argv, *([] if asked.args.resume else ["--resume"])]
    print(f"interrupted: go on with python -m training.train {shlex.join(argv)}", file=sys.stderr)
    return signals.status


main = Command(parse, job, interrupted)

if __name__ == "__main__":
    sys.exit(main())
