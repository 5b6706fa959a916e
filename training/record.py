"""Record a run as a row of a table of measured results; what it says of the paper's figures is computed."""

import sys

from training.jobs.record import main

if __name__ == "__main__":
    sys.exit(main())
