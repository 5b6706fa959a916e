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
    some = {vm.adversarial.Hinge, vm.costs.CrossEntropy, vm.moments.MeanMoments, vm.categories.Enumerated, vm.Likelihood, vm.VAE}
    assert some <= classes <= CLASSES


@pytest.mark.parametrize("c", sorted(SAVED - NOT_SAVED, key=name_of), ids=name_of)
def test_what_is_saved_is_registered(c):
    """And what is abstract, of which nothing is saved, is not."""
    assert (keras.saving.get_registered_name(c) == c.__name__) == is_abstract(c)
    assert is_abstract(c) or not inspect.isabstract(c)


USED = {
    "fit",
    "evaluate",
    "predict",
    "compile",
    "export",
    "sample",
    "reconstruct",
    "responsibilities",
    "cluster",
    "log_likelihood",
    "fit_prior",
    "encode",
    "decode",
}
USED |= {
    "draw",
    "distribution",
    "sampler",
    "log_weights",
    "params_size",
    "center",
    "mean",
    "log_prob",
    "check",
    "draws",
    "log_joint",
    "latent_sizes",
}


def hinted(function):
    """Returns whether each argument of a function, and what it returns, has a type."""
    named = [p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")]
    return all(p.annotation is not p.empty for p in named) and "return" in function.__annotations__


def introductions(c):
    """Returns the constructors of a class and of its bases, and where each method that is used is met first, as functions by name."""
    own = [base for base in c.__mro__ if base.__module__.startswith("keras_vaemix")]
    first = {name: vars(base)[name] for base in own for name in USED & set(vars(base))}
    functions = {name: getattr(f, "fget", f) for name, f in first.items()}
    return {**functions, **{f"{base.__name__}.__init__": vars(base)["__init__"] for base in own if "__init__" in vars(base)}}


def test_public_signatures_have_types():
    """Keras's checker cannot say so, since its classes are untyped: what overrides a method may leave its types out."""
    exported = [getattr(vm, name) for name in vm.__all__]
    functions = {name: f for c in exported if inspect.isclass(c) for name, f in introductions(c).items() if not issubclass(c, tuple)}
    functions |= {
        f.__name__: f for space in (vm.networks, vm.evaluation) for f in map(vars(space).get, space.__all__) if inspect.isfunction(f)
    }
    assert len(functions) > 100
    assert [name for name, f in functions.items() if not hinted(f)] == []


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
