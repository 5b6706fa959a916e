"""XLA programs of the preset families train without TensorFlow."""

import importlib

import numpy as np
import pytest

from export.storage.files import read_json
from tests.checks.kills import write_data
from tests.checks.portable import programs
from tests.checks.portable.dump import dump
from tests.families import FAMILIES, SIZES

pytest.importorskip("jax")
pytestmark = pytest.mark.slow
timing = importlib.import_module("tests.checks.portable.timing")  # which imports JAX
FURTHER = {"networks": "mlp", "pretraining": 1, "first_epochs": 1, "critic_steps": 2}
IMAGES = {"gamix": {"dataset": "npz:faces.npz", "batch_size": 20}}  # the digits are too small for its patches
# Their programs have nothing that those of another family lack.
ALIKE = {
    *("beta_vae", "flow_vae", "autoencoder", "learned_prior", "mog_prior", "maf_prior", "planar", "householder", "nice"),
    *("hvae", "hiwae"),
}


def command_line(preset, **given):
    """The arguments of `training.train` for a preset in a small size, by default on the digits."""
    flags, sizes = {flag.name for flag in preset.flags()}, {name: size for name, size in SIZES.items() if isinstance(size, int)}
    own = {"dataset": "digits", "batch_size": 150, "features": "none", "epochs": 1, **given}
    own |= {name: value for name, value in sizes.items() | FURTHER.items() if name in flags}
    return [preset.name, *(text for name, value in own.items() for text in (f"--{name.replace('_', '-')}", str(value)))]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ALIKE])
def test_families_train_elsewhere(family, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(programs, "NUM_SAMPLES", 20)
    write_data()
    record = dump(tmp_path, "it", command_line(FAMILIES[family], **IMAGES.get(family, {})), timing=True)
    timing.measure(tmp_path / "it.npz", tmp_path / "out", 0.01)
    timed = read_json(tmp_path / "out" / "it.timing.json")
    assert np.all(np.isfinite(timed["loss"]))
    assert ("likelihood_seconds" in timed) == (record["likelihood"] is not None)
    assert (tmp_path / "it.npz").stat().st_size < 2**22
