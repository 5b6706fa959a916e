"""What a loss that couples the examples of a batch needs across replicas."""

import tensorflow as tf


def gathered(x):
    """Returns the rows of all replicas' x, in each of them, so that a loss over the batch is that of the global batch.

    Each replica then has the whole loss; its gradient is right with the train step's division by the number of replicas, because the
    gradient of a gather is the sum over replicas.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_gather(x, axis=0)


def global_sum(x):
    """Returns the sum of x over all replicas, in each of them; as in `gathered`, its gradient is right after the train step's division."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)
