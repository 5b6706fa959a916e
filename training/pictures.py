"""Draw one picture of a run: of its samples, its codes, or how it was trained."""

import sys

from training.jobs.pictures_command import main

if __name__ == "__main__":
    sys.exit(main())
