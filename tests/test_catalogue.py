"""The catalogue holds every public class."""

import importlib
import inspect
import pkgutil

import keras
import pytest

import keras_vaemix as vm
from keras_vaemix.core.part import Part
from tests import catalogue

MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(vm.__path__, "keras_vaemix.")]
CLASSES = {c for module in MODULES for c in vars(module).values() if inspect.isclass(c) and c.__module__ == module.__name__}
SAVED = {c for c in CLASSES if issubclass(c, (Part, keras.layers.Layer, keras.initializers.Initializer))}
NOT_SAVED = {vm.pretraining.Student}  # lives as long as one call


def is_abstract(c):
    """Returns whether a class says in its first word that it is abstract."""
    return inspect.getdoc(c).startswith("Abstract")


def name_of(c):
    return f"{c.__module__.removeprefix('keras_vaemix.')}.{c.__name__}"


def test_catalogue_is_complete():
    made = {type(make()) for kind in catalogue.PARTS.values() for make in kind.values()}
    made |= {type(make()) for make in catalogue.EVERY_MODEL.values()}
    assert sorted(map(name_of, made)) == sorted(name_of(c) for c in SAVED - NOT_SAVED if not is_abstract(c))


def test_every_namespace_is_seen():
    """Classes that the library exports, by themselves or in a module, are those of the files that are walked."""
    exported = [getattr(vm, name) for name in vm.__all__]
    spaces = [part for part in exported if inspect.ismodule(part)]
    classes = {c for part in (vm, *spaces) for c in vars(part).values() if inspect.isclass(c) and c.__module__.startswith("keras_vaemix")}
    assert {vm.adversarial.Hinge, vm.costs.CrossEntropy, vm.moments.MeanMoments, vm.categories.Enumerated, vm.VAE} <= classes <= CLASSES


@pytest.mark.parametrize("c", sorted(SAVED - NOT_SAVED, key=name_of), ids=name_of)
def test_what_is_saved_is_registered(c):
    """And what is abstract, of which nothing is saved, is not."""
    assert (keras.saving.get_registered_name(c) == c.__name__) == is_abstract(c)
    assert is_abstract(c) or not inspect.isabstract(c)


@pytest.mark.parametrize("kind", catalogue.PARTS)
def test_every_part_comes_back_from_its_configuration(kind):
    for make in catalogue.PARTS[kind].values():
        part = make()
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(part), safe_mode=True)
        assert type(again) is type(part)
        config = part.get_config()
        assert {**again.get_config(), "name": None} == {**config, "name": None}


@pytest.mark.parametrize("c", sorted(CLASSES, key=name_of), ids=name_of)
def test_every_class_says_what_it_is(c):
    assert c.__doc__
