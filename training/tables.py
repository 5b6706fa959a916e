"""Judge the measured rows, and write the tables of results: those of the README and of docs, and the full ones beside the rows."""

import sys

from training.jobs.tables import main

if __name__ == "__main__":
    sys.exit(main())
