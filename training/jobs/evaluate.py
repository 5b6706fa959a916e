"""Evaluate a run: ELBO and importance-sampled log-likelihood, each with its standard error."""

import sys
from pathlib import Path

import numpy as np

from export.storage.files import atomically, write_json
from export.storage.locks import locked
from keras_vaemix import evaluation, verify
from keras_vaemix.core.part import require
from keras_vaemix.models import LatentModel
from training.features.choice import resolve_features
from training.jobs.reports import component_report, image_report, own_report
from training.runs.run import open_run

MOST_SAMPLES, LEAST = 1000, 100  # most importance samples in training.train, and the least number of samples and of examples
LIKELIHOODS = "log_likelihoods.npz"  # of each example, with standard errors and effective sample sizes
COUNTS = ("dead_categories", "clusters_by_assignment", "clusters_by_weight", "active_dimensions")  # figures that are integers
EXAMPLES_OF_LATENT = 4  # training on an example, forward and backward, takes as long as decoding three latents or more


def affordable(num_trained, num_examples, num_samples=None):
    """Returns the numbers of importance samples and examples whose log-likelihood takes about a tenth of the training time.

    They depend on the amount of training, not on a clock, so a repeated run is evaluated in the same way.

    Args:
        num_trained: Number of examples trained on, over all epochs.
        num_examples: Number of examples available.
        num_samples: Number of importance samples, if given; then only the number of examples is chosen.
    """
    num_latents = num_trained // EXAMPLES_OF_LATENT
    num_likelihood_examples = min(num_examples, max(LEAST, num_latents // (num_samples or MOST_SAMPLES)))
    return num_samples or min(MOST_SAMPLES, max(LEAST, num_latents // num_likelihood_examples // LEAST * LEAST)), num_likelihood_examples


def evaluate(folder, model, data, split, num_samples, num_likelihood_examples=None, features="auto", estimate=None, verbose=0):
    """Evaluates `model` on a split of the data, writes `evaluation.json` into the run folder, and returns the report.

    The log-likelihood of each example is written to `log_likelihoods.npz`, if the model has one. A given `LikelihoodEstimate` is used
    instead of a new one; `verbose` 1 shows progress bars.
    """
    features, x = resolve_features(features, model, data, split), data.arrays(split, model.support)
    if isinstance(model, LatentModel):
        some = x if num_likelihood_examples is None else x[:num_likelihood_examples]
        estimate = estimate or model.estimate_log_likelihood(some, num_samples, verbose=verbose)
        with atomically(Path(folder) / LIKELIHOODS) as temporary:
            np.savez(temporary, **estimate._asdict())
    report = evaluation.report(model, x, num_samples, num_likelihood_examples, estimate, verbose)
    report["split"] = split
    if model.has_clusters:
        report |= component_report(model, data, split, verbose)
    if features != "none":
        report |= image_report(model, data, split, x, features, verbose)
    report |= own_report(model, data, x, features, report, verbose)
    write_json(Path(folder) / "evaluation.json", report)
    return report


def describe(report):
    """Returns the figures of a report as lines of text."""
    count = f"{report.get('num_likelihood_examples')} of {report['num_examples']} {report['split']} examples"
    likelihood = [("log-likelihood of", f"  {count}, {report['num_samples']} samples each")] if "num_samples" in report else []
    lines = [*lines_of(report), *likelihood]
    width = max(len(title) for title, _ in lines)
    return "\n".join(f"{title:{width}} {text}" for title, text in lines)


def lines_of(figures, prefix=""):
    """Returns the title and the text of each figure; titles from a nested dict start with its name."""
    lines = []
    for name, value in figures.items():
        title = f"{prefix} {name}".strip()
        if isinstance(value, dict):
            lines += lines_of(value, title)
        elif f"{name}_se" in figures:
            is_of_images = name in ("cost", "l1") or name.startswith("sharpness")
            digits, unit = 3 if abs(value) >= 0.1 else 5, "" if is_of_images else " nats"
            lines.append((title, f"{value:10.{digits}f} +- {figures[f'{name}_se']:.{digits}f}{unit}"))
        elif name in COUNTS:
            lines.append((title, f"{value:6}"))
        elif isinstance(value, float) and not name.endswith("_se"):
            lines.append((title, f"{value:10.3f}"))
    return lines


def run(args):
    """Loads the model and the data of a run, evaluates or checks it, and prints the result."""
    (model, data), verbose = open_run(args.run, args.data_dir, args.dataset), int(sys.stdout.isatty())
    if args.check:
        expected = "a model with a bound for --check: evaluate an autoencoder, which has no likelihood, without it"
        require(isinstance(model, LatentModel), expected, model=type(model).__name__)
        x = data.arrays(args.split, model.support)
        print(verify.check_bound(model, x[: args.likelihood_examples or 200], num_samples=args.num_samples, verbose=verbose))
        return
    with locked(args.run):
        counts = args.num_samples, args.likelihood_examples
        print(describe(evaluate(args.run, model, data, args.split, *counts, args.features, verbose=verbose)))
        print(f"\n{Path(args.run) / 'evaluation.json'}")
