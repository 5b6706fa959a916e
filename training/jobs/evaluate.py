"""Evaluate a run: ELBO and importance-sampled log-likelihood, each with its standard error."""

import os
import sys
from pathlib import Path

from export import flags
from export.tensorflow_import import import_tensorflow

MATCHED_ON = 10_000  # training examples on which categories are matched with labels
FEATURES = ("auto", "none", "lenet", "inception")  # auto: lenet for autoencoders of images with labels
SPLITS = ("validation", "test")  # that can judge a run
SPLIT_ON = 1000  # examples of the divergence split, which compares all pairs
PAPERS_SAMPLES, MOST_SAMPLES, LEAST = 5000, 1000, 100  # importance samples of papers and of training.train; LEAST of these, and examples
EXAMPLES_OF_LATENT = 4  # to train on an example takes as long as to decode three latents, and more: forward and backward


def affordable(num_trained, num_examples, num_samples=None):
    """Returns the numbers of importance samples and examples whose log-likelihood takes about a tenth of the training's time.

    They depend on how much was trained, and not on a clock: a run that is repeated is evaluated alike.

    Args:
        num_trained: Number of examples that were trained on, over all epochs.
        num_examples: Number of examples that there are.
        num_samples: Number of samples, if it is given: as many examples as they leave time for.
    """
    num_latents = num_trained // EXAMPLES_OF_LATENT
    num_likelihood_examples = min(num_examples, max(LEAST, num_latents // (num_samples or MOST_SAMPLES)))
    return num_samples or min(MOST_SAMPLES, max(LEAST, num_latents // num_likelihood_examples // LEAST * LEAST)), num_likelihood_examples


def evaluate(folder, model, data, split, num_samples, num_likelihood_examples=None, features="auto", estimate=None, verbose=0):
    """Evaluates `model` on a split of the data, writes `evaluation.json` into the run folder, and returns the report.

    A given `LikelihoodEstimate` is used instead of a new one; `verbose` 1 shows how far each long part is.
    """
    from export.storage.files import write_json
    from keras_vaemix.evaluation import autoencoder_report
    from keras_vaemix.models import GAMIXVAE, LatentModel
    from training.features.choice import resolve_features

    features, x = resolve_features(features, model, data, split), data.arrays(split, model.support)
    if isinstance(model, LatentModel):
        report = bound_report(model, x, num_samples, num_likelihood_examples, estimate, verbose)
    else:
        report = autoencoder_report(model, x, verbose=verbose)
    report["split"] = split
    if model.num_components > 1:
        report |= component_report(model, data, split, verbose)
    if features != "none":
        report |= image_report(model, data, split, x, features, verbose)
    if isinstance(model, GAMIXVAE):
        report |= samplers_report(model, data, x, features, report, verbose)
    write_json(Path(folder) / "evaluation.json", report)
    return report


def bound_report(model, x, num_samples, num_likelihood_examples, estimate=None, verbose=0):
    """Returns bound and log-likelihood, those of the model that is sampled too where a paper's bound has another prior."""
    from keras_vaemix.evaluation import likelihood_report

    asked = {"num_likelihood_examples": num_likelihood_examples, "verbose": verbose}
    report, sampled = likelihood_report(model, x, num_samples, estimate=estimate, **asked), model.with_sampling_prior()
    if sampled is not model:
        other = likelihood_report(sampled, x, num_samples, **asked)
        report["sampled"] = {name: value for name, value in other.items() if isinstance(value, float)}
    return report


def image_report(model, data, split, x, features, verbose=0):
    """Returns the figures of generated and reconstructed images against the real ones of a split, as grey as they came."""
    from keras_vaemix.core import supports
    from keras_vaemix.evaluation import generation_report
    from training.features.choice import load_features

    network = load_features(features, data)
    real = data.arrays(split, supports.UNIT_INTERVAL)
    given = {} if real is x or not data.binarizes(model.support) else {"real": network(real)}
    return generation_report(model, x, network, verbose=verbose, **given)


def objective_report(model, x):
    """Returns the objective of a GAMIX-VAE without its discriminator, which is not a bound, and its terms, means over batches of 64."""
    from training.data.splits import in_order

    judged = model.sampled_by(model.prior)
    judged.compile(jit_compile=False)
    figures = judged.evaluate(in_order(x, 64), verbose=0, return_dict=True)
    return {name: figures[name] for name in ("loss", model.figure_name("reconstruction"), "moment_kl", "variance_kl")}


def samplers_report(model, data, x, features, known, verbose=0):
    """Returns what a model whose latents are of several densities gives by each, and the variance of its aggregate posterior.

    The densities are N(0, I), the aggregate posterior's moments, and a mixture of ten components that is fitted to draws of it; the
    figures of the one that is the model's own are among those that are `known`.
    """
    from keras_vaemix import FittedMixture, StandardNormal
    from keras_vaemix.evaluation import generation_report, sharpness_report
    from training.features.choice import load_features

    report = {"aggregate_variance": float(model.aggregate_variance(x).mean()), "objective": objective_report(model, x)}
    if not data.is_images():
        return report
    d, network = model.prior.latent_dim, None if features == "none" else load_features(features, data)
    report |= sharpness_report(model, x, verbose=verbose)
    for name, prior in {"standard": StandardNormal(d), "moments": FittedMixture(d, 1), "mixture": FittedMixture(d, 10)}.items():
        figures = known | report
        if (type(prior), prior.num_components) != (type(model.prior), model.prior.num_components):
            other = model.sampled_by(prior)
            other.fit_prior(data.fixed("train", model.support), verbose=verbose)
            figures = sharpness_report(other, x, verbose=verbose)
            figures |= {} if network is None else generation_report(other, x, network, verbose=verbose)
        report[f"sharpness_{name}"] = figures["sharpness_generation"]
        if network is not None:
            report[f"fd_{name}"] = figures["fd_generation"]
    return report


def component_report(model, data, split, verbose=0):
    """Returns the figures of the components: how they are used, how they stand to labels, and where their divergence goes.

    Components are matched with labels on the training set, or on as much of it as `MATCHED_ON` says.
    """
    import numpy as np

    from keras_vaemix.evaluation import cluster_report, divergence_split, has_divergence_split

    x, labels, train_responsibilities, train_labels = data.arrays(split, model.support), data.labels(split), None, data.labels("train")
    if labels is not None and train_labels is not None:
        chosen = np.random.default_rng(0).permutation(len(train_labels))[:MATCHED_ON]
        train_responsibilities = model.responsibilities(data.fixed("train", model.support)[chosen], verbose=verbose)
        train_labels = train_labels[chosen]
    report = cluster_report(train_responsibilities, train_labels, model.responsibilities(x, verbose=verbose), labels)
    if has_divergence_split(model):
        report["divergence_split"] = divergence_split(model, x[:SPLIT_ON])
    return report


def describe(report):
    """Returns the figures of a report as lines of text."""
    count = f"{report.get('num_likelihood_examples')} of {report['num_examples']} {report['split']} examples"
    likelihood = [f"{'log-likelihood of':24} {count}, {report['num_samples']} samples each"] if "num_samples" in report else []
    return "\n".join([*lines_of(report), *likelihood])


def lines_of(figures, whole=""):
    """Returns a line for each figure; those of a dict in it begin with the name of the whole."""
    lines = []
    for name, value in figures.items():
        title = f"{whole} {name}".strip()
        if isinstance(value, dict):
            lines += lines_of(value, title)
        elif f"{name}_se" in figures:
            is_of_images = name in ("cost", "l1") or name.startswith("sharpness")
            digits, unit = 3 if abs(value) >= 0.1 else 5, "" if is_of_images else " nats"
            lines.append(f"{title:24} {value:10.{digits}f} +- {figures[f'{name}_se']:.{digits}f}{unit}")
        elif name in ("dead_categories", "active_dimensions"):
            lines.append(f"{title:24} {value:6}")
        elif isinstance(value, float) and not name.endswith("_se"):
            lines.append(f"{title:{44 if whole else 24}} {value:10.3f}")
    return lines


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = flags.Parser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--num-samples", type=flags.at_least(1), default=PAPERS_SAMPLES, help="importance samples for each example")
    parser.add_argument("--likelihood-examples", type=flags.at_least(1), help="log-likelihood of the first so many examples only")
    parser.add_argument("--features", default="auto", choices=FEATURES, help="network whose features judge images (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="hold every bound against log p(x) of the first 200 examples, and stop")
    parser.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA") or None, type=flags.text, help="folder with NAME.npz")
    try:
        args = parser.parse_args(argv)
        import_tensorflow()
        print(evaluate_run(args))
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def evaluate_run(args):
    """Loads the model and the data of a run, evaluates or checks it, and returns what to print."""
    from export.storage.locks import locked
    from keras_vaemix import verify
    from keras_vaemix.core.part import require
    from keras_vaemix.models import LatentModel
    from training.runs.run import open_run

    (model, data), verbose = open_run(args.run, args.data_dir), int(sys.stdout.isatty())
    if args.check:
        expected = "a model with a bound for --check: evaluate an autoencoder, which has no likelihood, without it"
        require(isinstance(model, LatentModel), expected, model=type(model).__name__)
        x = data.arrays(args.split, model.support)
        return verify.check_bound(model, x[: args.likelihood_examples or 200], num_samples=args.num_samples, verbose=verbose)
    with locked(args.run):
        counts = args.num_samples, args.likelihood_examples
        return describe(evaluate(args.run, model, data, args.split, *counts, args.features, verbose=verbose))
