"""Reproduce a paper's table: a queue that runs or resumes its rows, measures them, and compares them with the paper's figures."""

import sys

from training.jobs.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
