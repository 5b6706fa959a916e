"""What training on many GPUs would cost: bytes that a step sends, and the efficiency that follows, by a model of the ring."""

import sys

from training.jobs.scaling import main

if __name__ == "__main__":
    sys.exit(main())
