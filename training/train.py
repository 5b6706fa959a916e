"""Train a preset: fit, evaluate, draw, export, and sample what was exported."""

import sys

from export.shell.command import Command
from export.shell.later import Later
from training.jobs.flags import parse

train = Later("training.jobs.train")


def job(asked):
    """Trains, and leaves everything in the run folder."""
    train.run(asked)


def interrupted(asked, signals):
    """Says how to go on from the checkpoint that is left, and returns the exit status."""
    print("interrupted: pass --resume to go on", file=sys.stderr)
    return signals.status


main = Command(parse, job, interrupted)

if __name__ == "__main__":
    sys.exit(main())
