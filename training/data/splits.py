"""A data set in three splits, with training batches whose order and binarisation a resumed run repeats."""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_vaemix.core import supports
from keras_vaemix.core.blocks import blocks
from keras_vaemix.core.part import require
from keras_vaemix.core.seeds import fold_in
from training.data.binarization import binarize, random_bits
from training.data.labels import balanced
from training.data.rows import gatherer, scale, scaled, take
from training.data.service import check_served, serve
from training.distributed.cluster import ReplicaSlice

SPLITS = ("train", "validation", "test")
BINARIZATION_SEED = 777
ALL = ReplicaSlice()
AUGMENTATION = 1  # folded into the seed of a step, which itself is used for binarisation


class Split(NamedTuple):
    """Examples of a split.

    Attributes:
        x: Examples [N, *shape], 8-bit or in [0, 1], an array or `Rows` of a large one.
        y: Labels [N], or None.
        attributes: Whether each example has each attribute, booleans [N, A], or None.
    """

    x: Any
    y: Any = None
    attributes: Any = None

    def take(self, index):
        """Returns the examples at an index [N]."""
        return Split(take(self.x, index), *(None if one is None else one[index] for one in (self.y, self.attributes)))


class Data(NamedTuple):
    """A data set in three splits.

    Attributes:
        support: The set in which its scaled values lie.
        is_intensity: Whether grey values may be read as probabilities of a one and binarised at random, as in the papers.
        intrinsic_dim: Number of dimensions that the examples are known to have, or a lower bound: that of the manifold they lie on.
        attribute_names: Names of the attributes of examples, if they have any.
        whole: The data of which these have a part of the training examples; None if they have all.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    support: supports.Support
    is_intensity: bool = False
    intrinsic_dim: int = 1
    attribute_names: tuple = ()
    whole: Any = None

    @property
    def shape(self):
        return self.train.x.shape[1:]

    def is_images(self):
        """Returns whether the examples can be drawn: [H, W, C] with one or three channels."""
        return len(self.shape) == 3 and self.shape[-1] in (1, 3)

    def has_gaps(self):
        """Returns whether a value of an example is missing: NaN."""
        return self.share_of_gaps() > 0

    def share_of_gaps(self):
        """Returns the share of values that are missing in all examples."""
        examples = [getattr(self, split).x for split in SPLITS]
        num_missing = sum(np.isnan(block).sum() for x in examples if x.dtype.kind == "f" for _, block in blocks(x))
        return num_missing / max(1, sum(math.prod(x.shape) for x in examples))

    def limited(self, num_examples):
        """Returns the data with `num_examples` of the training examples, chosen at random, always the same; None for all of them."""
        if num_examples is None:
            return self
        n = len(self.train.x)
        require(num_examples <= n, f"at most the {n} training examples of {self.name}", train_examples=num_examples)
        return self._replace(train=self.train.take(np.sort(np.random.default_rng(0).permutation(n)[:num_examples])), whole=self)

    def shuffled(self):
        """Returns the data with validation and test examples in a random order, always the same, so that the first ones are like all."""
        order = {name: np.random.default_rng(BINARIZATION_SEED).permutation(len(getattr(self, name).x)) for name in SPLITS[1:]}
        return self._replace(**{name: getattr(self, name).take(index) for name, index in order.items()})

    def sha256(self):
        """Returns the hash of all arrays of examples, in the order of the splits."""
        digest = hashlib.sha256()
        for name in SPLITS:
            for _, block in blocks(getattr(self, name).x):
                digest.update(np.ascontiguousarray(block))
        return digest.hexdigest()

    def labels_sha256(self):
        """Returns the hash of what `sha256` leaves out: labels, and the shapes and dtypes of all arrays, in the order of the splits."""
        digest = hashlib.sha256()
        for name in SPLITS:
            x, y, attributes = getattr(self, name)
            y = None if y is None else np.ascontiguousarray(y)
            digest.update(repr((tuple(x.shape), str(x.dtype), None if y is None else (y.shape, str(y.dtype)))).encode())
            digest.update(b"" if y is None else y)
            digest.update(b"" if attributes is None else np.packbits(attributes))
        return digest.hexdigest()

    def arrays(self, split, support):
        """Returns the examples of a split, fixed: scaled, as `Rows` if they are large, and binarised once if the likelihood needs it."""
        if not self.binarizes(support):
            return scaled(getattr(self, split).x)
        require(split != "train", "split to be validation or test: train is binarised again in every step", split=split)
        rng = np.random.RandomState(BINARIZATION_SEED)
        drawn = {name: rng.binomial(1, scale(getattr(self, name).x)).astype("float32") for name in ("validation", "test")}
        return drawn[split]

    def fixed(self, split, support):
        """Returns the examples of a split as `arrays` does, but train binarised once too, for figures over the training set."""
        if split != "train" or not self.binarizes(support):
            return self.arrays(split, support)
        return np.random.RandomState(BINARIZATION_SEED + 1).binomial(1, scale(self.train.x)).astype("float32")

    def labels(self, split):
        """Returns the labels of a split as integers [N] from zero, or None if there are none or they are not classes."""
        y = getattr(self, split).y
        are_classes = y is not None and np.ndim(y) == 1 and np.issubdtype(y.dtype, np.integer)
        return y.astype(int) if are_classes and np.min(y) >= 0 and np.max(y) < len((self.whole or self).train.x) else None

    def few_labels(self, num, seed):
        """Returns labels for `num` training examples, as many of each class as of others, chosen by the seed, and -1 for the rest, [N].

        None if `num` is zero. If `num` is not a multiple of the number of classes, the first classes have one more.
        """
        if not num:
            return None
        labels = self.labels("train")
        require(labels is not None, f"training labels that are classes in {self.name} for --num-labels", num_labels=num)
        return balanced(labels, num, seed)

    def binarizes(self, support):
        """Returns whether the examples are binarised at random for a likelihood with this support."""
        return support is supports.BINARY and self.is_intensity

    def epoch(self, seed, epoch):
        """Returns the seed [2] of an epoch, an int64 tensor, and the order of its training examples, integers [N]."""
        epoch_seed = tf.stack([tf.constant(seed, tf.int64), epoch])
        keys = tf.bitcast(random_bits(len(self.train.x), epoch_seed), tf.int32)
        return epoch_seed, tf.argsort(keys, stable=True)  # XLA cannot shuffle

    def batch_maker(self, batch_size, support, gather, augment=None):
        """Returns a function from a step's seed [2], the indices [B] of a batch, and the part of it to make, to training examples.

        Args:
            batch_size, support, augment: As in `batches`.
            gather: Function from indices [B] to those training examples.
        """
        binarizes = self.binarizes(support)

        def batch(step_seed, index, own=whole):
            if augment is None and not binarizes:
                return scale(gather(own(index)))
            examples = gather(index)  # random numbers are drawn for the whole batch, of which a part is taken
            if augment is not None:
                examples = augment(scale(examples), fold_in(step_seed, AUGMENTATION))
            return own(binarize(examples, step_seed) if binarizes else examples)

        return batch

    def batches(self, batch_size, support, seed, first_epoch=0, augment=None, replica_slice=ALL, services=(), labels=None):
        """Returns an endless `tf.data.Dataset` of training batches, or with labels of pairs of a batch and its labels.

        The order of an epoch, and what is drawn for its batches, are functions of (seed, epoch), so that a resumed run sees what
        the interrupted one would have seen. The examples left over after the last whole batch differ from epoch to epoch.

        Args:
            batch_size: Number of examples in a batch.
            support: Support of the model, which says whether they are binarised.
            seed: Integer.
            first_epoch: Epoch of the first batch.
            augment: Function from scaled examples [B, *], before they are binarised, and a stateless seed [2] to examples; or None.
            replica_slice: With several workers, the replicas whose parts of each batch the data set consists of, in turn.
            services: Addresses of tf.data services that prepare the batches, in turn.
            labels: Labels of the training examples, integers [N], or None.

        Raises:
            ValueError: Services are to prepare batches of data that are read from disk.
        """
        check_served(self.train.x, services)
        batch = with_labels(self.batch_maker(batch_size, support, gatherer(self.train.x), augment), labels)

        def epoch_steps(epoch):
            epoch_seed, order = self.epoch(seed, epoch)
            indices = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)
            return indices.enumerate().map(lambda step, index: (fold_in(epoch_seed, step), index))

        steps = tf.data.Dataset.counter(first_epoch).flat_map(epoch_steps)
        if replica_slice.count > 1:
            rows = tf.constant(replica_slice.rows(batch_size))
            steps = steps.flat_map(lambda *step: tf.data.Dataset.from_tensor_slices(rows).map(lambda own: (*step, own)))
            make = lambda seed, index, rows: batch(seed, index, lambda x: tf.gather(x, rows))  # noqa: E731
        else:
            make = batch
        made = serve(steps, make, services) if services else steps.map(make, num_parallel_calls=batches_at_a_time())
        return steady(made.prefetch(8))


def whole(x):
    return x


def batches_at_a_time():
    """Returns how many batches are made at a time, in their order: one on a CPU, whose cores train, and several for a GPU.

    A core takes 0.6 ms for 100 binarised digits, and a GPU trains a perceptron on them in 0.2 ms.
    """
    return 8 if tf.config.list_physical_devices("GPU") else 1


def with_labels(batch, labels):
    """Returns the maker of batches, which returns the labels too, unless they are None."""
    if labels is None:
        return batch
    kept = tf.constant(labels)
    return lambda step_seed, index, own=whole: (batch(step_seed, index, own), tf.gather(kept, own(index)))


def in_order(x, batch_size, replica_slice=ALL):
    """Returns a `tf.data.Dataset` of all of x [N, *] in batches, or in the parts of batches of the replicas of a slice, in turn."""
    bounds = tf.data.Dataset.from_tensor_slices(replica_slice.bounds(len(x), batch_size))
    gather = gatherer(x)
    return steady(bounds.map(lambda bound: gather(tf.range(bound[0], bound[1])), num_parallel_calls=1))


def steady(dataset):
    """Returns a data set without autotuning: the end of a pass would wait for the tuner's thread, which may sleep as long as the pass."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
