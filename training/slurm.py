"""TF_CONFIG of a Slurm task, from the variables that srun sets: one worker a task."""

import sys

from training.jobs.slurm import main

if __name__ == "__main__":
    sys.exit(main())
