"""The documents tell the truth: their code runs, their tables are the measured rows, their files exist."""

import re
from pathlib import Path

import pytest

from training.files import read_json
from training.presets import PRESETS
from training.record import RESULTS, VERDICTS, portable
from training.tables import README, pages, with_tables

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 4
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "student.keras").exists()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_tables_are_the_measured_rows(page):
    assert with_tables(page.read_text()) == page.read_text()


@pytest.mark.parametrize("path", sorted(p for p in RESULTS.glob("*.json") if p.stem != "reliability"), ids=lambda p: p.name)
def test_rows_say_how_they_were_made(path):
    for row in read_json(path):
        assert row["preset"] in PRESETS
        assert row["command"].startswith("python -m training.")
        assert row["command"] == portable(row["command"])
        assert len(row["data_sha256"]) == 64
        assert row["verdict"].partition(":")[0] in VERDICTS
        assert row["stopped"] in ("early", "maximum", "unfinished")
        assert {"seed", "epochs", "versions", "date", "seconds", "paper"} <= set(row)
        if "cost" in row:  # of a model without a likelihood
            assert not {"elbo", "log_likelihood"} & set(row)
        else:
            bound = "elbo" if "elbo" in row else "pseudo_elbo"
            assert {f"{bound}_se", "num_samples"} <= set(row)
            of_likelihood = bound.replace("elbo", "log_likelihood")
            assert row[bound] <= row[of_likelihood] + 4 * row[f"{of_likelihood}_se"]


def test_checks_say_how_they_were_made():
    for row in read_json(RESULTS / "reliability.json"):
        assert row["command"].startswith("python -m tests.")
        assert 0 <= row["passed"] <= row["tried"] > 0
        assert {"what", "largest_difference", "seconds", "date", "machine", "versions"} <= set(row)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_commands_exist(page):
    modules = set(re.findall(r"python -m ([\w.]+)", page.read_text())) - {"pytest"}
    for module in modules:
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_exist(page):
    for target in re.findall(r"\]\((?!http)([^)]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
