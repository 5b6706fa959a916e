"""The catalogue holds every public class."""

import inspect

import keras
import pytest

import keras_vaemix as vm
from tests import catalogue


def test_catalogue_is_complete():
    public = {name for name in vm.__all__ if inspect.isclass(getattr(vm, name))}
    held = {*catalogue.PRIORS, *catalogue.LIKELIHOODS, *catalogue.POSTERIORS, *catalogue.OBJECTIVES, *catalogue.NOT_PARTS}
    assert public == held


@pytest.mark.parametrize("kind", ["PRIORS", "LIKELIHOODS", "POSTERIORS", "OBJECTIVES"])
def test_every_part_comes_back_from_its_configuration(kind):
    for make in getattr(catalogue, kind).values():
        part = make()
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(part), safe_mode=True)
        assert type(again) is type(part)
        config = part.get_config()
        assert {**again.get_config(), "name": None} == {**config, "name": None}


@pytest.mark.parametrize("name", [name for name in vm.__all__ if inspect.isclass(getattr(vm, name))])
def test_every_public_class_says_what_it_is(name):
    assert inspect.getdoc(getattr(vm, name))
