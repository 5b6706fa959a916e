"""Prints, as JSON, moments of a batch that four replicas share, and their gradients: run by tests, in a separate process.

python -m tests.checks.four_replicas
"""

import json

import numpy as np
import tensorflow as tf

from keras_vaemix.regularizers import moments
from training.distributed.strategy import make_strategy

N, D = 30, 3  # eight, eight, seven and seven examples


def main():
    """Computes and prints."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
    strategy, rng = make_strategy("mirrored"), np.random.default_rng(0)
    mean, variance = rng.normal(size=(N, D)).astype("float32"), rng.uniform(0.1, 2, (N, D)).astype("float32")
    parts = [np.array_split(a, strategy.num_replicas_in_sync) for a in (mean, variance)]
    shared = [strategy.experimental_distribute_values_from_function(lambda c, p=p: p[c.replica_id_in_sync_group]) for p in parts]
    figures = {"replicas": strategy.num_replicas_in_sync, "mean": mean.tolist(), "variance": variance.tolist(), "moments": {}}
    for kind in (moments.MeanMoments, moments.TotalMoments):
        kl, *gradients = strategy.run(gradients_of(kind()), args=shared)
        local = [np.concatenate(strategy.experimental_local_results(gradient)).tolist() for gradient in gradients]
        figures["moments"][kind.__name__] = {"kl": float(sum(strategy.experimental_local_results(kl))), "gradients": local}
    print(json.dumps(figures))


def gradients_of(kind):
    """Returns a function of one replica's posteriors to its share of the divergence and its gradients."""

    @tf.function
    def gradients(mean, variance):
        with tf.GradientTape() as tape:
            tape.watch([mean, variance])
            kl = moments.kl_from_moments(*kind(mean, variance)[:2]) / tf.distribute.get_strategy().num_replicas_in_sync
        return kl, *tape.gradient(kl, [mean, variance], unconnected_gradients="zero")

    return gradients


if __name__ == "__main__":
    main()
