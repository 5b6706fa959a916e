"""CONTRIBUTING.md names what there is: the hooks of every base class, files, commands."""

import inspect
import re
from pathlib import Path

import pytest

import keras_vaemix as vm
from keras_vaemix import models
from keras_vaemix.core.sampler import Sampler
from keras_vaemix.likelihoods import Likelihood

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"


def test_a_prior_takes_forty_lines():
    code = re.search(r"@register\nclass AdditiveFlow.*?(?=\n```)", PAGE.read_text(), re.DOTALL).group().splitlines()
    assert len([line for line in code if line]) <= 45


def cells(heading):
    """Returns the cells of the first two columns of the table whose first column has a heading."""
    table = PAGE.read_text().partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [re.split(r" *(?<!\\)\| *", line)[1:3] for line in table.splitlines()[2:]]


def hooks(text):
    """Returns the names in a cell, each with its arguments, or None for an attribute."""
    return {name: arguments or None for name, arguments in re.findall(r"`(\w+)(\(.*?\))?`", text)}


def assert_hooks(base, named, is_whole=True):
    """Holds what a page says that a member of a base class writes against the class: all that is abstract, by its signature."""
    assert not is_whole or base.__abstractmethods__ <= set(named)
    for name, arguments in named.items():
        hook = inspect.getattr_static(base, name)
        if arguments is not None:
            parameters = [p.replace(annotation=p.empty) for p in inspect.signature(hook).parameters.values()]
            assert str(inspect.Signature(parameters[1:])) == arguments, name


@pytest.mark.parametrize(
    ("heading", "base"),
    [("a prior writes", vm.Prior), ("a posterior writes", vm.Posterior), ("a likelihood writes", Likelihood), ("a `Sampler` has", Sampler)],
)
def test_hooks_of_parts_are_those_of_their_base(heading, base):
    named = {}
    for cell, _ in cells(heading):
        named |= hooks(cell)
    assert len(named) >= 5
    assert_hooks(base, named, base is not Sampler)


def test_hooks_of_models_are_those_of_their_bases():
    table = {next(iter(hooks(cell))): hooks(written) for cell, written in cells("abstract base")}
    assert len(table) == 4
    for name, named in table.items():
        further = table["GenerativeModel"] if named.pop("GenerativeModel", True) is None else {}
        assert_hooks(getattr(models, name), further | named)


def test_files_and_commands_of_the_page_exist():
    text = PAGE.read_text()
    paths = [path for path in re.findall(r"`((?:keras_vaemix|training|tests|docs)/[\w./]*)`", text) if not re.search("NAME|PAPER", path)]
    assert len(paths) > 8
    assert [path for path in paths if not Path(ROOT, path).exists()] == []
    for module in re.findall(r"python -m (training\.\w+)", text):
        assert Path(ROOT, *module.split(".")).with_suffix(".py").exists(), module
