"""TF_CONFIG of a Slurm task, from the variables that srun sets: one worker a task.

export TF_CONFIG="$(python -m training.slurm)"
"""

import json
import os
import sys

from training.distributed.slurm import tf_config


def main():
    """Prints TF_CONFIG; errors are one line on standard error."""
    try:
        print(json.dumps(tf_config(os.environ)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
