"""The training images that a generated one is nearest to: whether a model has learned them by heart."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_vaemix.part import check_positive, require


def nearest_neighbors(x, train, k=4):
    """Returns the k training examples nearest to each of x, the nearest first, by Euclidean distance over all values.

    Args:
        x: Generated images or other examples [N, *].
        train: Training examples [N', *].
        k: How many.

    Returns:
        Indices into `train`, integer [N, k], and distances [N, k].

    Raises:
        ValueError: The examples are of different shapes, or there are fewer than k to train on.
    """
    check_positive(k=k)
    x, train = np.asarray(x), np.asarray(train)
    require(x.shape[1:] == train.shape[1:], f"x of shape (N, {', '.join(map(str, train.shape[1:]))}), as train", shape=x.shape)
    require(len(train) >= k, f"at least k={k} training examples", train=len(train))
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train.reshape(len(train), -1))
    distances, indices = search.kneighbors(x.reshape(len(x), -1))
    return indices, distances
