r"""The cost of training on many GPUs: bytes sent per step, and the resulting efficiency, by a model of ring communication.

A step that takes t seconds on one replica takes, on n replicas with the same batch size each,

.. math:: t_n = t + \sum_r \left(\frac{2 (n - 1)}{n} \frac{b_r}{B} + 2 (n - 1) \lambda\right)
    + \sum_g (n - 1) \left(\frac{b_g}{B} + \lambda\right)

with all-reduces r and all-gathers g of b bytes per replica, over links of B bytes per second and a latency of lambda seconds. The
efficiency is t / t_n. Communication does not overlap with computation here, and every GPU has its own link to the next: libraries that
overlap them, or reduce along a tree (whose latency grows as log n), do better; shared links do worse.

Reference: P. Patarasuk, X. Yuan, *Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations*, 2009.
"""

import time
from typing import NamedTuple
from unittest import mock

import numpy as np
import tensorflow as tf

from training import data as data_module
from training.distributed.strategy import mirrored
from training.presets import PRESETS

REPLICAS = (8, 16, 32, 64, 128, 256, 512, 1024)


class Link(NamedTuple):
    """A link from each GPU to the next: one-way bandwidth in bytes per second, and latency in seconds."""

    bandwidth: float
    latency: float


LINKS = {
    "10 GbE": Link(10e9 / 8, 30e-6),
    "InfiniBand 100 Gb/s": Link(100e9 / 8, 2e-6),
    "NVLink 4": Link(450e9, 1e-6),
}


class Traffic(NamedTuple):
    """The bytes that a replica contributes to each all-reduce and to each all-gather of a step."""

    reduced: list
    gathered: list


def communication_seconds(traffic, replicas, link):
    """Returns the communication time of a step in seconds, by the formula above."""
    reduced = sum(2 * (replicas - 1) / replicas * size / link.bandwidth + 2 * (replicas - 1) * link.latency for size in traffic.reduced)
    return reduced + sum((replicas - 1) * (size / link.bandwidth + link.latency) for size in traffic.gathered)


def efficiency(step_seconds, traffic, replicas, link):
    """Returns the fraction of its time that a replica spends computing."""
    return step_seconds / (step_seconds + communication_seconds(traffic, replicas, link))


def traffic_of(model, batch):
    """Returns the `Traffic` of a train step on a batch [B, *], gradients and batch-coupled terms, as recorded while it is traced.

    Args:
        model: A model built and compiled under a strategy with several replicas.
        batch: Examples of one replica.
    """
    traffic, context = Traffic([], []), tf.distribute.ReplicaContext
    real_reduce, real_gather = context.all_reduce, context.all_gather

    def note(sizes, value):
        if int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)) == 0:
            tensors = [tf.convert_to_tensor(tensor) for tensor in tf.nest.flatten(value) if tensor is not None]
            sizes.append(sum(tensor.shape.num_elements() * tensor.dtype.size for tensor in tensors))

    def all_reduce(self, reduce_op, value, *args, **kwargs):
        note(traffic.reduced, value)
        return real_reduce(self, reduce_op, value, *args, **kwargs)

    def all_gather(self, value, axis, *args, **kwargs):
        note(traffic.gathered, value)
        return real_gather(self, value, axis, *args, **kwargs)

    strategy = model.distribute_strategy
    step = tf.function(lambda: strategy.run(model.train_step, (tf.constant(batch),)), autograph=False)
    with mock.patch.object(context, "all_reduce", all_reduce), mock.patch.object(context, "all_gather", all_gather):
        step.get_concrete_function()
    return traffic


def seconds_of(model, batch, times=10):
    """Returns the median time of a train step on one device, in seconds."""
    step, batch = tf.function(lambda x: model.train_step(x), autograph=False), tf.constant(batch)
    step(batch)
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        step(batch)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def measured(preset, data):
    """Returns the traffic of a preset's step, its seconds on one device of this machine, and its batch size."""
    devices = tf.config.list_logical_devices("CPU")[:2]
    both = mirrored([device.name for device in devices])
    results = []
    for strategy in (both, tf.distribute.get_strategy()):
        with strategy.scope():
            experiment = preset.build(data)
            experiment.model.compile(experiment.optimizer, experiment.optimizers, jit_compile=False)
        batch = next(data.batches(experiment.batch_size, experiment.model.support, 0).as_numpy_iterator())
        results.append((traffic_of if strategy is both else seconds_of)(experiment.model, batch))
    return (*results, len(batch))


def table(name, traffic, step_seconds, assumption):
    """Returns the lines of a preset's table."""
    megabytes = (sum(traffic.reduced) + sum(traffic.gathered)) / 1e6
    parts = f"{len(traffic.reduced)} all-reduces, {len(traffic.gathered)} all-gathers"
    lines = [f"{name}: {megabytes:.3f} MB a step in {parts}; {1000 * step_seconds:.2f} ms a step, {assumption}"]
    lines.append(f"  {'GPUs':22}" + "".join(f"{n:>8,}" for n in REPLICAS))
    for link_name, link in LINKS.items():
        lines.append(f"  {link_name:22}" + "".join(f"{efficiency(step_seconds, traffic, n, link):8.1%}" for n in REPLICAS))
    return lines


def run(args):
    """Prints a table for each preset."""
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
    links = ", ".join(f"{name} {link.bandwidth / 1e9:g} GB/s and {1e6 * link.latency:g} us" for name, link in LINKS.items())
    print(f"Efficiency of n GPUs with a fixed batch size each, without overlap; links: {links}")
    for name in args.presets:
        traffic, here, examples = measured(PRESETS[name], data_module.load(PRESETS[name].dataset, args.data_dir))
        given = f"as given, for {examples} examples on each GPU"
        assumed = f"{1000 * here:.2f} ms measured here divided by a speedup of {args.speedup:g}, for {examples} examples on each GPU"
        print("\n".join(["", *table(name, traffic, args.step_seconds or here / args.speedup, given if args.step_seconds else assumed)]))
