"""Prints, as JSON, what a model learns as one of the workers of TF_CONFIG, or alone: run by tests, each worker in a separate process.

python -m tests.checks.two_workers
"""

import json
import os

import keras
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core.replicas import global_mean
from training.data import load
from training.data.splits import in_order
from training.distributed import cluster
from training.distributed.strategy import make_strategy

BATCH, EPOCHS, STEPS, VALIDATION = 60, 2, 4, 37  # validation in batches of 20 and 17; two workers do not divide the latter


def main():
    """Trains and prints."""
    strategy = make_strategy("multiworker" if "TF_CONFIG" in os.environ else "none")
    data = load("digits")
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = make()
        model.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    validation = data.arrays("validation", model.support)[:VALIDATION]
    cluster.check_alike(strategy, data=data.sha256())
    history = model.fit(
        cluster.shared(strategy, lambda replica_slice: data.batches(BATCH, model.support, 0, replica_slice=replica_slice)),
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        shuffle=False,
        validation_data=cluster.shared(strategy, lambda replica_slice: in_order(validation, 20, replica_slice)),
        verbose=0,
    ).history
    print(json.dumps({"history": history, "weights": [weight.tolist() for weight in model.get_weights()]}))


def make():
    """Returns a small model whose loss couples the examples of a batch, with batch normalisation, and no noise."""
    inputs = keras.Input((8, 8, 1))
    h = keras.layers.Dense(8)(keras.layers.Flatten()(inputs))
    h = keras.layers.ReLU()(keras.layers.BatchNormalization(synchronized=True)(h))
    encoder = keras.Model(inputs, keras.layers.Dense(3)(h))
    decoder = vm.networks.mlp((3,), (8, 8, 1), (8,))
    return vm.Autoencoder(encoder, decoder, vm.StandardNormal(3), vm.costs.SquaredError(), penalties=[Coupling()])


class Coupling(vm.penalties.Penalty):
    """The variance of the codes over the global batch, squared, which a mean over replicas would get wrong."""

    def __init__(self, weight=0.1):
        super().__init__(weight)

    def __call__(self, model, z, seed):
        mean = global_mean(z, axis=0)
        return self.weight * tf.square(global_mean(tf.square(z - mean)) - 1.0)


if __name__ == "__main__":
    main()
