"""Train a preset: fit, evaluate, draw, export, and sample what was exported."""

import sys

from training.jobs.train import main

if __name__ == "__main__":
    sys.exit(main())
