"""The main job: its log-likelihood is higher than the standard normal's by more than the noise."""

import json

import numpy as np
import pytest

from keras_vaemix.storage.loading import load_model
from training.jobs.flags import MAIN_JOB


@pytest.mark.slow
def test_default_beats_the_standard_normal(main, training_alone, without_xla, tmp_path, digits):
    """After 60 epochs already, by about eleven standard errors."""
    estimates = {}
    for preset in (MAIN_JOB, "vae_digits"):
        assert main(*([] if preset == MAIN_JOB else [preset]), "--epochs", 60, "--run-dir", tmp_path / preset) == (0, "")
        assert json.loads((tmp_path / preset / "config.json").read_text())["preset"] == preset
        model = load_model(tmp_path / preset / "model.keras")
        estimates[preset] = model.log_likelihood(digits.arrays("test", model.likelihood.support), 100)
    difference = estimates[MAIN_JOB] - estimates["vae_digits"]
    print(f"difference {difference.mean():.3f} nats, standard error {difference.std() / np.sqrt(len(difference)):.3f}")
    assert difference.mean() > 4 * difference.std() / np.sqrt(len(difference))
