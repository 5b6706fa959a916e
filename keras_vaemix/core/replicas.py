"""What a train step needs across replicas: global sums and means, the weight of a replica, and logs that Keras can reduce."""

import contextlib
import threading

import tensorflow as tf

_step = threading.local()  # each replica on a machine is a thread


def replica_id():
    """Returns the number of this replica, or zero outside replicas."""
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group if context is not None else 0


def gathered(x):
    """Returns on each replica the rows of x of all replicas, so that a loss over the batch is that of the global batch.

    Each replica then has the whole loss; its gradient is correct after the train step divides it by the number of replicas, because the
    gradient of a gather is a sum over replicas.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_gather(x, axis=0)


def global_sum(x):
    """Returns on each replica the sum of x over all of them; as in `gathered`, its gradient is correct in the train step."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def global_mean(x, axis=None, weight=None):
    """Returns on each replica the mean of x [B, *] over the examples of all of them, and over the other axes too if `axis` is None.

    As in `gathered`, its gradient is correct in the train step. With weights [B] of examples it is the weighted mean.
    """
    if weight is not None:
        of_rows = tf.reshape(weight, [-1, *[1] * (x.shape.rank - 1)])
        return global_mean(x * of_rows, axis) / tf.maximum(global_mean(weight), 1e-12)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tf.reduce_mean(x, axis)
    total = tf.reshape(tf.reduce_sum(x, axis), [-1])
    count = tf.cast(tf.size(x) // tf.size(total), x.dtype)
    packed = global_sum(tf.concat([total, [count]], axis=0))  # one sum over replicas
    mean = packed[:-1] / packed[-1]
    return mean[0] if axis is None else tf.reshape(mean, x.shape[1:])


def reversed_rows(x):
    """Returns the partner of each example [B, D] of this replica: the rows of all replicas in reverse order."""
    return own_rows(tf.reverse(gathered(x), [0]), tf.shape(x)[0])


def shuffled_columns(x, seed):
    """Returns this replica's rows of the examples [B, D] of all replicas, after a random permutation of each of their columns.

    The permutations order uniform noise [B, D], a function of this replica's stateless seed [2], by columns over all replicas.
    """
    order = tf.argsort(gathered(tf.random.stateless_uniform(tf.shape(x), seed)), axis=0)
    columns = tf.gather(tf.transpose(gathered(x)), tf.transpose(order), batch_dims=1)  # [D, B]
    return own_rows(tf.transpose(columns), tf.shape(x)[0])


def own_rows(everyone, count):
    """Returns the `count` rows of this replica from those of all replicas, in the order of `gathered`."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return everyone
    start = tf.cumsum(context.all_gather(count[None], axis=0), exclusive=True)[context.replica_id_in_sync_group]
    return everyone[start : start + count]


@contextlib.contextmanager
def replica_batch(x):
    """Sets the weight of this replica in a step to its share of the examples x [B, *] of all replicas.

    A replica may have fewer examples than others, or none, if a batch does not divide evenly or a data set ends.
    """
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        count = tf.cast(tf.shape(x)[0], tf.float32)
        _step.weight = count / context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    try:
        yield
    finally:
        _step.weight = None


def replica_weight():
    """Returns the weight of this replica's mean in the mean over the examples of all replicas, which is one on a single replica."""
    weight = getattr(_step, "weight", None)
    return 1.0 / tf.distribute.get_strategy().num_replicas_in_sync if weight is None else weight


def is_multiworker(strategy):
    """Returns whether a strategy spans several workers, each a process."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def reducible(logs):
    """Returns the logs of a step in the form that Keras's trainer can reduce over replicas.

    On several workers it averages over the first axis of each figure, and scalars have none (Keras issue 20585).
    """
    if is_multiworker(tf.distribute.get_strategy()):
        return {name: tf.reshape(value, [1]) for name, value in logs.items()}
    return logs
