"""Batches that tf.data services prepare on other machines when input is the bottleneck."""

import tensorflow as tf

from keras_vaemix.core.part import require
from training.data.rows import is_large


def check_served(x, services):
    """Raises `ValueError` if services are to prepare batches of examples that are not in memory, or are not addresses."""
    expected = "data that fit in memory for --data-service, which sends them to the services once: omit the flag"
    require(not services or not is_large(x), expected, examples=len(x))
    for address in services:
        require("://" in address, "addresses such as grpc://HOST:PORT for --data-service", address=address)


def serve(steps, make, services):
    """Returns `steps.map(make)`, with the work done by tf.data services, each making every n-th step.

    Each address is a separate dispatcher, so that the order of steps is the same as without services: a service with several workers
    (`ShardingPolicy.OFF`) would repeat every step, and dynamic sharding does not keep the order.

    Args:
        steps: Endless data set of what batches are made from: seeds and indices.
        make: Function from an element of `steps` to a batch.
        services: Addresses, grpc://HOST:PORT.
    """
    distribute = tf.data.experimental.service.distribute
    made = []
    for i, address in enumerate(services):
        own = steps.shard(len(services), i).map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        made.append(own.apply(distribute(tf.data.experimental.service.ShardingPolicy.OFF, address, max_outstanding_requests=8)))
    return made[0] if len(made) == 1 else tf.data.Dataset.choose_from_datasets(made, tf.data.Dataset.range(len(made)).repeat())
