"""The papers' experiments in a small form: one command each trains a row, judges it, and keeps its pictures beside the table."""

import functools

import numpy as np
import pytest

from export.storage.files import read_json
from training import reproduce
from training.data import manifolds, sets, toys
from training.features import lenet
from training.findings import two_modes
from training.papers.result_rows import VERDICTS

pytestmark = pytest.mark.slow
ATTRIBUTES = ["Male", "Smiling", "Young"]
FACES, CLASSES = ["--dataset", "faces"], ["--dataset", "classes"]
SMALL = {  # a row of each table, the flags that make it small, and figures and pictures that it has
    "cp_vae_table1": ("cp10", CLASSES, "elbo", ("cp10_samples", "cp10_draws", "cp10_reconstructions")),
    "cp_vae_toy": ("cp2_d40", [], "expected_log_likelihood", ("cp2_d40",)),
    "gmmp_table1": ("mlp_m2_k100", CLASSES, "paper_bound", ("histories", "pseudo_inputs", "log_likelihoods")),
    "gmmp_weights": ("w_1_9", CLASSES, "elbo", ("bounds",)),
    "gmmp_two_latents": ("mnist_m4", CLASSES, "elbo", ("mnist_m4_reconstructions", "bounds")),
    "gmmp_frey_faces": ("vae", CLASSES, "log_likelihood", ("vae_reconstructions",)),
    "further_systems": ("lars", CLASSES, "log_likelihood", ()),
    "clustering": ("mog_dp", CLASSES, "clusters_by_assignment", ()),
    "rae_table_mnist": ("inj_flow_gmm", CLASSES, "fd_generation", ("inj_flow_gmm_reconstructions",)),
    "gamix_ablation": ("gamix_paper", FACES, "fd_standard", ("gamix_paper_variants", "gamix_paper_transitions")),
    "mask_aae_synthetic": ("wae_gp8", [], "nac", ()),
    "latent_sizes": ("mask_manifold8_m8", [], "fd_generation", ("distance", "in_use")),
    "latent_spaces": ("flex_ae", [], "fd_generation", ("flex_ae",)),
    "generator_sizes": ("model1", CLASSES, "fd_reconstruction", ("distances",)),
    "attribute_lines": ("flex_ae", FACES, "cost", ("flex_ae_Male", "flex_ae_Smiling")),
}


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Few examples of each kind: with classes, with attributes, on a manifold; and a network of features after a few steps."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (5400, 8, 8, 1), "uint8"), np.arange(5400) % 10
    parts = {"train": slice(5000), "validation": slice(5000, 5200), "test": slice(5200, 5400)}
    arrays = {f"{key}_{split}": one[part] for split, part in parts.items() for key, one in (("x", x), ("y", y))}
    np.savez(tmp_path / "classes.npz", **arrays)
    faces = {"x": rng.integers(0, 256, (900, 16, 16, 3), "uint8"), "y": np.arange(900) % 2}
    np.savez(tmp_path / "faces.npz", **faces, attributes=rng.random((900, 3)) < 0.5, attribute_names=ATTRIBUTES)
    monkeypatch.setitem(sets.BUNDLED, "manifold8", functools.partial(manifolds.manifold, 8, (256, 200, 200)))
    monkeypatch.setitem(sets.BUNDLED, "cp_vae_toy", functools.partial(toys.cp_vae_toy, (400, 100, 100)))
    for module, name, value in ((lenet, "NUM_STEPS", 2), (two_modes, "NUM_SAMPLES", 4), (two_modes, "SAMPLES", 400)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("training.papers.result_rows.RESULTS", tmp_path)  # where no row is measured yet


@pytest.fixture
def drawing_too(judging_alone, monkeypatch):
    """Lets the training command end with the evaluation and the pictures of the run, which some tables keep."""
    from training.jobs import pictures, train

    judge = train.finish

    def finish(run, data, model, args):
        judge(run, data, model, args)
        pictures.draw(run.folder, model, data, args.split)

    monkeypatch.setattr(train, "finish", finish)


@pytest.mark.usefixtures("few", "without_xla")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SMALL)
def test_experiments_in_a_small_form(name, tmp_path, request):
    row, flags, figure, pictures = SMALL[name]
    request.getfixturevalue("drawing_too" if row in ("cp10", "vae", "mnist_m4", "inj_flow_gmm", "gamix_paper") else "judging_alone")
    given = [f"npz:{tmp_path / f'{flag}.npz'}" if flag in ("faces", "classes") else flag for flag in flags]
    counts = ["--epochs", "1", "--likelihood-samples", "4", "--likelihood-examples", "8"]
    assert reproduce.main([name, "--rows", row, *given, *counts, "--out", str(tmp_path), "--runs", str(tmp_path / "runs")]) == 0
    (measured,) = [one for one in read_json(tmp_path / f"{name}.json") if (one.get("row"), one["epochs"]) == (row, 1)]
    assert np.isfinite(measured[figure])
    assert measured["verdict"].partition(":")[0] in VERDICTS
    kept = [tmp_path / f"{name}_{picture}.png" for picture in pictures]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in kept)
