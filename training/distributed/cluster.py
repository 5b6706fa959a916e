"""The workers of a job, as TF_CONFIG names them: their parts of a batch, what they must agree on, and the loss of one of them."""

import contextlib
import hashlib
import json
import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import require
from keras_vaemix.core.replicas import is_multiworker

FORM = '{"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}'
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


class ReplicaSlice(NamedTuple):
    """The replicas of this worker, from `first` up to, but not including, `last`, of `count` over all workers."""

    first: int = 0
    last: int = 1
    count: int = 1

    def rows(self, batch_size):
        """Returns the rows of each replica of this worker in a batch that divides evenly, [R, batch_size / count]."""
        return np.arange(batch_size).reshape(self.count, -1)[self.first : self.last]

    def bounds(self, num_examples, batch_size):
        """Returns the start and end of the part of each replica of this worker, in N examples in batches, [batches R, 2].

        The parts of a last batch that does not divide evenly differ by one example.
        """
        starts = np.arange(0, num_examples, batch_size)[:, None]
        sizes = np.minimum(batch_size, num_examples - starts)
        ends = starts + sizes * np.arange(self.first, self.last + 1) // self.count  # [batches, R + 1]
        return np.stack([ends[:, :-1], ends[:, 1:]], axis=-1).reshape(-1, 2)


def check_batch_size(batch_size, strategy):
    """Raises `ValueError` unless the replicas of several workers share a batch evenly."""
    replicas = strategy.num_replicas_in_sync if is_multiworker(strategy) else 1
    nearest = max(1, round(batch_size / replicas)) * replicas
    expected = f"a global batch that {replicas} replicas share evenly: pass --batch-size {nearest}, or use fewer of them"
    require(batch_size % replicas == 0, expected, batch_size=batch_size)


def check_tf_config(text=None):
    """Returns the address and the index of this worker, counted from zero, by TF_CONFIG.

    Raises:
        ValueError: There is none, it is not JSON, or its task is not one of its cluster.
    """
    text = os.environ.get("TF_CONFIG") if text is None else text
    require(text, f"TF_CONFIG in the environment of --strategy multiworker, such as {FORM}", TF_CONFIG=text)
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), dict(config["task"])
        jobs = {job: list(addresses) for job, addresses in cluster.items()}
        kind, index = task["type"], int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Expected TF_CONFIG to be JSON such as {FORM}. Received: {text!r}, {type(error).__name__}: {error}") from None
    known = set(jobs) <= {"chief", "worker"} and len(jobs.get("chief", [])) <= 1
    require(known, "a TF_CONFIG whose cluster has workers, and at most one chief", cluster=jobs)
    whole = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, [])))]
    require((kind, index) in whole, f"a TF_CONFIG whose task is one of its cluster, {whole}", task=task)
    return jobs[kind][index], whole.index((kind, index))


def is_chief(strategy):
    """Returns whether this process is the one that writes: the only one, or the first of several workers."""
    return not is_multiworker(strategy) or check_tf_config()[1] == 0


def shared(strategy, make):
    """Returns `make(ReplicaSlice())`, a data set of global batches, or with several workers the distributed data set of their parts.

    Args:
        strategy: The strategy.
        make: Function from a `ReplicaSlice` to a `tf.data.Dataset` of batches, of this worker's replicas in turn if there are several
            workers.
    """
    if not is_multiworker(strategy):
        return make(ReplicaSlice())

    def part(context):
        local = context.num_replicas_in_sync // context.num_input_pipelines
        first = local * context.input_pipeline_id
        return make(ReplicaSlice(first, first + local, context.num_replicas_in_sync))

    return strategy.distribute_datasets_from_function(part)


def check_alike(strategy, **facts):
    """Raises `ValueError` unless all workers have the same facts: settings, data, and what they found in the run folder."""
    if not is_multiworker(strategy):
        return
    digests = [int.from_bytes(hashlib.sha256(repr(fact).encode()).digest()[:7], "big") for fact in facts.values()]
    gather = tf.function(lambda: tf.distribute.get_replica_context().all_gather(tf.constant([digests], tf.int64), axis=0))
    everyone = strategy.experimental_local_results(strategy.run(gather))[0].numpy()  # [replicas, facts]
    different = [name for name, column in zip(facts, everyone.T, strict=True) if len(set(column)) > 1]
    remedy = "give them the same command and a --run-dir on a file system that all share"
    require(not different, f"all workers alike: {remedy}", different=different)


def copy_chief(strategy, model):
    """Gives all workers the chief's weights of a model, after each has computed its own."""
    if not is_multiworker(strategy):
        return
    weights = model.get_weights()

    @tf.function
    def of_chief():
        context = tf.distribute.get_replica_context()
        is_first = tf.equal(context.replica_id_in_sync_group, 0)
        own = [tf.constant(weight.astype("int32") if weight.dtype == bool else weight) for weight in weights]
        return [context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(is_first, weight, tf.zeros_like(weight))) for weight in own]

    found = [strategy.experimental_local_results(value)[0].numpy() for value in strategy.run(of_chief)]
    model.set_weights([value.astype(weight.dtype) for value, weight in zip(found, weights, strict=True)])


@contextlib.contextmanager
def lost_workers(strategy):
    """Turns the error with which a job of several workers ends when one is lost into a `ConnectionError` that says so."""
    try:
        yield
    except LOST as error:
        if not is_multiworker(strategy):
            raise
        expected = "all workers to stay: start every worker again with --resume to go on from the last checkpoint"
        reason = error.message.splitlines()[0].rpartition("}} ")[2]  # without the name of the operation
        raise ConnectionError(f"Expected {expected}. Received: {type(error).__name__}: {reason}") from error
