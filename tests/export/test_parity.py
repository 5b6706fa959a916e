"""Every exported model computes what the live model does: `tests.checks.parity` over some of each kind, and slowly over all parts."""

import pytest

from export.storage.files import read_json
from tests import catalogue
from tests.checks import parity

KINDS = (
    "posterior-NormalMixturePosterior",
    "model-CPVAE",
    "model-HierarchicalVAE-vamp",
    "autoencoder-mask",
    "EmpiricalBayesVAE",
)
# These train models whose artifacts are those of others.
OF_TRAINING = {
    *("mixture-iwae", "vamp-dreg", "flows", "model-HierarchicalVAE", "GAMIXVAE-fitted", "FactorVAE", "VAEIOP"),
    *(f"autoencoder-{name}" for name in ("penalties", "mmd", "adversarial", "flex-smooth")),
    "posterior-SampledMixturePosterior",
}


def cases():
    names = [name for name in catalogue.COVERING if name not in OF_TRAINING]
    return [name if name in KINDS else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", cases())
def test_artifacts_are_the_live_model(name, tmp_path):
    model = parity.shaken(catalogue.COVERING[name])
    assert parity.beyond(parity.measure(model, tmp_path / "artifact")) == []
    manifest = read_json(tmp_path / "artifact" / "manifest.json")
    assert manifest["latents"] == model.export_model().latent_sizes
    assert manifest["opset"] == 17
    if name == "autoencoder-mask":
        assert manifest["latent_dim"] == 2 < model.latent_dim()
    if hasattr(model, "cost"):
        assert manifest["cost"] == type(model.cost).__name__


def test_figures_beyond_their_limits_are_named():
    figures = {"parity": {"decode": 2e-5, "encode": float("nan"), "x": 0.0}, "standard_errors": {"mean": 6.0, "std": 1.0}, "p_value": 1e-9}
    assert parity.beyond(figures) == ["decode", "encode", "mean", "p_value"]
