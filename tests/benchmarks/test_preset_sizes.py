"""The table of presets is of presets that there are, and its figures are those of the models that are measured."""

import keras
import numpy as np
import pytest

import keras_vaemix as vm
from export.storage.files import read_json
from keras_vaemix.core import supports
from tests.benchmarks import preset_sizes
from training.data.splits import Data, Split
from training.papers.result_rows import RESULTS
from training.presets import PRESETS, Experiment

RECORD = read_json(RESULTS / "benchmarks" / "preset_sizes.json")


def test_rows_are_of_presets():
    """In the order of `--list`; `python -m tests.benchmarks.preset_sizes` measures those that have none."""
    names = [row["preset"] for row in RECORD["results"]]
    assert names == [name for name in PRESETS if name in names]
    assert all(row["dataset"] == PRESETS[row["preset"]].dataset for row in RECORD["results"])
    assert RECORD["table"] == preset_sizes.table(RECORD["results"])


def test_figures_are_those_of_the_model(monkeypatch):
    """By hand: an encoder of 6 x 4 + 4 weights, a decoder of 2 x 6 + 6, and a mixture of three means, deviations and weights."""
    monkeypatch.setattr(preset_sizes, "TURN", 1e-9)
    monkeypatch.setattr(preset_sizes, "MOST_VALUES", 6 * 5)
    data = Data("some", *[Split(np.zeros((40, 6), "float32"))] * 3, supports.REAL)
    encoder, decoder = vm.networks.mlp((6,), 4, ()), vm.networks.mlp((2,), (6,), ())
    model = vm.VAE(encoder, decoder, vm.NormalMixture(2, 3, learn_weights=True), vm.Normal(1.0))
    experiment = Experiment(model, keras.optimizers.Adam(), epochs=7, batch_size=20, jit_compile=False)
    row = preset_sizes.measured(experiment, data, 1)
    assert (row["latents"], row["components"], row["decoder_weights"]) == ([2], 3, 18)
    assert row["weights"] == sum(v.numpy().size for v in model.weights)
    assert (row["batch_size"], row["measured_batch_size"], row["steps_per_execution"]) == (20, 5, 1)
    assert row["hours"] * 3600 == pytest.approx(row["seconds_per_step"] * 2 * 7)  # steps of an epoch, and epochs
    assert "| 7 | ≈ " in preset_sizes.line({"preset": "some", **row})


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (12.34, "12"), (3.456, "3.5"), (0.07216, "0.072"), (1.0, "1.0")])
def test_times_have_two_digits(value, text):
    assert preset_sizes.rounded(value) == text
