"""Do 5,000 importance samples suffice? Their estimate of log p(x) compared with annealed importance sampling, for a trained run.

    python -m training.findings.annealed RUN --examples 100

Both are too low in expectation. With few effective samples, the standard error of importance sampling is too optimistic; the chains of
annealed importance sampling start where its samples do, at q(z|x), and then move towards p(z|x). The difference is what it misses.
"""

import os
import sys
import time

import numpy as np

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later

evaluation, runs, verify = Later("keras_vaemix.evaluation"), Later("training.runs.run"), Later("keras_vaemix.verify")


def compare(args):
    """Returns the two estimates of a run and their difference, as text."""
    model, data = runs.open_run(args.run, args.data_dir, args.dataset)
    x, verbose = data.arrays("test", model.support)[: args.examples], int(sys.stdout.isatty())
    settings = args.chains, args.temperatures, args.leapfrog
    methods = {
        f"{args.samples} importance samples": lambda: model.estimate_log_likelihood(x, args.samples, seed=args.seed, verbose=verbose),
        f"{args.chains} chains, {args.temperatures} temperatures": lambda: evaluation.annealed_log_likelihood(
            model, x, *settings, seed=args.seed, verbose=verbose
        ),
    }
    estimates, seconds = [], []
    for estimate in methods.values():
        start = time.monotonic()
        estimates.append(estimate())
        seconds.append(time.monotonic() - start)
    return table(list(methods), estimates, seconds)


def table(names, estimates, seconds):
    """Returns estimates of log p(x) of the same examples, and how far the second is above the first, as text."""
    lines = [f"Mean log p(x) of {len(estimates[0].log_likelihood)} examples, in nats, with the standard error of its draws:\n"]
    lines += [f"{'':36} {'log p(x)':>10} {'error':>8} {'effective, median':>18} {'least':>7} {'seconds':>8}"]
    for name, e, s in zip(names, estimates, seconds, strict=True):
        sizes = np.median(e.effective_sample_size), np.min(e.effective_sample_size)
        figures = np.mean(e.log_likelihood), verify.root_sum(e.standard_error), *sizes, s
        lines += [f"{name:36} {figures[0]:10.3f} {figures[1]:8.3f} {figures[2]:18.1f} {figures[3]:7.1f} {figures[4]:8.0f}"]
    differences = estimates[1].log_likelihood - estimates[0].log_likelihood
    error = verify.root_sum(np.hypot(*(e.standard_error for e in estimates)))
    quantiles = ", ".join(f"{value:.2f}" for value in np.quantile(differences, [0, 0.5, 0.9, 1]))
    return "\n".join([*lines, f"\nDifference {np.mean(differences):.3f} +- {error:.3f}; least, median, 90 % and most: {quantiles}"])


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m training.findings.annealed", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument(
        "--examples", type=flags.at_least(1), default=100, help="number of test examples, from the first (default: %(default)s)"
    )
    parser.add_argument("--samples", type=flags.at_least(1), default=5000, help="importance samples for each (default: %(default)s)")
    parser.add_argument("--chains", type=flags.at_least(1), default=8, help="annealed chains for each (default: %(default)s)")
    parser.add_argument("--temperatures", type=flags.at_least(1), default=100, help="steps of a chain (default: %(default)s)")
    parser.add_argument("--leapfrog", type=flags.at_least(1), default=5, help="leapfrog steps of a transition (default: %(default)s)")
    parser.add_argument("--seed", type=flags.seed_number, default=0, help="seed of both estimates")
    data_dir = os.environ.get("VAEMIX_DATA") or None
    parser.add_argument("--data-dir", default=data_dir, type=flags.text, metavar="DIR", help="folder with NAME.npz (default: $VAEMIX_DATA)")
    parser.add_argument("--dataset", type=flags.text, help="npz:PATH or folder:PATH of the data of the run (default: where they were)")
    return parser.parse_args(argv)


main = Command(parse, lambda args: print(compare(args)))

if __name__ == "__main__":
    sys.exit(main())
