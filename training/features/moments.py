"""The moments of the features of real images, computed once and kept."""

import numpy as np

from export.storage.files import atomically
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.supports import UNIT_INTERVAL
from keras_vaemix.evaluation import FeatureMoments, sample_of
from training.data.sources import read_npz
from training.features.network import cache_folder


def real_moments(data, split, features, cache=None, num_samples=10_000):
    """Returns the `FeatureMoments` of the features of at most `num_samples` grey images of a split, computed once and kept.

    They are the images that `evaluation.generation_report` takes from the split with seed 0.

    Args:
        data: A `Data` of images.
        split: `"train"`, `"validation"` or `"test"`.
        features: `NetworkFeatures`.
        cache: Folder where they are kept, as for `feature_network`.
        num_samples: Maximum number of images.
    """
    check_positive(num_samples=num_samples)
    x = data.arrays(split, UNIT_INTERVAL)
    index = sample_of(len(x), num_samples)
    path = cache_folder(data, cache) / f"{features.key}-{split}-{len(index)}.npz"
    if not path.exists():
        moments = FeatureMoments.of(features(x[index]), f"real {split}")
        with atomically(path) as temporary:
            np.savez(temporary, **moments._asdict())
    kept, size = read_npz(path), features.network.output_shape[-1]
    received = {name: array.shape for name, array in kept.items()}
    is_whole = received == {"mean": (size,), "covariance": (size, size), "count": ()}
    require(is_whole, f"moments of {size} features in {path}: remove the file to compute them again", shapes=received)
    return FeatureMoments(kept["mean"], kept["covariance"], int(kept["count"]))
