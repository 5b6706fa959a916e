"""Objects say what they are: in their text, in the names of a model's parts, and in its summary."""

import re

import keras
import numpy as np
import pytest

import keras_vaemix as vm
from keras_vaemix.visualization.tags import description, scalar_tag
from tests import catalogue

QUICK = ["model-CPVAE", "autoencoder-flex"]
OTHERS = [n for n in catalogue.EVERY_MODEL if n not in QUICK and not n.startswith(("prior-", "likelihood-", "objective-", "kl-"))]


def numbers(text):
    return [int(number.replace(",", "")) for number in re.findall(r"([\d,]+)(?:\n|$| are trained)", text)]


@pytest.mark.parametrize("kind", ["prior", "likelihood", "posterior", "objective", "divergence", "heads", "penalty"])
def test_a_part_is_shown_as_the_call_of_its_constructor(kind):
    for make in catalogue.PARTS[kind].values():
        shown = repr(make())
        assert re.fullmatch(rf"{type(make()).__name__}\(.*\)", shown)
        assert not re.search(r" at 0x|\.\.\.|dtype|built", shown)


def test_long_values_are_shown_in_short():
    weights = [1 / 30] * 30
    assert len(repr(vm.NormalMixturePosterior(30, weights))) < 250
    assert "fixed_weights=[0.25, 0.75]" in repr(vm.NormalMixturePosterior(2, [0.25, 0.75]))
    mixture = vm.RealNVP(vm.NormalMixture(3, 2), 1, (8,))
    assert repr(mixture) == (
        "RealNVP(base=NormalMixture(latent_dim=3, num_components=2, learn_weights=False, initial_stddev=1.0, weight_density=None), "
        "num_couplings=1, hidden=(8,))"
    )


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)])
def test_a_model_shows_its_parts(name):
    model, lines = catalogue.EVERY_MODEL[name](), []
    assert re.fullmatch(rf"{type(model).__name__}\(.*\)", repr(model))
    shape = re.escape(str((None, *model.example_shape)))
    assert re.search(rf"encoder=<encoder: .*{shape}.* to \(None, \d+\)>, ", repr(model))
    assert not re.search(r" at 0x|built", repr(model))
    model.summary(print_fn=lines.append)
    (table,) = lines
    assert "?" not in table
    assert "unbuilt" not in table
    *of_parts, total, trained = numbers(table.replace(", of which", "\n"))
    assert total == sum(of_parts) == sum(np.prod(weight.shape, dtype=int) for weight in model.weights)
    assert trained == sum(np.prod(weight.shape, dtype=int) for weight in model.trainable_weights)
    names = [line.split(" ")[0] for line in table.splitlines()]
    assert [figure for figure in model.metric_names() if not description(scalar_tag(figure))] == []
    parts = ("first", "second") if name == "model-TwoStageVAE" else ("encoder", "decoder", "prior")
    assert [one for one in names if one in parts] == list(parts)


def test_networks_are_named_by_their_part_unless_they_have_a_name():
    own = vm.networks.mlp((3,), (4, 4, 1), (8,), name="upwards")
    model = vm.VAE(vm.networks.mlp((4, 4, 1), 6, (8,)), own, vm.StandardNormal(3), vm.Bernoulli())
    assert [layer.name for layer in (model.encoder, model.decoder, model.prior)] == ["encoder", "upwards", "prior"]
    assert model.get_layer("encoder") is model.encoder


def test_a_file_with_other_names_is_loaded(binary, tmp_path):
    """As of models that were saved before their networks were named."""
    model = catalogue.make()
    for i, part in enumerate((model.encoder, model.decoder, model.prior)):
        part.name = f"functional_{i}"
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.reconstruct(binary), model.reconstruct(binary))
    assert loaded.encoder.name == "encoder"


def test_nested_networks_follow_a_summary():
    lines = []
    catalogue.make().summary(print_fn=lines.append, expand_nested=True)
    assert ['"encoder"' in text for text in lines] == [False, True, False]
    assert sum("unbuilt" in text for text in lines) == 0


LISTED = {
    "model": "accompanied_by averaged can_sample cluster condition_size decode decoder encoder example_shape fit_prior has_likelihood "
    "label_weight latent_means latent_sizes log_weights num_components optimizers posterior_parameters prior reconstruct responsibilities "
    "sample sample_latents sampler seed support",
    "likelihood": "beta encode estimate_log_likelihood impute joint_sizes likelihood log_joint log_likelihood objective "
    "with_sampling_prior",
    "CPVAE": "adapt_aggregate aggregate aggregate_rate category_log_probs category_posterior conditional_prior estimator follow_aggregate "
    "heads sample_aggregate takes_component temperature",
    "FlexAE": "adversarial_loss cost critic critic_steps generator image_critic latent_dim",
}


@pytest.mark.parametrize("name", QUICK)
def test_a_model_lists_what_users_need(name):
    """Whatever else it has, the class lists, for subclasses; Keras saves what `dir` lists, so no weights may be left out."""
    model = catalogue.EVERY_MODEL[name]()
    model.compile()
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    plain.compile()
    own = {one for one in dir(model) if not one.startswith("_")} - set(dir(plain))
    kinds = ["model", *(["likelihood"] if model.has_likelihood else []), type(model).__name__]
    assert own == {one for kind in kinds for one in LISTED[kind].split()}
    left_out = [getattr(model, one) for one in set(dir(type(model))) | set(vars(model)) if one not in dir(model)]
    assert not [one for one in keras.tree.flatten(left_out) if isinstance(one, keras.layers.Layer) and one.weights]
