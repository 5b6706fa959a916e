"""Evaluate a run: ELBO and importance-sampled log-likelihood, each with its standard error."""

import sys

from training.jobs.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
