"""Writes the programs of a preset, with their state at the start, and the data that they train on."""

import json

import keras
import numpy as np
import tensorflow as tf

from export.storage.files import atomically
from keras_vaemix.callbacks import KLWarmUp, Schedule
from keras_vaemix.core.part import require
from keras_vaemix.models import LatentModel
from tests.checks.portable.programs import averages_of, likelihood_program, train_program, validation_program
from training.jobs import train
from training.jobs.flags import parse

SMALL = 1000  # values of the largest array that is written as it is for timing


def schedule_of(experiment):
    """Returns the changes that callbacks make at the start of epochs, [epoch, variable, value], and those variables."""
    model = experiment.model
    schedules = [KLWarmUp(experiment.warm_up)] if isinstance(model, LatentModel) else []
    schedules += [callback for callback in experiment.callbacks if isinstance(callback, Schedule)]
    scalars = [variable for variable in model.non_trainable_variables if variable.shape == () and variable.dtype == "float32"]
    changes, last = [], {}
    for schedule in schedules:
        schedule.set_model(model)
    for epoch in range(experiment.epochs):
        for schedule in schedules:
            schedule.set(epoch)
        values = {i: float(keras.ops.convert_to_numpy(variable)) for i, variable in enumerate(scalars)}
        changes += [[epoch, i, value] for i, value in values.items() if last.get(i) != value]
        last = values
    return changes, scalars


def dump(folder, name, argv, timing=False):
    """Writes FOLDER/NAME.npz, the programs of a preset with their state at the start, and FOLDER/DATA.npz, once; returns its record.

    Args:
        folder: The folder.
        name: Name of the programs.
        argv: Arguments of `training.train`.
        timing: Whether they are only to be timed: without validation, and with the moments of state and data instead of their values, to
            save space.
    """
    tf.config.experimental.enable_tensor_float_32_execution(False)  # float32 matrix products stay in float32 on GPUs too
    job = train.prepare(parse(argv))
    model, data, experiment = job.experiment.model, job.data, job.experiment
    require(model.supports_xla(), "a model whose steps XLA compiles", preset=job.preset.name)
    train.compile_model(experiment, job.args)
    if experiment.start is not None:
        experiment.start(experiment, data, job.args.seed)
        train.compile_model(experiment, job.args)  # pretraining compiled it for itself
    x = {split: data.arrays(split, model.support) for split in ("validation", "test")}
    programs, likelihood = programs_of(job, x, timing)
    state = State([variable.value for variable in model.all_variables()])
    record, arrays = {"config": job.config, "argv": argv, "likelihood": likelihood, "programs": {}}, {}
    for what, program in programs.items():
        serialized, record["programs"][what] = program.record(state.place)
        arrays[f"program_{what}"] = np.frombuffer(serialized, np.uint8)
    values = {f"state_{i:04d}": value for i, value in enumerate(state.values())}
    splits = {"train": data.train.x, **x}
    record |= facts_of(experiment, state) | {"steps": len(data.train.x) // experiment.batch_size, "data": None, "drawn": {}}
    folder.mkdir(parents=True, exist_ok=True)
    if timing:
        values |= splits
        record["drawn"] = {key: source_of(value) for key, value in values.items() if value.size > SMALL}
    else:
        record["data"] = f"{data.name}-{data.sha256()[:8]}-{'binary' if data.binarizes(model.support) else 'scaled'}.npz"
        if not (folder / record["data"]).exists():
            write(folder / record["data"], splits)
    arrays |= {key: value for key, value in values.items() if key not in record["drawn"]}
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    write(folder / f"{name}.npz", arrays)
    sizes = ", ".join(f"{what} {arrays[f'program_{what}'].size / 2**20:.1f} MiB" for what in programs)
    print(f"{folder / name}.npz: {len(state.held)} arrays, {sum(value.nbytes for value in values.values()) / 2**20:.1f} MiB; {sizes}")
    return record


def programs_of(job, x, timing):
    """Returns the programs of a job by name, and the settings of the one that estimates log p(x), or None without it.

    There is none for a model whose prior is fitted after training: `load` estimates its log p(x).
    """
    model, data, experiment = job.experiment.model, job.data, job.experiment
    programs, likelihood = {"train": train_program(model, data, experiment, job.args.seed)}, None
    if not timing:
        programs["validation"] = validation_program(model, x["validation"], experiment.batch_size)
    if isinstance(model, LatentModel) and not model.prior.is_fitted_after_training:
        programs["likelihood"], likelihood = likelihood_program(model, x["test"])
    return programs, likelihood


def facts_of(experiment, state):
    """Returns what a run is told by its experiment: figures, epochs, stopping, schedules, and the places of weights in the state."""
    model, (changes, scheduled) = experiment.model, schedule_of(experiment)
    kept = {weight.path: average for weight, average in averages_of(model)}
    return {
        "figures": sorted(model.get_metrics_result()),
        "epochs": experiment.epochs,
        "patience": experiment.patience,
        "warm_up": experiment.warm_up,
        "monitor": experiment.monitor,
        "weights": [state.place(variable.value) for variable in model.weights],
        "kept": [state.place(kept.get(variable.path, variable).value) for variable in model.weights],  # averages, where there are any
        "variables": [state.place(variable.value) for variable in model.all_variables()],
        "schedule": [[epoch, state.place(scheduled[i].value), value] for epoch, i, value in changes],
    }


def source_of(value):
    """Returns what to draw an array from if its values do not matter: shape, type, mean, standard deviation, minimum and maximum."""
    return [value.shape, value.dtype.str, *(float(figure) for figure in (value.mean(), value.std(), value.min(), value.max()))]


class State:
    """The arrays that programs share, each once, in the order in which their places are first requested."""

    def __init__(self, held):
        self.held = list(held)
        self.places = {id(value): i for i, value in enumerate(self.held)}

    def place(self, value):
        """Returns the place of a variable or of a constant tensor, which it keeps alive."""
        if id(value) not in self.places:
            self.places[id(value)] = len(self.held)
            self.held.append(value)
        return self.places[id(value)]

    def values(self):
        return [np.asarray(value.numpy()) for value in self.held]


def write(path, arrays):
    """Writes arrays as an .npz file, compressed, whole or not at all."""
    with atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
