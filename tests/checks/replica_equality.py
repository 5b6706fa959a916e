"""Prints, as JSON, how far every model's training on two and four replicas is from that on one: run in a separate process.

python -m tests.checks.replica_equality [MODEL ...] [--replicas N ...]

The output is {model: {replicas: difference}}: the largest difference of a figure or a weight, relative to one or to the largest value if
that is larger, after three steps on the same global batches, which do not divide by four, and an evaluation. Noise stays on: each replica
takes its rows of the noise of the global batch.
"""

import argparse
import contextlib
import functools
import json
import sys
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix import networks
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.models.base.generative import EVALUATION, GenerativeModel
from tests import catalogue
from tests.checks.worker_equality import relative
from training.distributed.strategy import mirrored

MEMORY = 8192  # MiB of a logical GPU
BATCH, STEPS = 53, 3  # no other axis of noise is a multiple of a replica's share: 27, 26, 18, 17, 14 or 13
DRAWS = ("stateless_normal", "stateless_uniform", "stateless_truncated_normal")
SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM


def gamix(*discriminator, **settings):
    """Returns a small GAMIX-VAE."""
    encoder, decoder = networks.mlp(SHAPE, 2 * D, (8,)), networks.mlp((D,), SHAPE, (8,))
    return vm.GAMIXVAE(encoder, decoder, vm.StandardNormal(D), vm.Laplace(0.5), *discriminator, **settings)


def spectral_discriminator():
    """Returns a discriminator whose kernel has spectral norm one."""
    return keras.Sequential([keras.Input(SHAPE), keras.layers.SpectralNormalization(keras.layers.Conv2D(1, 3, 2), dtype="float32")])


def pixel_vae():
    """Returns a small VAE with a pixel decoder."""
    size = {"filters": 8, "num_layers": 1, "first_kernel_size": 5, "hidden": (8,), "map_channels": 2}
    decoder = networks.PixelCNN(D, SHAPE, 1, **size)
    return vm.PixelVAE(networks.gated_mlp(SHAPE, 2 * D, (8,)), decoder, catalogue.PRIORS["VampPrior"](), vm.Bernoulli())


MODELS = {
    **{name: lambda parts=parts: catalogue.make(**parts) for name, parts in catalogue.COMBINATIONS.items()},
    **{f"autoencoder-{name}": make for name, make in catalogue.AUTOENCODERS.items()},
    **catalogue.ACCOMPANIED,
    "gamix": lambda: gamix(networks.mlp(SHAPE, (2, 2, 1), (8,))),
    "gamix-mean-moments": lambda: gamix(moments=vm.moments.MeanMoments(), memory=0.5),
    "gamix-spectral": lambda: gamix(spectral_discriminator()),
    "factor": catalogue.factor_vae,
    "pixel-vae": pixel_vae,
    "empirical-bayes": catalogue.empirical_bayes_vae,
}
OWN_DRAWS = ("prior-ImplicitPrior", "prior-ResampledPrior")  # each replica estimates log Z from draws of its own, and these are averaged


def main(argv=None):
    """Computes and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.replica_equality", description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names of models (default: all whose draws are those of one)")
    parser.add_argument("--replicas", nargs="+", type=int, default=[2, 4], metavar="N", help="numbers of replicas (default: 2 and 4)")
    args = parser.parse_args(argv)
    split_device(max(args.replicas))
    found = {}
    for name in args.models or [name for name in MODELS if name not in OWN_DRAWS]:
        found[name] = differences(MODELS[name], args.replicas)
        print(name, found[name], file=sys.stderr, flush=True)
    print(json.dumps(found))


def split_device(number):
    """Splits the first GPU, or the CPU if there is none, into several logical devices, before TensorFlow computes anything."""
    gpus = tf.config.list_physical_devices("GPU")
    own = tf.config.LogicalDeviceConfiguration(memory_limit=MEMORY) if gpus else tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration((gpus or tf.config.list_physical_devices("CPU"))[0], [own] * number)


def logical_devices(number):
    """Returns the names of the first logical devices: GPUs if there are any."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in devices[:number]]


def differences(make, numbers):
    """Returns the largest relative difference from one replica, for each number of replicas."""
    results, weights = {}, None
    for replicas in (1, *numbers):
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        weights, results[replicas] = trained(make, replicas, weights)
    return {n: max(map(relative, results[n], results[1])) for n in numbers}


def trained(make, replicas, weights):
    """Returns the weights before training, and figures and weights after it."""
    strategy = mirrored(logical_devices(replicas))
    with strategy.scope():
        model = make()
        model.compile(keras.optimizers.SGD(1e-3), {name: keras.optimizers.SGD(1e-3) for name in model.default_optimizers()})
        if hasattr(model, "critic_steps"):
            model.critic_steps = 2  # each step is a part of the graph on several replicas
        if weights is None:
            weights = model.get_weights()
        model.set_weights(weights)
    x = np.random.default_rng(0).integers(0, 2, ((STEPS + 1) * BATCH, *SHAPE)).astype("float32")
    rows, given, figures = np.arange(len(x)), catalogue.accompanied(model, x), []
    for step, times in ((model.train_step, STEPS), (model.test_step, 1)):
        model.reset_metrics()
        run = functools.partial(on_replicas, strategy, step)
        if replicas > 1:  # one replica takes its few steps in less time than they are traced in
            run = tf.function(run, autograph=False, reduce_retracing=True)
        for _ in range(times):
            batch, rows = np.split(rows, [BATCH])
            parts = [tf.nest.map_structure(lambda one, own=own: tf.constant(one[own]), given) for own in np.array_split(batch, replicas)]
            seeds = {"next_seed": common_seed, "evaluation_seed": common_evaluation_seed}
            with mock.patch.multiple(GenerativeModel, **seeds), rows_of_noise(BATCH, replicas):
                run(strategy.experimental_distribute_values_from_function(lambda c, p=parts: p[c.replica_id_in_sync_group]))
        figures += [np.asarray(value) for value in model.get_metrics_result().values()]
    return weights, figures + model.get_weights()


def on_replicas(strategy, step, x):
    """Takes a step on all replicas."""
    return strategy.run(step, (x,))


def common_seed(model):
    """Returns the next seed of a model, without the replica folded in."""
    model.draw_counter.assign_add(1)
    return fold_in(stateless_seed(model.seed), tf.convert_to_tensor(model.draw_counter))


def common_evaluation_seed(model, batch):
    """Returns the seed of a batch of an evaluation, without the replica folded in."""
    return fold_in([model.seed, EVALUATION], batch)


def categorical(logits, num_samples, seed, dtype=tf.int64, name=None):
    """Returns draws [B, num_samples] from noise of which each replica can take its rows."""
    uniform = tf.random.stateless_uniform([tf.shape(logits)[0], num_samples, logits.shape[1]], seed, minval=1e-20)
    return tf.cast(tf.argmax(logits[:, None] - tf.math.log(-tf.math.log(uniform)), axis=-1), dtype)


@contextlib.contextmanager
def rows_of_noise(size, replicas):
    """Makes each replica draw its rows of the noise for a global batch of `size` examples."""
    bounds = [0, *np.cumsum([len(part) for part in np.array_split(np.arange(size), replicas)]).tolist()]

    def rows(draw):
        def wrapped(shape, seed, *args, **kwargs):
            context, shape = tf.distribute.get_replica_context(), tf.convert_to_tensor(shape, tf.int32)
            replica = int(tf.get_static_value(tf.convert_to_tensor(context.replica_id_in_sync_group)))
            start, stop = bounds[replica : replica + 2]
            of_batch = tf.cast(shape % (stop - start) == 0, tf.int32)  # TensorFlow Probability draws [N, D] as one row [N D]
            of_batch *= tf.cast(tf.cumsum(of_batch) == 1, tf.int32)  # one at the axis of examples, if there is one
            for_each = of_batch * (shape // (stop - start))
            whole = draw(shape + for_each * (size - stop + start), seed, *args, **kwargs)
            return tf.slice(whole, for_each * start, shape)

        return wrapped

    with contextlib.ExitStack() as stack:
        for module in {tf.random, tf.compat.v2.random}:  # the second is what TensorFlow Probability imports
            for name in DRAWS:
                stack.enter_context(mock.patch.object(module, name, rows(getattr(module, name))))
            stack.enter_context(mock.patch.object(module, "stateless_categorical", categorical))
        yield


if __name__ == "__main__":
    main()
