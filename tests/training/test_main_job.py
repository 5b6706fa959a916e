"""The main job: its log-likelihood is higher than the standard normal's by more than the noise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_vaemix.storage.loading import load_model
from training.jobs.flags import MAIN_JOB

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_default_beats_the_standard_normal(tmp_path, digits):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}  # as a user has it
    how = {"cwd": ROOT, "text": True, "env": {**environment, "PYTHONPATH": str(ROOT)}, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs, estimates = {}, {}
    for preset in (MAIN_JOB, "vae_digits"):
        arguments = [sys.executable, "-m", "training.train", *([] if preset == MAIN_JOB else [preset]), "--run-dir", tmp_path / preset]
        runs[preset] = subprocess.Popen(arguments, **how)
    for preset, process in runs.items():
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "tensorboard --logdir" in out
        assert json.loads((tmp_path / preset / "config.json").read_text())["preset"] == preset
        model = load_model(tmp_path / preset / "model.keras")
        estimates[preset] = model.log_likelihood(digits.arrays("test", model.likelihood.support), 500)
    difference = estimates[MAIN_JOB] - estimates["vae_digits"]
    print(f"difference {difference.mean():.3f} nats, standard error {difference.std() / np.sqrt(len(difference)):.3f}")
    assert difference.mean() > 4 * difference.std() / np.sqrt(len(difference))
