"""Presets: one function per experiment. Its typed keywords are its flags."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

PRESETS = {}


class Experiment(NamedTuple):
    """What a preset builds: a model, and how it is trained.

    Attributes:
        model: The model, not compiled.
        optimizer: Its optimizer.
        epochs: Maximum number of epochs.
        batch_size: Number of examples per step, over all replicas.
        warm_up: Epochs over which beta rises to its value; 0 for none.
        patience: Epochs without improvement in validation after which training stops.
        callbacks: Further callbacks, whose state is a function of the saved step.
        monitor: Column of the history, on validation data, whose minimum selects the best weights; None keeps the last weights.
        optimizers: Further optimizers, by name, besides those that the model has by default.
        jit_compile: XLA, as `compile` takes it; see `parts.compilation`.
        augment: Function of a training batch [B, *] and a stateless seed [2] that returns the batch to train on; None for no augmentation.
        paced: Function of the experiment and the number of its train steps that returns it with schedules of that length; None if no
            schedule depends on it.
        start: Function of the experiment, the data and a seed that is called once, before the first epoch.
        num_labels: Number of training examples whose labels `fit` is given; 0 for none.
    """

    model: Any
    optimizer: Any
    epochs: int = 2000
    batch_size: int = 100
    warm_up: int = 100
    patience: int = 50
    callbacks: tuple = ()
    start: Callable | None = None
    monitor: str | None = "val_loss"
    optimizers: dict | None = None
    jit_compile: bool | str = "auto"
    augment: Callable | None = None
    paced: Callable | None = None
    num_labels: int = 0


class Preset(NamedTuple):
    """A registered preset: its function, its data set, the paper's row that it reproduces, and the side of its images."""

    name: str
    build: Callable
    dataset: str
    paper: str
    image_size: int = 64

    @property
    def function(self):
        """The function that builds it, without the arguments of its family's member."""
        return getattr(self.build, "func", self.build)

    @property
    def summary(self):
        return inspect.getdoc(self.function).splitlines()[0]

    def flags(self):
        """Returns the keywords of the preset's function, as parameters with the preset's defaults."""
        own = inspect.signature(self.function).parameters
        return [p for p in inspect.signature(self.build).parameters.values() if own[p.name].kind is p.KEYWORD_ONLY]


def choose(flag, choices, received):
    """Returns the choice that a flag of the command line names; raises `ValueError` for an unknown one."""
    if received not in choices:
        close = difflib.get_close_matches(received, choices, 1)
        hint = f"did you mean {close[0]}? One of" if close else "one of"
        raise ValueError(f"Expected --{flag}: {hint} {', '.join(choices)}. Received: {received!r}")
    return choices[received]


def preset(dataset, paper):
    """Registers a function `build(data, *, keywords)` that returns an `Experiment`."""

    def register(build):
        PRESETS[build.__name__] = Preset(build.__name__, build, dataset, paper)
        return build

    return register


def family(name, build, image_size=64, **members):
    """Registers a function for several data sets: NAME_MEMBER for each of `members`, with a data set, the paper's row, and defaults.

    Arguments of the function that are not keyword-only are not flags; a member may set them too.
    """
    for member, (dataset, paper, defaults) in members.items():
        PRESETS[f"{name}_{member}"] = Preset(f"{name}_{member}", functools.partial(build, **defaults), dataset, paper, image_size)
