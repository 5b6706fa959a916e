"""Writes a preset's epochs as XLA programs over one list of arrays, and reads their results.

An epoch is two programs, of train steps and of validation; a third estimates log p(x). Each takes its own inputs and those arrays of the
state that it uses (weights, optimizers, figures, counters), and returns its figures and the arrays that it changed. Batches are drawn and
binarised inside, in the order and with the noise of `training.train`.
"""

import json
import re
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from export.storage.files import atomically
from keras_vaemix.callbacks import KLWarmUp, Schedule
from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.part import require
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.importance import LikelihoodEstimate, LikelihoodEstimator
from keras_vaemix.models import LatentModel
from training.data.rows import is_large
from training.jobs import train
from training.jobs.evaluate import evaluate
from training.jobs.flags import parse
from training.runs.run import Run

NUM_SAMPLES = 5000  # of the protocol
SMALL = 1000  # values of the largest array that is written as it is for timing
TOLERANCE = 0.01  # nats, for the mean over a batch: other hardware sums float32 in another order


class Program(NamedTuple):
    """A function in the form that XLA takes.

    Attributes:
        function: The compiled `tf.function`.
        inputs: The specifications of its own inputs by name.
    """

    function: tf.types.experimental.PolymorphicFunction
    inputs: dict

    def captured(self):
        """Returns what the function takes besides its inputs: variables and constant tensors."""
        graph = self.function.get_concrete_function(**self.inputs)
        variables = {id(variable.handle): variable for variable in graph.graph.variables}
        return [variables.get(id(value), value) for value in graph.captured_inputs]

    def record(self, place):
        """Returns the program as bytes and the places of its inputs and outputs; `place` gives a captured value's place in the state."""
        ir = self.function.experimental_get_compiler_ir(**self.inputs)
        header = ir(stage="hlo").partition("\n")[0]
        own, places = len(self.inputs), [place(value) for value in self.captured()]
        aliases = [(int(output), int(given)) for output, given in re.findall(r"\{(\d+)\}: \((\d+), \{\}", header)]
        back = [[output, places[given - own]] for output, given in aliases]
        return ir(stage="hlo_serialized"), {"inputs": list(self.inputs), "state": places, "back": back}


def compiled(function):
    """Returns a function as one XLA program."""
    return tf.function(tf.autograph.experimental.do_not_convert(function), jit_compile=True)


def train_program(model, data, experiment, seed):
    """Returns the `Program` of the train steps of an epoch: a function of the training examples and of the epoch."""
    size, x = experiment.batch_size, data.train.x
    require(not is_large(x), "training examples that fit into the memory of a device", bytes=x.nbytes)
    num_steps = len(x) // size

    def epoch(x, epoch):
        batch = data.batch_maker(size, model.support, lambda index: tf.gather(x, index), experiment.augment)
        epoch_seed, order = data.epoch(seed, epoch)
        indices = tf.reshape(order[: num_steps * size], [num_steps, size])

        def step(i):
            model.train_step(batch(fold_in(epoch_seed, tf.cast(i, tf.int64)), indices[i]))
            return i + 1

        model.reset_metrics()
        tf.while_loop(lambda i: i < num_steps, lambda i: [step(i)], [tf.constant(0)])
        return stacked(model.get_metrics_result())

    return Program(compiled(epoch), {"x": tf.TensorSpec(x.shape, x.dtype), "epoch": tf.TensorSpec([], tf.int64)})


def validation_program(model, x, batch_size):
    """Returns the `Program` that evaluates a model on examples x [N, *], the last batch of which may be smaller."""
    whole, rest = divmod(len(x), batch_size)

    def validation(x):
        batches = tf.reshape(x[: whole * batch_size], [whole, batch_size, *x.shape[1:]])

        def step(i):
            model.test_step(batches[i])
            return i + 1

        model.reset_metrics()
        if whole:
            tf.while_loop(lambda i: i < whole, lambda i: [step(i)], [tf.constant(0)])
        if rest:
            model.test_step(x[whole * batch_size :])
        return stacked(model.get_metrics_result())

    return Program(compiled(validation), {"x": tf.TensorSpec(x.shape)})


def stacked(figures):
    """Returns figures by name as a vector, in the order of their names."""
    return tf.stack([figures[name] for name in sorted(figures)])


def likelihood_program(model, x, num_samples):
    """Returns the `Program` of the likelihood estimator for a batch of examples x [N, *], and the settings to call it for all of them."""
    estimator = LikelihoodEstimator(model)
    batch_size, chunk_size, num_chunks = estimator.sizes(x.shape, num_samples, batch_size_for(None, model.example_shape, 100))
    inputs = {
        "x": tf.TensorSpec([batch_size, *x.shape[1:]]),
        "num_chunks": tf.TensorSpec([], tf.int32),
        "seed": tf.TensorSpec([2], tf.int32),
    }
    batch = compiled(lambda x, num_chunks, seed: tf.stack(estimator.estimate(x, num_chunks, seed, chunk_size)))
    seeds = [fold_in(stateless_seed(0), i).numpy().tolist() for i in range(-(-len(x) // batch_size))]
    return Program(batch, inputs), {"batch_size": batch_size, "num_chunks": num_chunks, "num_samples": num_samples, "seeds": seeds}


def schedule_of(model, experiment):
    """Returns the changes that callbacks make at the start of epochs, [epoch, variable, value], and those variables."""
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
    """Writes FOLDER/NAME.npz, the programs of a preset with their state at the start, and FOLDER/DATA.npz, once.

    Args:
        folder: The folder.
        name: Name of the programs.
        argv: Arguments of `training.train`.
        timing: Whether they are only to be timed: the train steps, with the moments of state and data instead of their values, to save
            space.
    """
    tf.config.experimental.enable_tensor_float_32_execution(False)  # float32 matrix products stay in float32 on GPUs too
    job = train.prepare(parse(argv))
    model, data, experiment = job.experiment.model, job.data, job.experiment
    require(model.supports_xla(), "a model whose steps XLA compiles", preset=job.preset.name)
    train.compile_model(experiment, job.args)
    if experiment.start is not None:
        experiment.start(experiment, data, job.args.seed)
        train.compile_model(experiment, job.args)  # pretraining compiled it for itself
    changes, scheduled = schedule_of(model, experiment)
    x = {split: data.arrays(split, model.support) for split in ("validation", "test")}
    programs = {
        "train": train_program(model, data, experiment, job.args.seed),
        "validation": validation_program(model, x["validation"], experiment.batch_size),
    }
    likelihood = None
    if isinstance(model, LatentModel):
        programs["likelihood"], likelihood = likelihood_program(model, x["test"], NUM_SAMPLES)
    state = State([variable.value for variable in model.all_variables()])
    record, arrays = {"config": job.config, "argv": argv, "programs": {}}, {}
    for what in ["train"] if timing else programs:
        serialized, record["programs"][what] = programs[what].record(state.place)
        arrays[f"program_{what}"] = np.frombuffer(serialized, np.uint8)
    record |= {
        "figures": sorted(model.get_metrics_result()),
        "epochs": experiment.epochs,
        "patience": experiment.patience,
        "warm_up": experiment.warm_up,
        "monitor": experiment.monitor,
        "likelihood": likelihood,
        "steps": len(data.train.x) // experiment.batch_size,
        "weights": [state.place(variable.value) for variable in model.weights],
        "variables": [state.place(variable.value) for variable in model.all_variables()],
        "schedule": [[epoch, state.place(scheduled[i].value), value] for epoch, i, value in changes],
        "data": None if timing else f"{data.name}-{data.sha256()[:8]}-{'binary' if data.binarizes(model.support) else 'scaled'}.npz",
        "drawn": {},
    }
    values = {f"state_{i:04d}": value for i, value in enumerate(state.values())}
    if timing:
        values["train"] = data.train.x
        record["drawn"] = {key: source_of(value) for key, value in values.items() if value.size > SMALL}
    arrays |= {key: value for key, value in values.items() if key not in record["drawn"]}
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    if not timing and not (folder / record["data"]).exists():
        write(folder / record["data"], {"train": data.train.x, **x}, np.savez_compressed)
    write(folder / f"{name}.npz", arrays, np.savez_compressed)
    sizes = ", ".join(f"{what} {arrays[f'program_{what}'].size / 2**20:.1f} MiB" for what in record["programs"])
    print(f"{folder / name}.npz: {len(state.held)} arrays, {sum(value.nbytes for value in values.values()) / 2**20:.1f} MiB; {sizes}")


def source_of(value):
    """Returns what to draw an array from if its values do not matter: shape, type, mean and standard deviation."""
    return [value.shape, value.dtype.str, float(value.mean()), float(value.std())]


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


def write(path, arrays, how=np.savez):
    """Writes arrays as an .npz file, whole or not at all."""
    with atomically(path) as temporary, open(temporary, "wb") as file:
        how(file, **arrays)


def load(programs, trained, folder):
    """Makes a run folder from results trained elsewhere, as if `training.train` had trained it, and evaluates it on the test set."""
    with np.load(programs, allow_pickle=False) as file:
        record = json.loads(file["record"].tobytes())
    with np.load(trained, allow_pickle=False) as file:
        arrays = dict(file)
    outcome = json.loads(arrays["outcome"].tobytes())
    require(outcome["record"] == record, f"results of {programs}", trained=str(trained))
    job = train.prepare(parse(record["argv"]))
    model = job.experiment.model
    train.compile_model(job.experiment, job.args)
    run = Run(
        folder, record["config"] | {"route": "portable", "device": outcome["device"], "jax": outcome["jax"]}, monitor=record["monitor"]
    )
    run.history, run.timing = outcome["history"], outcome["timing"]
    run.best = [arrays[f"best_{place:04d}"] for place in record["weights"]]
    if "last" in outcome:
        for variable, place in zip(model.all_variables(), record["variables"], strict=True):
            variable.assign(arrays[f"last_{place:04d}"])
        model.epochs_done.assign(len(run.history))  # not part of an epoch's programs
        run.save(model)
    run.write_history()
    model.set_weights(run.best)
    train.save(folder / "model.keras", model, job.data)
    estimate = None
    if "log_likelihood" in arrays:
        estimate = LikelihoodEstimate(*arrays["log_likelihood"])
        check_estimate(model, job.data.arrays("test", model.support)[: record["likelihood"]["batch_size"]], estimate)
    evaluate(folder, model, job.data, "test", NUM_SAMPLES, features=job.args.features, estimate=estimate)


def check_estimate(model, x, estimate):
    """Raises `ValueError` unless an estimate of log p(x) made elsewhere agrees, for its first batch x, with an estimate made here."""
    here = model.estimate_log_likelihood(x, NUM_SAMPLES).log_likelihood
    difference = float(np.mean(estimate.log_likelihood[: len(x)] - here))
    require(abs(difference) < TOLERANCE, f"log-likelihoods within {TOLERANCE} nats of those of this machine", difference=difference)
    print(f"log p(x) of {len(x)} examples: {difference:+.5f} nats against this machine")
