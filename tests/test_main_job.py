"""The main job: its log-likelihood is higher than the standard normal's by more than the noise."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from training.flags import MAIN_JOB
from training.run import load_model

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_default_beats_the_standard_normal(tmp_path, digits):
    estimates = {}
    for preset in (MAIN_JOB, "vae_digits"):
        arguments = [sys.executable, "-m", "training.train", *([] if preset == MAIN_JOB else [preset]), "--run-dir", tmp_path / preset]
        began = time.monotonic()
        environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}  # as a user has it
        result = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env={**environment, "PYTHONPATH": str(ROOT)})
        print(f"{preset}: {time.monotonic() - began:.0f} seconds")
        assert result.returncode == 0, result.stderr
        assert "tensorboard --logdir" in result.stdout
        assert json.loads((tmp_path / preset / "config.json").read_text())["preset"] == preset
        model = load_model(tmp_path / preset / "model.keras")
        estimates[preset] = model.log_likelihood(digits.arrays("test", model.likelihood.support), 500)
    difference = estimates[MAIN_JOB] - estimates["vae_digits"]
    print(f"difference {difference.mean():.3f} nats, standard error {difference.std() / np.sqrt(len(difference)):.3f}")
    assert difference.mean() > 4 * difference.std() / np.sqrt(len(difference))
