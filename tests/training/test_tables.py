"""Tables of measured rows: the parts of bounds, and marks on figures that are known to be wrong."""

import platform
from importlib import metadata

import pytest

import keras_vaemix
from export.storage.files import read_json, write_json
from keras_vaemix.storage.versions import versions
from training import record, reproduce, tables
from training.papers import result_rows
from training.papers import tables as tables_module
from training.papers.registry import TABLES
from training.papers.result_rows import RESULTS
from training.papers.row import Row
from training.papers.table import Headline, Table

ROW = {
    "row": "vae",
    "preset": "vae_mnist",
    "arguments": {},
    "dataset": "mnist",
    "seed": 0,
    "epochs": 2,
    "stopped": "early",
    "seconds": 3600,
    "elbo": -90.0,
    "elbo_se": 0.25,
    "reconstruction": -65.5,
    "kl": 24.5,
    "log_likelihood": -85.0,
    "log_likelihood_se": 0.5,
    "paper_elbo": -88.75,
    "paper": "a table",
    "verdict": "worse: of course",
    "command": "python -m training.reproduce t --seeds 0",
}


def cells_of(text):
    """Returns the lines of a Markdown table as dicts, and what stands under it."""
    table, *notes = text.split("\n\n")
    names, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [dict(zip(names, line, strict=True)) for line in lines], notes


def test_parts_of_bounds():
    gmmp = {**ROW, "preset": "gmmp_mnist", "paper_bound": -93.0, "paper_bound_se": 0.3, "paper_bound_kl": 27.5, "paper_bound_kl_se": 0.1}
    (plain, own), notes = cells_of(tables_module.markdown(TABLES["gmmp_table1"], [ROW, gmmp]))
    assert (plain["test ELBO"], plain["-RE"], plain["KL"]) == ("-90.00 ± 0.25", "-65.50", "24.50")
    assert (plain["test bound with U (eq. 23)"], plain["U"]) == ("-", "-")
    assert (own["test bound with U (eq. 23)"], own["U"]) == ("-93.00 ± 0.30", "27.50 ± 0.10")
    assert notes == []


def test_log_likelihoods_of_a_part_say_so_and_are_averaged_with_their_like_only():
    text = lambda *rows: tables_module.figure(TABLES["cp_vae_table1"], rows, "log_likelihood")  # noqa: E731
    whole, part, less = ({**ROW, "num_examples": 10_000, "num_likelihood_examples": n} for n in (10_000, 2000, 200))
    assert text(whole) == "-85.00 ± 0.50"
    assert text(part) == "-85.00 ± 0.50 (2,000 examples)"
    assert text(part, {**part, "log_likelihood": -86.0}) == "-85.50 ± 0.71 (2,000 examples)"
    assert text(part, less) == text(whole, part) == "-"


@pytest.mark.parametrize("is_full", [False, True])
def test_figures_that_are_not_valid_are_marked(is_full):
    strata, batches = "a fault of strata", "a fault of batches"
    wrong = {**ROW, "preset": "gmmp_mnist", "invalid": {"effective_sample_size": strata, "elbo": strata, "kl": batches}}
    (valid, marked), notes = cells_of(tables_module.markdown(TABLES["gmmp_table1"], [ROW, wrong], is_full))
    assert "†" not in "".join(valid.values())
    assert {name for name, cell in marked.items() if cell.endswith(" †")} == {"row", "test ELBO", "KL"}
    assert marked["test ELBO"] == "-90.00 ± 0.25 †"
    assert notes == ["† Not valid: `effective_sample_size`, `elbo`; a fault of strata.", "† Not valid: `kl`; a fault of batches."]


def test_headlines_are_the_measured_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(tables_module, "RESULTS", tmp_path)
    of_paper = ("elbo", "log_likelihood")
    rows = Row("vae", "vae_mnist"), Row("cp", "cp_vae_mnist")
    few = Table("t", rows, headlines=(Headline("VAE", "vae", of_paper), Headline("CP-VAE", "cp", ("elbo",))))
    monkeypatch.setattr(tables_module, "HEADLINES", {"few": {"t": few}})
    unnamed = {key: value for key, value in ROW.items() if key != "row"} | {"arguments": {"latent_dim": 3}}
    others = [{**ROW, "stopped": "unfinished", "epochs": 1, "invalid": {"elbo": "a fault"}}, {**ROW, "dataset": "digits"}, unnamed]
    write_json(tmp_path / "t.json", [ROW, *others])
    ((whole,), _) = cells_of(tables_module.headlines("few"))  # CP-VAE has not been measured
    assert list(whole.values()) == [
        *("VAE", "`t`, `vae`", "2", "1"),
        *("test ELBO -88.75", "test ELBO -90.00 ± 0.25; test log-likelihood -85.00 ± 0.50", "worse"),
    ]
    longer = {**others[0], "epochs": 7, "arguments": {"latent_dim": 5}}
    for rows, epochs in (([others[0]], "1, unfinished"), ([longer, others[0]], "7, unfinished")):
        write_json(tmp_path / "t.json", rows)
        ((longest,), _) = cells_of(tables_module.headlines("few"))
        assert (longest["epochs"], longest["here"].partition(";")[0]) == (epochs, "test ELBO -90.00 ± 0.25 †")


def test_what_is_not_valid_is_a_figure_of_its_row():
    paths = [path for path in RESULTS.glob("*.json") if path.stem != "reliability"]
    marked = [row for path in paths for row in read_json(path) if "invalid" in row]
    for row in marked:
        for key, reason in row["invalid"].items():
            figure = row
            for name in key.split("."):
                figure = figure[name]
            assert reason


def test_an_installed_package_asks_where_results_go(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(result_rows, "PROJECT", tmp_path)  # without pyproject.toml
    monkeypatch.setattr(result_rows, "RESULTS", tmp_path / "results")
    for main, arguments in ((tables.main, []), (record.main, ["run", "digits"]), (reproduce.main, ["cp_vae_toy"])):
        assert main(arguments) == 1
        expected = "Expected --out FOLDER for results, which an installed package does not keep. Received: none, in"
        assert capsys.readouterr().err == f"error: {expected} {tmp_path}\n"
    assert not list(tmp_path.iterdir())
    assert tables.main(["--out", str(tmp_path)]) == 1
    assert "Expected a folder with TABLE.json, one of cp_vae_table1, clustering, " in capsys.readouterr().err


def test_tables_of_another_folder_leave_the_project_s_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tables_module, "RESULTS", tmp_path / "none")
    monkeypatch.setattr(tables, "pages", lambda: pytest.fail("pages are the project's"))
    made = {**ROW, "arguments": {"init": "glorot"}, "data_sha256": "0", "verdict": "not comparable: no row of a paper"}
    write_json(tmp_path / "cp_vae_table1.json", [made])
    assert tables.main(["--out", str(tmp_path)]) == 0
    (row,) = read_json(tmp_path / "cp_vae_table1.json")
    assert row["verdict"].startswith("worse: `vae_mnist`, 2 epochs, one seed: -ELBO 90.00 against 88.75")
    assert (tmp_path / "cp_vae_table1.md").read_text() == tables_module.markdown(TABLES["cp_vae_table1"], [row], is_full=True) + "\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cp_vae_table1.json", "cp_vae_table1.md"]


def test_versions_name_that_of_the_library(monkeypatch):
    def not_installed(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", not_installed)
    assert versions() == {"python": platform.python_version(), "keras_vaemix": keras_vaemix.__version__}
