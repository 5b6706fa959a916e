"""Trains a model on examples with gaps in a run folder, on from its last checkpoint if there is one: a process that a test kills.

python -m tests.checks.gaps_run FOLDER EPOCHS
"""

import sys

import keras
import numpy as np

from tests import catalogue
from training.runs.checkpointing import Recorder
from training.runs.run import Run

SETTINGS = {"preset": "gaps", "dataset": "gaps", "data_sha256": "", "image_size": 1, "seed": 0, "epochs": 1}


def train(folder, epochs):
    """Trains until `epochs` epochs are done, with a checkpoint after each."""
    keras.utils.set_random_seed(0)
    model = catalogue.vae_with_gaps()
    given = catalogue.examples(model)
    x = np.where(given["mask"] == 1, given["x"], np.nan)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    run = Run(folder, SETTINGS, resume=True, monitor=None)
    first, recorder = run.restore(model), Recorder(run, seconds=0)
    model.fit(x, batch_size=10, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0, callbacks=[recorder])


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]))
