"""How good images of a model are: those that it generates apart from those that it reconstructs."""

import numpy as np

from keras_vaemix.core.blocks import as_array, batch_size_for
from keras_vaemix.core.part import check_positive, require
from keras_vaemix.core.progress import progress
from keras_vaemix.evaluation.frechet import FeatureMoments, frechet_distance
from keras_vaemix.evaluation.precision_recall import improved_precision_recall, precision_recall_distributions


def generation_report(model, x, features, num_samples=10_000, batch_size=None, seed=0, real=None, verbose=0):
    """Judges generated and reconstructed images against real ones, as many of each: n = min(num_samples, len(x)).

    Args:
        model: Has `sample(n, seed=)` and `reconstruct(x)`, both of which return images [n, *] in the range of x.
        x: Real examples [N, *] that the model reconstructs.
        features: Has a `name`, and maps images [n, *] to features [n, F].
        num_samples: At most so many images of each kind.
        batch_size: Number of images at a time; 500, or fewer large ones, if None.
        seed: Integer; the images that are taken and drawn are a function of it.
        real: Features [N, F] of the real images where they are not those of x, as the grey images of an x that is binarised;
            or `FeatureMoments` of n of them, with which the two distances are taken, and those of x for the rest.
        verbose: 1 shows progress bars.

    Returns:
        A dict: `fd_generation` and `fd_reconstruction`, Fréchet distances of `feature_network`, to be called FD-lenet after one named
        lenet, and never FID; `prd_f8`, which judges recall, and `prd_f1_8`, which judges precision (`precision_recall_distributions`);
        `precision` and `recall` (`improved_precision_recall`); `num_generated`, n; `feature_network`, its name.

    Raises:
        ValueError: `real` is of another number of samples, there are too few samples, or features are not finite.
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
    reconstructed = batched(lambda i: features(model.reconstruct(x[i])), index, batch_size, verbose, title)
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
    """Returns the features [n, F] of the real images that are taken and their `FeatureMoments`; see `generation_report`."""
    if real is None or isinstance(real, FeatureMoments):
        taken = batched(lambda i: features(x[i]), index, batch_size, verbose, f"features of {len(index)} real images")
    else:
        require(len(real) == len(x), f"features of {len(x)} real images, one for each of x", real=len(real))
        taken = np.asarray(real)[index]
    moments = real if isinstance(real, FeatureMoments) else FeatureMoments.of(taken, "real")
    require(moments.count == len(index), f"moments of {len(index)} real images, as many as are generated", count=moments.count)
    return taken, moments


def sample_of(num_examples, num_samples, seed=0):
    """Returns the indices of at most `num_samples` examples, chosen at random: sets are often sorted by class."""
    return np.sort(np.random.default_rng(seed).permutation(num_examples)[:num_samples])


def draws_of(n, batch_size, seed):
    """Returns the size and the seed, an integer, of each batch of n draws."""
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    seeds = np.random.SeedSequence(seed).generate_state(len(sizes)) >> 1  # fits 32 bits with a sign
    return [(size, int(draw)) for size, draw in zip(sizes, seeds, strict=True)]


def batched(function, x, batch_size, verbose=0, title=""):
    """Returns what a function of a batch gives for all of x, as an array; `verbose` 1 shows a progress bar with a title."""
    starts = progress(range(0, len(x), batch_size), verbose, title)
    return np.concatenate([np.asarray(function(x[i : i + batch_size])) for i in starts])
