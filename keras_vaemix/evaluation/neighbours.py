"""The training images nearest to a generated one, which show whether a model has memorised them."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_vaemix.core.blocks import as_array, blocks
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require

BLOCK_BYTES = 2**30  # size of a block of training examples


def nearest_neighbors(x: Array, train: Array, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k training examples nearest to each of x, nearest first, by Euclidean distance over all values.

    Where training examples have gaps (NaN), the distance is over the values that they have, scaled up to all of them.

    Args:
        x: Generated images or other examples [N, *].
        train: Training examples [N', *].
        k: Number of neighbours.

    Returns:
        Indices into `train`, integer [N, k], and distances [N, k].

    Raises:
        ValueError: The shapes of the examples differ, or there are fewer than k training examples.
    """
    check_positive(k=k)
    x, train = np.asarray(x), as_array(train)
    require(x.shape[1:] == train.shape[1:], f"x of shape (N, {', '.join(map(str, train.shape[1:]))}), as train", shape=x.shape)
    require(len(train) >= k, f"at least k={k} training examples", train=len(train))
    found = [nearest_in(block, start, x, k) for start, block in blocks(train, BLOCK_BYTES)]
    indices, distances = (np.concatenate(part, axis=1) for part in zip(*found, strict=True))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1)


def nearest_in(train, start, x, k):
    """Returns indices and distances of at most k neighbours in a block of training examples, numbered from `start`."""
    train = train.reshape(len(train), -1)
    metric = "nan_euclidean" if np.isnan(train).any() else "euclidean"
    search = NearestNeighbors(n_neighbors=min(k, len(train)), algorithm="brute", metric=metric).fit(train)
    distances, indices = search.kneighbors(x.reshape(len(x), -1))
    return start + indices, distances
