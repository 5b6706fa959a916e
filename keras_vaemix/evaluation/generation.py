"""The quality of a model's images: generated and reconstructed ones separately."""

import inspect
from typing import Any

import keras
import numpy as np

from keras_vaemix.core.blocks import as_array, batch_size_for
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.evaluation.frechet import FeatureMoments, frechet_distance
from keras_vaemix.evaluation.precision_recall import improved_precision_recall, precision_recall_distributions


def generation_report(
    model: keras.Model,
    x: Array,
    features: Any,
    num_samples: int = 10_000,
    batch_size: int | None = None,
    seed: int = 0,
    real: Any = None,
    verbose: int = 0,
) -> dict[str, Any]:
    """Compares generated and reconstructed images with real ones, n = min(num_samples, len(x)) of each.

    Args:
        model: A model with `sample(n, seed=)` and `reconstruct(x)`, both of which return images [n, *] in the range of x.
        x: Real examples [N, *], which the model reconstructs.
        features: A function with a `name` that maps images [n, *] to features [n, F].
        num_samples: Largest number of images of each kind.
        batch_size: Number of images at a time; if None, 500, or fewer if they are large.
        seed: Integer; the choice of images and the samples are a function of it.
        real: Features [N, F] of the real images if they differ from x, such as the greyscale images of a binarised x; or `FeatureMoments`
            of n of them, which are used for the two distances, while x is used for the rest.
        verbose: 1 shows progress bars.

    Returns:
        A dict: `fd_generation` and `fd_reconstruction`, Fréchet distances in the features of `feature_network`, which should be called
        FD-lenet if its name is lenet, never FID; `prd_f8`, which emphasises recall, and `prd_f1_8`, which emphasises precision
        (`precision_recall_distributions`); `precision` and `recall` (`improved_precision_recall`); `num_generated`, n; `feature_network`,
        the name of the features.

    Raises:
        ValueError: `real` has another number of samples, there are too few samples, or features are not finite.
    """
    x = as_array(x)
    batch_size = batch_size_for(batch_size, x.shape[1:], 500)
    check_positive(num_samples=num_samples, batch_size=batch_size)
    index = sample_of(len(x), num_samples, seed)
    real_features, moments = real_side(x, features, index, batch_size, real, verbose)
    n = len(index)
    draws = progress(draws_of(n, batch_size, seed), verbose, f"features of {n} samples")
    fake = np.concatenate([np.asarray(features(model.sample(size, seed=draw))) for size, draw in draws])
    title = f"features of {n} reconstructions"
    reconstruct = reconstructor(model, seed)
    reconstructed = batched(lambda i: features(reconstruct(x[i])), index, batch_size, verbose, title)
    curve = precision_recall_distributions(real_features, fake, seed=seed)
    precision, recall = improved_precision_recall(real_features, fake, batch_size=batch_size)
    return {
        "fd_generation": frechet_distance(moments, fake),
        "fd_reconstruction": frechet_distance(moments, reconstructed),
        "prd_f8": curve.f_beta(8),
        "prd_f1_8": curve.f_beta(1 / 8),
        "precision": precision,
        "recall": recall,
        "num_generated": n,
        "feature_network": features.name,
    }


def real_side(x, features, index, batch_size, real, verbose=0):
    """Returns the features [n, F] of the chosen real images and their `FeatureMoments`; see `generation_report`."""
    if real is None or isinstance(real, FeatureMoments):
        taken = batched(lambda i: features(x[i]), index, batch_size, verbose, f"features of {len(index)} real images")
    else:
        require(len(real) == len(x), f"features of {len(x)} real images, one for each of x", real=len(real))
        taken = np.asarray(real)[index]
    moments = real if isinstance(real, FeatureMoments) else FeatureMoments.of(taken, "real")
    require(moments.count == len(index), f"moments of {len(index)} real images, as many as are generated", count=moments.count)
    return taken, moments


def sample_of(num_examples: int, num_samples: int, seed: int = 0) -> np.ndarray:
    """Returns the indices of at most `num_samples` examples, chosen at random because data sets are often sorted by class."""
    return np.sort(np.random.default_rng(seed).permutation(num_examples)[:num_samples])


def draws_of(n, batch_size, seed):
    """Returns the size and the seed, an integer, of each batch of n draws."""
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    seeds = np.random.SeedSequence(seed).generate_state(len(sizes)) >> 1  # fits 32 bits with a sign
    return [(size, int(draw)) for size, draw in zip(sizes, seeds, strict=True)]


def reconstructor(model, seed):
    """Returns the function from a batch to its reconstructions, with a seed of its own for each batch if the model draws them."""
    if "seed" not in inspect.signature(model.reconstruct).parameters:
        return model.reconstruct
    seeds = np.random.default_rng(seed)
    return lambda x: model.reconstruct(x, seed=int(seeds.integers(2**31)))


def batched(function, x, batch_size, verbose=0, title=""):
    """Returns a function of batches applied to all of x, as an array; `verbose` 1 shows a progress bar with a title."""
    starts = progress(range(0, len(x), batch_size), verbose, title)
    return np.concatenate([np.asarray(function(x[i : i + batch_size])) for i in starts])
