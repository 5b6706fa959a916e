"""What `tests.checks.devices` measures of train steps: with XLA and without, in precisions, on two virtual devices, by steps in a call."""

import contextlib
import time
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core import supports
from tests import catalogue
from tests.benchmarks.gpu_presets import GPU_PRESETS
from tests.checks.replica_equality import MODELS, logical_devices
from tests.checks.worker_equality import relative
from tests.families import FAMILIES, small
from training import data as data_module
from training.data.binarization import random_bits
from training.data.splits import Data, Split
from training.distributed.strategy import mirrored
from training.presets import PRESETS

SECONDS, LEAST_STEPS = 1.0, 5  # of a turn
COMPARED = 3  # steps
DRAW = tf.random.stateless_uniform


def rows():
    """Returns the presets that are measured in their own sizes: all of them on a GPU, one on a CPU."""
    return list(GPU_PRESETS) if tf.config.list_physical_devices("GPU") else ["vae_mnist"]


def random_images(shape, number=1024):
    """Returns random 8-bit images as `Data`."""
    x = np.random.default_rng(0).integers(0, 256, (number, *shape), "uint8")
    return Data("random", *[Split(x)] * 3, supports.LEVELS, is_intensity=True)


def experiment_of(item, policy="float32"):
    """Returns the data and the experiment of a row of `GPU_PRESETS`, or of a preset family in a small size."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)  # which the line above forgets
    keras.utils.set_random_seed(0)
    if item in GPU_PRESETS:
        ours = GPU_PRESETS[item]
        data = random_images((ours.side, ours.side, 1 if ours.side == 28 else 3))
        return data, PRESETS[ours.preset].build(data, **ours.keywords)
    data = data_module.load("digits")
    return data, small(FAMILIES[item], data)


def batches_of(data, experiment):
    """Returns a few training batches, on the device."""
    batches = data.batches(experiment.batch_size, experiment.model.support, 0, augment=experiment.augment)
    return [tf.identity(batch) for batch in batches.take(COMPARED)]


def timed(model, batches, jit_compile):
    """Returns figures after a few steps, the seconds of the first of them, which compiles, and milliseconds of a further step."""
    step = tf.function(lambda x: model.train_step(x), jit_compile=jit_compile, autograph=False)
    model.reset_metrics()
    began = time.perf_counter()
    step(batches[0])
    seconds = time.perf_counter() - began
    figures = {name: float(value) for name, value in [step(x) for x in batches[1:]][-1].items()}
    began, number = time.perf_counter(), 0
    while number % LEAST_STEPS or time.perf_counter() < began + SECONDS:
        logs, number = step(batches[number % COMPARED]), number + 1
        if number % LEAST_STEPS == 0:
            float(next(iter(logs.values())))  # waits for the device
    return {"figures": figures, "compile_seconds": seconds, "milliseconds": 1e3 * (time.perf_counter() - began) / number}


def uniform(shape, seed, minval=0.0, maxval=None, dtype=tf.float32, name=None, alg="auto_select"):
    """Returns uniform draws made of random bits; XLA makes numbers of them in another way than TensorFlow, with other draws."""
    dtype = tf.as_dtype(dtype)
    if dtype == tf.uint32 or (dtype.is_integer and minval is not None):
        return DRAW(shape, seed, minval, maxval, dtype, name, alg)
    shape = tf.convert_to_tensor(shape, tf.int32)
    bits = tf.reshape(random_bits(tf.reduce_prod(shape), seed), shape)
    if dtype.is_integer:
        return tf.cast(tf.bitcast(bits, tf.int32), dtype)
    return minval + ((1.0 if maxval is None else maxval) - minval) * tf.cast(bits & 0x7FFFFF, dtype) / 2**23


def fold_in(seed, data):
    """Returns a seed [2] made from one and an integer, of the same random bits."""
    data = tf.convert_to_tensor(data)
    return tf.stack([uniform([], seed, None, None, data.dtype), data])


def split(seed, num=2):
    """Returns several seeds [num, 2] made from one, of the same random bits."""
    return uniform([num, 2], seed, None, None, tf.convert_to_tensor(seed).dtype)


def normal(shape, seed, mean=0.0, stddev=1.0, dtype=tf.float32, name=None, alg="auto_select"):
    """Returns normal draws by their quantile function."""
    return mean + stddev * tf.math.ndtri(uniform(shape, seed, 1e-7, 1.0, dtype))


@contextlib.contextmanager
def same_noise():
    """Makes the uniform and normal draws of a step the same with XLA and without."""
    with contextlib.ExitStack() as stack:
        for module in {tf.random, tf.compat.v2.random}:  # the second is what TensorFlow Probability imports
            stack.enter_context(mock.patch.multiple(module, stateless_uniform=uniform, stateless_normal=normal, split=split))
            stack.enter_context(mock.patch.object(module.experimental, "stateless_fold_in", fold_in))
        yield


def with_and_without_xla(item):
    """Returns what `timed` does for a row or a family both ways, from the same weights, and the difference of their figures."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    data, experiment = experiment_of(item)
    model = experiment.model
    model.compile(experiment.optimizer, experiment.optimizers, jit_compile=False)
    batches, start, found = batches_of(data, experiment), [variable.numpy() for variable in model.all_variables()], {}
    for name in ("plain", "xla"):
        for variable, value in zip(model.all_variables(), start, strict=True):
            variable.assign(value)
        try:
            with same_noise():
                found[name] = timed(model, batches, name == "xla")
        except tf.errors.OpError as error:
            found[name] = {"error": str(error).splitlines()[0][:300]}
    if all("figures" in one for one in found.values()):
        found["difference"] = relative(*(np.array(list(one["figures"].values())) for one in found.values()))
    return found


def in_setting(row, setting):
    """Returns what `timed` does by XLA for a row in one of `SETTINGS`; op determinism stays on in this process."""
    tf.config.experimental.enable_tensor_float_32_execution(setting == "tf32")
    if setting == "deterministic":
        tf.config.experimental.enable_op_determinism()
    data, experiment = experiment_of(row, setting if setting == "mixed_bfloat16" else "float32")
    experiment.model.compile(experiment.optimizer, experiment.optimizers, jit_compile=False)
    return timed(experiment.model, batches_of(data, experiment), True)


def in_calls(number):
    """Returns milliseconds of a step of `vae_mnist` in `fit` with its input, by steps in a call, and of a batch of the input alone."""
    data = random_images((28, 28, 1), 50_000)
    keras.utils.set_random_seed(0)
    experiment = PRESETS["vae_mnist"].build(data)
    model, steps = experiment.model, 500
    model.compile(experiment.optimizer, steps_per_execution=number)
    batches, turns = data.batches(experiment.batch_size, model.support, 0), []
    alone = iter(batches)
    began = time.perf_counter()
    for _ in range(steps):
        next(alone)
    of_input = time.perf_counter() - began
    for _ in range(2):  # the first compiles
        began = time.perf_counter()
        model.fit(batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
        turns.append(time.perf_counter() - began)
    return {"milliseconds": 1e3 * turns[-1] / steps, "input_milliseconds": 1e3 * of_input / steps}


def mirrored_fit(name, how):
    """Returns the loss and the milliseconds of a step of a model on two virtual devices, by XLA or without."""
    strategy = mirrored(logical_devices(2))
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = MODELS[name]()
        model.compile(keras.optimizers.SGD(1e-3), jit_compile=how == "xla")
    x = catalogue.examples(model, 240)
    model.fit(x, batch_size=40, epochs=1, verbose=0)
    began = time.perf_counter()
    history = model.fit(x, batch_size=40, epochs=3, verbose=0).history
    return {"figures": {key: values[-1] for key, values in history.items()}, "milliseconds": 1e3 * (time.perf_counter() - began) / 18}
