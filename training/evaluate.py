"""Evaluate a run: ELBO and importance-sampled log-likelihood, each with its standard error."""

import argparse
import os
import sys
from pathlib import Path

from training.quiet import import_tensorflow

MATCHED_ON = 10_000  # training examples on which categories are matched with labels
SPLIT_ON = 1000  # examples of the divergence split, which compares all pairs


def evaluate(folder, model, data, split, num_samples, num_likelihood_examples=None):
    """Evaluates `model` on a split of the data, writes `evaluation.json` into the run folder, and returns the report."""
    from keras_vaemix.evaluation import likelihood_report
    from training.files import write_json

    x, verbose = data.arrays(split, model.support), int(sys.stdout.isatty())
    report = likelihood_report(model, x, num_samples, num_likelihood_examples=num_likelihood_examples, verbose=verbose)
    report["split"] = split
    if model.num_components > 1:
        report |= component_report(model, data, split)
    sampled = model.as_sampled()
    if sampled is not model:
        other = likelihood_report(sampled, x, num_samples, num_likelihood_examples=num_likelihood_examples, verbose=verbose)
        report["sampled"] = {name: value for name, value in other.items() if isinstance(value, float)}
    write_json(Path(folder) / "evaluation.json", report)
    return report


def component_report(model, data, split):
    """Returns the figures of the components: how they are used, how they stand to labels, and where their divergence goes.

    Components are matched with labels on the training set, or on as much of it as `MATCHED_ON` says.
    """
    import numpy as np

    from keras_vaemix.evaluation import cluster_report, divergence_split, has_divergence_split

    x, labels, shares, train_labels = data.arrays(split, model.support), data.labels(split), None, data.labels("train")
    if labels is not None and train_labels is not None:
        chosen = np.random.default_rng(0).permutation(len(train_labels))[:MATCHED_ON]
        shares, train_labels = model.responsibilities(data.fixed("train", model.support)[chosen]), train_labels[chosen]
    report = cluster_report(shares, train_labels, model.responsibilities(x), labels)
    if has_divergence_split(model):
        report["divergence_split"] = divergence_split(model, x[:SPLIT_ON])
    return report


def describe(report):
    """Returns the figures of a report as lines of text."""
    count = f"{report['num_likelihood_examples']} of {report['num_examples']} {report['split']} examples"
    return "\n".join([*lines_of(report), f"{'log-likelihood of':24} {count}, {report['num_samples']} samples each"])


def lines_of(figures, whole=""):
    """Returns a line for each figure; those of a dict in it begin with the name of the whole."""
    lines = []
    for name, value in figures.items():
        title = f"{whole} {name}".strip()
        if isinstance(value, dict):
            lines += lines_of(value, title)
        elif f"{name}_se" in figures:
            lines.append(f"{title:24} {value:10.3f} +- {figures[name + '_se']:.3f} nats")
        elif name == "dead_categories":
            lines.append(f"{title:24} {value:6}")
        elif isinstance(value, float) and not name.endswith("_se"):
            lines.append(f"{title:{44 if whole else 24}} {value:10.3f}")
    return lines


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--num-samples", type=int, default=5000, help="importance samples for each example")
    parser.add_argument("--likelihood-examples", type=int, help="log-likelihood of the first so many examples only")
    parser.add_argument("--check", action="store_true", help="hold every bound against log p(x) of the first 200 examples, and stop")
    parser.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA"), help="folder with NAME.npz")
    args = parser.parse_args(argv)
    import_tensorflow()
    try:
        print(evaluate_run(args))
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def evaluate_run(args):
    """Loads the model and the data of a run, evaluates or checks it, and returns what to print."""
    from keras_vaemix import verify
    from training import data as data_module
    from training.files import read_json
    from training.run import load_model

    config = read_json(args.run / "config.json")
    model = load_model(args.run / "model.keras")
    data = data_module.load(config["dataset"], args.data_dir, config["image_size"])
    if data.sha256() != config["data_sha256"]:
        raise ValueError(f"Expected the data that the run was trained on, sha256 {config['data_sha256']}. Received: {data.sha256()}")
    if args.check:
        x = data.arrays(args.split, model.support)
        return verify.check_bound(model, x[: args.likelihood_examples or 200], num_samples=args.num_samples)
    return describe(evaluate(args.run, model, data, args.split, args.num_samples, args.likelihood_examples))


if __name__ == "__main__":
    sys.exit(main())
