"""TF_CONFIG of a Slurm task, from the variables that srun sets: one worker per task.

export TF_CONFIG="$(python -m training.slurm)"
"""

import json
import os
import sys

from export.shell.command import Command
from export.shell.flags import Parser
from export.shell.later import Later

slurm = Later("training.distributed.slurm")


def parse(argv):
    """Returns the parsed command line, which has no flags."""
    return Parser(prog="python -m training.slurm", description=__doc__.splitlines()[0]).parse_args(argv)


main = Command(parse, lambda args: print(json.dumps(slurm.tf_config(os.environ))))

if __name__ == "__main__":
    sys.exit(main())
