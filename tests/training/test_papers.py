"""The papers' tables: each says all that belongs to it, in a file of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from export.storage.files import read_json
from training import reproduce, tables
from training.papers import gmmp_vae, result_rows, systems, verdicts
from training.papers import tables as tables_module
from training.papers.figures import FIGURES
from training.papers.registry import TABLES
from training.papers.row import Row
from training.papers.table import Headline, Table
from training.presets.parts import GMMP_PROTOCOL

ROOT = Path(__file__).parents[2]
MADE = {"dataset": "mnist", "epochs": 4, "seconds": 6, "stopped": "maximum", "versions": {}, "paper": "none", "data_sha256": "0"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_named_in_its_own_file_alone(name):
    training = ROOT / "training"
    files = [*training.glob("*.py"), *(path for room in ("jobs", "papers") for path in (training / room).rglob("*.py"))]
    assert len([path for path in files if f'"{name}"' in path.read_text()]) == 1


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_a_table_shows_exists(table):
    assert set(table.columns) <= {*FIGURES, "paper"}
    assert set(table.settings) <= {name for row in table.rows for name in row.arguments()}
    assert {headline.row for headline in table.headlines} <= set(table.by_name())
    assert {key for headline in table.headlines for key in headline.figures} <= set(table.columns)
    stated = {key for row in table.rows for key in row.stated}
    assert stated <= set(table.columns)
    if table.verdict is verdicts.verdict:
        assert {key for key in stated if FIGURES[key].comparison is None} == set()


def test_rows_of_another_protocol_have_that_of_their_paper_s_presets():
    assert GMMP_PROTOCOL.settings == gmmp_vae.PROTOCOL


@pytest.mark.parametrize("table", ["gmmp_table1", "gmmp_frey_faces"])
def test_baselines_have_the_protocol_of_their_table(table):
    """That of its own presets, which is without a warm-up for importance-weighted bounds."""
    for row in TABLES[table].rows:
        is_own = row.preset.partition("_")[0] in ("gmmp", "iwae", "hiwae")
        assert (row.name, row.arguments()["init"], dict(row.settings)) == (row.name, "he", {} if is_own else gmmp_vae.PROTOCOL)


def test_papers_are_known_without_tensorflow():
    code = "import sys, training.papers.registry; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.fixture
def new(monkeypatch, tmp_path):
    """A table that measures, judges and shows its own way, and is in one registry alone."""

    def measure(train, row, seed, args):
        return {**MADE, "preset": row.preset, "arguments": row.arguments(), "seed": seed, "nac": 0.1234 * (1 + seed), "command": "new"}

    table = Table(
        "new",
        (Row("one", "vae_mnist", {"latent_dim": 2}, stated={"nac": 0.5}),),
        measure,
        verdict=lambda rows, row, beside: f"better: {row.name}, {len(rows)} of {len(beside)}",
        settings=("latent_dim",),
        columns=("nac", "seconds_per_epoch", "paper"),
        is_of_one_dataset=True,
        headlines=(Headline("Something new", "one", ("nac",)),),
    )
    monkeypatch.setitem(TABLES, "new", table)
    monkeypatch.setattr(tables_module, "RESULTS", tmp_path)
    monkeypatch.setattr(tables_module, "HEADLINES", {"papers": {"new": table}})
    return table


def test_a_new_table_is_one_registration(new, tmp_path, capsys):
    assert reproduce.main(["new", "--seeds", "0", "1", "--out", str(tmp_path), "--runs", str(tmp_path / "runs")]) == 0
    rows = read_json(tmp_path / "new.json")
    assert [(row["row"], row["seed"], row["paper_nac"], row["verdict"]) for row in rows] == [
        ("one", 0, 0.5, "better: one, 2 of 2"),
        ("one", 1, 0.5, "better: one, 2 of 2"),
    ]
    head, _, line = tables_module.results("new").splitlines()
    assert head == "| row | settings | epochs | seeds | paper's NAC | NAC | seconds per epoch | the paper's row | verdict |"
    assert line == "| `one` | init=glorot, latent_dim=2 | 4 | 2 | 0.5 | 0.185 ± 0.087 | 2 ± 0 | none | better: one, 2 of 2 |"
    assert "| Something new | `new`, `one` | 4 | 2 | NAC 0.5 | NAC 0.185 ± 0.087 | better |" in tables_module.headlines("papers")
    assert (tmp_path / "new.md").read_text() == tables_module.markdown(new, rows, is_full=True) + "\n"
    assert tables.main(["--out", str(tmp_path)]) == 0
    assert read_json(tmp_path / "new.json") == rows
    assert result_rows.known_rows("new", tmp_path) == rows
    capsys.readouterr()
    assert reproduce.main(["new", "--dataset", "digits"]) == 1
    assert capsys.readouterr().err.startswith("error: Expected no --dataset for new, whose figures are of one data set.")


def test_what_is_only_quoted_is_shown_and_cannot_be_run(capsys):
    page = (ROOT / "docs" / "results" / "mixture_posteriors.md").read_text()
    assert "| Conv. VAE + HVI | mnist | -81.94 | Table 2: Salimans et al., 2015 |" in page
    assert tables_module.quoted(TABLES["gmmp_frey_faces"]) == []
    assert reproduce.main(["gmmp_table1", "--list"]) == 0
    assert "quoted: Conv. VAE + HVI" in capsys.readouterr().out
    assert reproduce.main(["gmmp_table1", "--rows", "Conv. VAE + HVI"]) == 1
    assert "Expected a row of gmmp_table1" in capsys.readouterr().err


def test_systems_have_our_figures_beside_the_papers(monkeypatch):
    made = {**MADE, "row": "hlars", "preset": "hlars_mnist", "arguments": TABLES["gmmp_table1"].by_name()["hlars"].arguments()}
    rows = [{**made, "seed": seed, "log_likelihood": -81.0 - seed} for seed in (0, 1)]
    monkeypatch.setattr(systems, "written_rows", lambda table: rows if table == "gmmp_table1" else [])
    lines = systems.system("lars").splitlines()
    start = "| `python -m training.reproduce gmmp_table1 --rows"
    assert f"{start} hlars` | mnist | test log-likelihood -80.30 | test log-likelihood -81.50 ± 0.71 (4 epochs) |" in lines
    assert f"{start} omniglot_hlars` | omniglot | test log-likelihood -97.08 | not trained yet |" in lines
    assert lines[-1].endswith(" | mnist | none | not trained yet |")
    made = {**MADE, "row": "vmm", "preset": "vmm_mnist", "arguments": TABLES["clustering"].by_name()["vmm"].arguments()}
    row = {**made, "seed": 0, "elbo": -1.0, "nmi": 0.5, "clusters_by_assignment": 12}
    monkeypatch.setattr(systems, "written_rows", lambda table: [row])
    assert systems.system("vmm").endswith(" | mnist | none | test ELBO -1.00; clusters in use 12 (4 epochs) |")
    row |= {"stopped": "unfinished", "warm_up": 3, "protocol": {"warm_up": 0}, "command": "python -m training.train vmm_mnist"}
    assert "`python -m training.reproduce clustering --rows vmm --epochs 4 --warm-up 3`" in systems.system("vmm")
    row["arguments"] = {**row["arguments"], "num_components": 7}
    assert "`python -m training.train vmm_mnist --num-components 7 --epochs 4`" in systems.system("vmm")
