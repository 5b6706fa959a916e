"""tf.data services: other machines that make the training batches, where the input is the bottleneck."""

import sys

from training.jobs.service import main

if __name__ == "__main__":
    sys.exit(main())
