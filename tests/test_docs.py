"""The documents tell the truth: their code runs, their tables are the measured rows, their files exist."""

import functools
import inspect
import re
import runpy
from pathlib import Path

import nbformat
import pytest
import setuptools

import keras_vaemix as vm
from export.storage.files import portable, read_json
from keras_vaemix import likelihoods, models, posteriors, priors
from tests.checks.site import IN_EVERY_BUILD, NOTEBOOKS, OUTPUTS, code_of, notebook_of
from training.papers.pages import MARKED, pages, with_tables
from training.papers.registry import table_named
from training.papers.result_rows import RESULTS, VERDICTS
from training.papers.systems import SYSTEMS as SYSTEMS_SHOWN
from training.papers.tables import HEADLINES
from training.presets import PRESETS

ROOT = Path(__file__).parents[1]
PAGES = {str(page.relative_to(ROOT)): page for page in pages()}
SYSTEMS = [name for name in PAGES if name.startswith("docs/systems/")]


def blocks(page):
    """Returns the Python code of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def cells(text):
    """Returns the cells of every line of the tables of a page."""
    return [re.split(r" *(?<!\\)\| *", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]


def resolve(name):
    """Returns what a name of the library stands for."""
    return functools.reduce(getattr, name.split("."), vm)


def slug(heading):
    """Returns the anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_code_is_on_the_pages_that_show_it():
    with_code = {name for name, page in PAGES.items() if blocks(page)}
    assert {"README.md", "docs/guides/first_model.md", "docs/guides/export.md", "docs/guides/add_a_prior.md"} <= with_code


def test_every_model_is_made_in_the_code_of_a_page():
    code = "".join(block for page in PAGES.values() for block in blocks(page))
    assert {name for name in models.__all__ if name in vm.__all__ and f"vm.{name}(" not in code} == set()


CODE = {name: {line for block in blocks(page) for line in block.splitlines()} for name, page in PAGES.items() if blocks(page)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*np.object:FutureWarning")  # of Keras's exporter
@pytest.mark.parametrize("name", [name for name, lines in CODE.items() if not any(lines < others for others in CODE.values())])
def test_code_runs(name, without_xla, tmp_path, monkeypatch):
    """Where another page has every line of it, it runs there."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks(PAGES[name]):
        exec(compile(block, name, "exec"), names)


@pytest.mark.parametrize("name", PAGES)
def test_tables_are_the_measured_rows(name):
    assert with_tables(PAGES[name].read_text()) == PAGES[name].read_text()


def test_every_measured_table_has_a_page():
    found = [match for page in PAGES.values() for match in MARKED.findall(page.read_text())]
    assert sorted(name for _, kind, name, _ in found if kind == "system") == sorted(SYSTEMS_SHOWN)
    marked = {name for _, kind, name, _ in found if kind != "system"}
    measured = {path.stem for path in [*RESULTS.glob("*.json"), *RESULTS.glob("benchmarks/*.json")]}
    assert marked == measured | set(HEADLINES)


@pytest.mark.parametrize("path", sorted(p for p in RESULTS.glob("*.json") if p.stem != "reliability"), ids=lambda p: p.name)
def test_rows_say_how_they_were_made(path):
    for row in read_json(path):
        assert row["preset"] in PRESETS
        assert row["command"].startswith("python -m training.")
        assert row["command"] == portable(row["command"])
        assert len(row["data_sha256"]) == 64
        assert row["verdict"].partition(":")[0] in VERDICTS
        assert row["stopped"] in ("early", "maximum", "unfinished")
        assert {"seed", "epochs", "versions", "date", "seconds"} <= set(row)
        assert ("paper" in row) == ("paper" in table_named(path.stem).columns)
        if "cost" in row:  # of a model without a likelihood
            assert not {"elbo", "log_likelihood"} & set(row)
        else:
            bound = "elbo" if "elbo" in row else "pseudo_elbo"
            assert f"{bound}_se" in row
            assert "num_samples" in row or path.stem == "cp_vae_toy"  # whose likelihoods are integrals
            of_likelihood = bound.replace("elbo", "log_likelihood")
            assert row[bound] <= row[of_likelihood] + 4 * row[f"{of_likelihood}_se"]


def test_checks_say_how_they_were_made():
    for row in read_json(RESULTS / "reliability.json"):
        assert row["command"].startswith("python -m tests.")
        assert 0 <= row["passed"] <= row["tried"] > 0
        assert {"what", "largest_difference", "seconds", "date", "machine", "versions"} <= set(row)


@pytest.mark.parametrize("name", PAGES)
def test_commands_exist(name):
    modules = set(re.findall(r"python -m ([\w.]+)", PAGES[name].read_text())) - {"pytest", "sphinx"}
    for module in modules:
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.mark.parametrize("name", PAGES)
def test_links_exist(name):
    for target in re.findall(r"\]\((?!http)([^)]+)\)", PAGES[name].read_text()):
        path, _, anchor = target.partition("#")
        linked = PAGES[name].parent / path if path else PAGES[name]
        assert linked.exists(), target
        assert not anchor or anchor in map(slug, re.findall(r"^#+ (.*)", linked.read_text(), re.MULTILINE)), target


def test_the_description_of_the_package_has_no_relative_links(monkeypatch):
    found = {}
    monkeypatch.setattr(setuptools, "setup", found.update)
    runpy.run_path(str(ROOT / "setup.py"))
    assert re.findall(r"\]\((?!http)[^)]*\)", found["long_description"]) == []


def test_the_index_links_every_page():
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)]+)\)", index.read_text())}
    assert {page.resolve() for page in PAGES.values()} - {index, ROOT / "README.md"} <= linked


def test_the_reference_has_every_public_name():
    pages = [page.read_text() for page in (ROOT / "docs" / "api").glob("*.rst")]
    listed = {re.split(r"[:.]", word)[-1] for page in pages for word in re.findall(r"^\.\. auto\w+:: ([\w:.]+)$", page, re.MULTILINE)}
    rooms = (vm, vm.callbacks, vm.divergences, vm.evaluation, vm.networks, models, priors, posteriors, likelihoods)
    assert {name for room in rooms for name in room.__all__ if callable(getattr(room, name))} - {"sum_event"} <= listed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_outputs_are_those_of_the_notebook(path):
    """Else a build of the site would execute it."""
    kept = OUTPUTS / path.with_suffix(".ipynb").name
    assert kept.exists() == (path.stem != IN_EVERY_BUILD)
    if kept.exists():
        assert code_of(nbformat.read(kept, 4)) == code_of(notebook_of(path))


@pytest.mark.parametrize("name", PAGES)
def test_names_exist(name):
    text = PAGES[name].read_text()
    for one in re.findall(r"`vm\.([\w.]+)", text):
        resolve(one)
    for family in re.findall(r"`([a-z]\w*_)\*", text):
        assert any(preset.startswith(family) for preset in PRESETS), family


def test_parts_exist():
    kinds = {"likelihood": vm.Bernoulli, "posterior": vm.DiagonalNormal, "prior": vm.StandardNormal, "objective": vm.ELBO}
    table = {row[0]: re.findall(r"`([\w.]+)`", row[1]) for row in cells(PAGES["docs/parts.md"].read_text()) if len(row) == 2}
    for members in table.values():
        for one in members:
            resolve(one)
    for kind, member in kinds.items():
        assert member.__name__ in table[kind]


def names_of(part):
    """Returns the names of a class or module, with the arguments and the attributes that its constructor sets."""
    if not inspect.isclass(part):
        return set(dir(part))
    return set(dir(part)) | set(inspect.signature(part).parameters) | set(re.findall(r"self\.(\w+)", inspect.getsource(part)))


@pytest.mark.parametrize("name", SYSTEMS)
def test_symbols_are_names_in_the_code(name):
    text = PAGES[name].read_text()
    known = set().union(*(names_of(resolve(one)) for one in re.findall(r"`vm\.([\w.]+)", text)))
    rows = [row for row in cells(text) if row[0].startswith("$")]
    assert rows
    for symbol, _, in_code in rows:
        assert set(re.findall(r"`(\w+)`", in_code)) <= known, symbol
