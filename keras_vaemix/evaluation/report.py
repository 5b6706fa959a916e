"""The report on a model and examples, by single dispatch: a new kind of model registers its own."""

import functools
from typing import Any

from keras_vaemix.core.hints import Array
from keras_vaemix.evaluation.likelihood import likelihood_report
from keras_vaemix.evaluation.reconstruction import autoencoder_report
from keras_vaemix.importance import LikelihoodEstimate
from keras_vaemix.models import GenerativeModel, LatentModel


@functools.singledispatch
def report(
    model: Any,
    x: Array,
    num_samples: int = 5000,
    num_likelihood_examples: int | None = None,
    estimate: LikelihoodEstimate | None = None,
    verbose: int = 0,
) -> dict[str, Any]:
    """Returns the figures of a model on examples x [N, *], a dict: `likelihood_report` or `autoencoder_report`, by the kind of model.

    If a paper's bound does not use the prior that is sampled, `sampled` has the figures of the model with the sampled prior.

    Args:
        model: A model.
        x: Examples.
        num_samples: Importance samples for each example.
        num_likelihood_examples: Number of examples, the first ones, for the log-likelihood; None for all.
        estimate: An existing `LikelihoodEstimate`, or None.
        verbose: 1 shows progress bars.

    Raises:
        ValueError: No report is registered for this kind of model.
    """
    raise ValueError(f"Expected a GenerativeModel, or a kind registered with report.register. Received: {type(model).__name__}")


@report.register
def _(model: GenerativeModel, x, num_samples=5000, num_likelihood_examples=None, estimate=None, verbose=0):
    return autoencoder_report(model, x, verbose=verbose)


@report.register
def _(model: LatentModel, x, num_samples=5000, num_likelihood_examples=None, estimate=None, verbose=0):
    asked = {"num_likelihood_examples": num_likelihood_examples, "verbose": verbose}
    figures, sampled = likelihood_report(model, x, num_samples, estimate=estimate, **asked), model.with_sampling_prior()
    if sampled is not model:
        other = likelihood_report(sampled, x, num_samples, **asked)
        figures["sampled"] = {name: value for name, value in other.items() if isinstance(value, float)}
    return figures
