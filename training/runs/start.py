"""The start of a run from another: from its weights, but with an optimizer, a history and an early stopping of its own."""

from pathlib import Path
from typing import NamedTuple

from export.storage.files import read_config
from keras_vaemix.core.part import constructor_repr, require
from keras_vaemix.storage.loading import load_model
from training.presets.arguments import FURTHER


class Start(NamedTuple):
    """Gives a model the weights of that of another run.

    Among them are its counters of epochs and draws: schedules such as the warm-up are over if they were, and the noise is new.

    Attributes:
        weights: The weights, arrays in the order of the model's.
        made: How the other run was made: preset, arguments, data set, and what else belongs to it.
    """

    weights: list
    made: dict

    def __call__(self, experiment, data, seed):
        experiment.model.set_weights(self.weights)


def start_from(folder, model):
    """Returns the `Start` from the run in a folder; raises `ValueError` unless it is of the same kind of model as `model`."""
    folder = Path(folder)
    require((folder / "model.keras").is_file(), "--start-from a run that has ended: train it first, to its end", run=str(folder))
    config, other = read_config(folder / "config.json", "arguments"), load_model(folder / "model.keras")
    own, its = kind_of(model), kind_of(other)
    expected = "--start-from a run of the same model, with the same networks, numbers of latents and components, and parts"
    different = {name: f"{its[name]}, not {own[name]}" for name in own if name != "shapes" and its[name] != own[name]}
    require(own == its, expected, run=str(folder), preset=config["preset"], arguments=config["arguments"], **different)
    names = ("preset", "arguments", "dataset", *FURTHER, "other_settings", "start_from")
    return Start(other.get_weights(), {name: config[name] for name in names if name in config})


def kind_of(model):
    """Returns what two models have in common, by name, if the weights of one mean the same in the other."""
    parts = {name: getattr(model, name, None) for name in ("prior", "likelihood", "posterior", "cost")}
    texts = {name: part if part is None else constructor_repr(part, ("seed",)) for name, part in parts.items()}
    return {"model": type(model).__name__, **texts, "shapes": [tuple(weight.shape) for weight in model.weights]}
