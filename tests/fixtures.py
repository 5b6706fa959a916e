"""Two logical CPU devices, quiet logs, and fixtures that several files share."""

import functools
import gc
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # tests compile more than they compute
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its pass over each graph looks up all of TensorFlow's kernels for each operation

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core.xla import Compiled
from keras_vaemix.models import LatentModel
from keras_vaemix.models.base.compiled import CompiledModel

tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
gc.disable()  # a graph is many objects, which the collector would walk through again and again: fixtures collect them
GARBAGE = 100_000  # objects: the graphs of a few small models


@pytest.fixture(scope="module", autouse=True)
def _forget():
    """Frees what the file before has left, of which its last test held a part until now."""
    keras.backend.clear_session()  # collects garbage too
    gc.freeze()  # what is left stays: no later collection walks through it


@pytest.fixture(autouse=True)
def _collect(_forget):
    """Frees the graphs of a few tests: those of a whole file would fill the memory, and leave it in pieces that are slow to use again."""
    yield
    if gc.get_count()[0] > GARBAGE:
        gc.collect()


@pytest.fixture(autouse=True)
def _same_start():
    keras.utils.set_random_seed(0)


@pytest.fixture
def by_xla():
    """Lets XLA compile estimates of log p(x) and draws of pixels, as it does outside of the tests."""


@pytest.fixture(autouse=True)
def _estimates_without_xla(request, monkeypatch):
    """XLA takes longer to compile these than a test takes to run them, and what it refuses runs without it anyway."""
    if "by_xla" not in request.fixturenames:
        monkeypatch.setattr(
            Compiled, "__init__", lambda self, function: vars(self).update(function=function, compiled=tf.function(function))
        )


class Noiseless(vm.DiagonalNormal):
    """Draws the mean, so that different computations can be compared."""

    def draw(self, params, num_samples, seed):
        q = self.distribution(params)
        z = tf.repeat(q.mean()[None], num_samples, axis=0)
        return z, tf.fill(tf.shape(z)[:2], -math.log(num_samples)), q.log_prob(z)


@pytest.fixture
def noiseless():
    """A posterior without noise."""
    return Noiseless()


@pytest.fixture(scope="session")
def digits():
    """The bundled digits."""
    from training.data import load

    return load("digits")


@pytest.fixture
def binary():
    """Thirty binary examples of shape [4, 4, 1] from three clusters."""
    rng = np.random.default_rng(0)
    intensity = rng.choice([0.1, 0.9], size=(3, 4, 4, 1))[rng.integers(3, size=30)]
    return (rng.random(intensity.shape) < intensity).astype("float32")


@pytest.fixture
def fitted():
    """A function that trains a model until its posterior is near the exact one, so that importance sampling is precise."""

    def fit(model, x):
        model.compile(keras.optimizers.Adam(0.02), jit_compile=False, steps_per_execution=100)
        model.fit(np.concatenate([x] * 200), batch_size=len(x), shuffle=False, verbose=0)
        return model

    return fit


@pytest.fixture
def main(capsys, tmp_path, monkeypatch):
    """Runs the training command in this process and returns its status and its error line."""
    from training import train

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAEMIX_DATA", raising=False)
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))

    def call(*arguments):
        capsys.readouterr()
        status = train.main(list(map(str, arguments)))
        return status, capsys.readouterr().err.strip()

    return call


@pytest.fixture
def training_alone(monkeypatch):
    """Lets the training command end with the trained model: it is neither judged nor drawn nor exported."""
    monkeypatch.setattr("keras_vaemix.callbacks.TensorBoard", lambda *arguments: keras.callbacks.Callback())
    monkeypatch.setattr("training.jobs.train.check_exportable", lambda model: None)
    monkeypatch.setattr("training.jobs.train.finish", lambda run, data, model, args: None)


@pytest.fixture
def judging_alone(training_alone, monkeypatch):
    """Lets the training command end with the evaluation: the model is neither drawn nor exported."""
    from training.jobs.evaluate import evaluate

    def finish(run, data, model, args):
        evaluate(run.folder, model, data, args.split, args.likelihood_samples, args.likelihood_examples, args.features)

    monkeypatch.setattr("training.jobs.train.finish", finish)


@pytest.fixture
def eagerly(training_alone, monkeypatch):
    """Lets runs take their few steps eagerly, and end with the trained model."""
    monkeypatch.setattr(CompiledModel, "compile", functools.partialmethod(CompiledModel.compile, run_eagerly=True))


def compile_by_tensorflow(monkeypatch):
    """Keeps XLA from models that are not told to use it: it takes longer to compile than the steps of a test."""
    for kind in (CompiledModel, LatentModel):
        monkeypatch.setattr(kind, "supports_xla", lambda model: False)


@pytest.fixture
def without_xla(monkeypatch):
    compile_by_tensorflow(monkeypatch)
