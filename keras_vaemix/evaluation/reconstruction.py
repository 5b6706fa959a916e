"""Figures of deterministic autoencoders: the cost of reconstructions, and how close codes are to the prior."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.blocks import batch_size_for
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive
from keras_vaemix.core.progress import progress
from keras_vaemix.core.seeds import stateless_seed
from keras_vaemix.evaluation.latent import latent_report, posterior_means
from keras_vaemix.evaluation.likelihood import standard_error


def autoencoder_report(model: keras.Model, x: Array, batch_size: int | None = None, seed: int = 0, verbose: int = 0) -> dict[str, Any]:
    """Returns the figures of an autoencoder on examples x [N, *], none of which is a bound on a likelihood.

    Args:
        model: An `AutoencodingModel`.
        x: Examples.
        batch_size: Number of examples at a time; if None, 500, or fewer if they are large.
        seed: Integer that determines the draws of the prior.
        verbose: 1 shows a progress bar.

    Returns:
        A dict: `cost`, the mean cost of a reconstruction, with `cost_se`, its standard error, NaN for a single example;
        `mean_squared_error` per value of x; `num_examples`; and where codes can be compared with the prior, the `latent_report` of the
        latents that are not masked.
    """
    batch_size = batch_size_for(batch_size, model.example_shape, 500)
    check_positive(batch_size=batch_size)
    model.check(x)
    batches = [tf.cast(x[i : i + batch_size], tf.float32) for i in range(0, len(x), batch_size)]
    shown = progress(batches, verbose, f"reconstructions of {len(x)} examples")
    costs = np.concatenate([model.cost(batch, model.decoder_params(model.latent_means(batch))) for batch in shown])
    errors = np.concatenate([np.mean(np.square(batch - model.call(batch)), axis=tuple(range(1, x.ndim))) for batch in batches])
    report = {
        "cost": float(costs.mean()),
        "cost_se": standard_error(costs),
        "mean_squared_error": float(errors.mean()),
        "num_examples": len(x),
    }
    used = model.export_model()
    if not used.can_sample() or len(x) <= used.latent_dim():
        return report
    draws = used.prior_draws(len(x), stateless_seed(seed)).numpy()
    return {**report, **latent_report(posterior_means(used, x), draws)}
