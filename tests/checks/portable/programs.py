"""The parts of a run as XLA programs over one list of arrays: the epochs of training and validation, and the likelihood estimator.

Each program takes its own inputs and those arrays of the state that it uses (weights, optimizers, figures, counters), and returns its
figures and the arrays that it changed. Batches are drawn and binarised inside, in the order and with the noise of `training.train`.
"""

import contextlib
import re
from typing import NamedTuple

import tensorflow as tf

from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.part import require
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.importance import LikelihoodEstimator
from keras_vaemix.models.base.optimization import inner
from training.data.rows import is_large
from training.data.splits import with_labels
from training.jobs.flags import PAPERS_SAMPLES

NUM_SAMPLES = PAPERS_SAMPLES  # of the protocol, for log p(x)


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
    num_steps, labels = len(x) // size, data.few_labels(experiment.num_labels, seed)

    def epoch(x, epoch):
        batch = with_labels(data.batch_maker(size, model.support, lambda index: tf.gather(x, index), experiment.augment), labels)
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
        with averages_in_place(model):
            if whole:
                tf.while_loop(lambda i: i < whole, lambda i: [step(i)], [tf.constant(0)])
            if rest:
                model.test_step(x[whole * batch_size :])
        return stacked(model.get_metrics_result())

    return Program(compiled(validation), {"x": tf.TensorSpec(x.shape)})


def averages_of(model):
    """Returns the pairs of a weight and its average (`use_ema`), if an optimizer of a model keeps averages."""
    optimizers = [inner(model.optimizer_of(name)) for name in model.averaging()]
    require(not (optimizers and model.estimates()), "a model that estimates nothing from averaged weights", model=type(model).__name__)
    return [pair for one in optimizers for pair in zip(one._trainable_variables, one._model_variables_moving_average, strict=True)]


@contextlib.contextmanager
def averages_in_place(model):
    """Adds to a program that averages take the place of the weights within the block."""
    averages = averages_of(model)
    weights = [tf.identity(weight) for weight, _ in averages]
    for weight, average in averages:
        weight.assign(average)
    yield
    for (weight, _), value in zip(averages, weights, strict=True):
        weight.assign(value)


def stacked(figures):
    """Returns figures by name as a vector, in the order of their names."""
    return tf.stack([figures[name] for name in sorted(figures)])


def likelihood_program(model, x):
    """Returns the `Program` of the likelihood estimator for a batch of examples x [N, *], and the settings to call it for all of them.

    Its chunks are those for a GPU.
    """
    estimator, most = LikelihoodEstimator(model), batch_size_for(None, model.example_shape, 100)
    batch_size, chunk_size, num_chunks = estimator.sizes(x.shape, NUM_SAMPLES, most, is_for_gpu=True)
    inputs = {
        "x": tf.TensorSpec([batch_size, *x.shape[1:]]),
        "num_chunks": tf.TensorSpec([], tf.int32),
        "seed": tf.TensorSpec([2], tf.int32),
    }
    batch = compiled(lambda x, num_chunks, seed: tf.stack(estimator.estimate(x, num_chunks, seed, chunk_size)))
    seeds = [fold_in(stateless_seed(0), i).numpy().tolist() for i in range(-(-len(x) // batch_size))]
    settings = {"batch_size": batch_size, "chunk_size": chunk_size * model.num_strata, "num_chunks": num_chunks, "num_samples": NUM_SAMPLES}
    return Program(batch, inputs), settings | {"seeds": seeds}
