"""The `tf.distribute` strategy of a run."""

import tensorflow as tf

from training.distributed.cluster import check_tf_config

STRATEGIES = ("auto", "none", "mirrored", "multiworker")


def make_strategy(name="auto"):
    """Returns a `tf.distribute` strategy: `auto` mirrors over all visible GPUs if there are several, else uses one device.

    Raises:
        ValueError: `multiworker` without a TF_CONFIG that names its workers.
    """
    if name == "multiworker":  # before anything runs: TensorFlow joins the cluster when it starts
        check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return mirrored([device.name for device in gpus or tf.config.list_logical_devices("CPU")])
    return tf.distribute.get_strategy()


def mirrored(devices):
    """Returns a strategy that mirrors over devices, given by name.

    The default collectives of CPU devices fail inside a gradient tape. Hierarchical copies go through two halves of the devices: TensorFlow
    loses the last one of an odd number, without an error.
    """
    is_even = len(devices) % 2 == 0
    reduction = tf.distribute.HierarchicalCopyAllReduce() if is_even else tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)


def steps_per_execution(steps, most=50):
    """Returns how many steps of an epoch run in one call: the largest number up to `most` that divides them."""
    return max(n for n in range(1, min(steps, most) + 1) if steps % n == 0)
