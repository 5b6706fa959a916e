"""Evaluate a run: ELBO and importance-sampled log-likelihood, each with its standard error."""

import sys

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from training.jobs.flags import PAPERS_SAMPLES, SPLITS, add_data_of_run, add_features

evaluate = Later("training.jobs.evaluate")
DESCRIPTION = f"{__doc__} The report replaces evaluation.json in the run folder."


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m training.evaluate", description=DESCRIPTION)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--split", default="test", choices=SPLITS, help="split to evaluate on (default: %(default)s)")
    parser.add_argument(
        "--num-samples", type=flags.at_least(1), default=PAPERS_SAMPLES, help="importance samples for each example (default: %(default)s)"
    )
    parser.add_argument(
        "--likelihood-examples", type=flags.at_least(1), help="number of examples, from the first, for the log-likelihood (default: all)"
    )
    add_features(parser)
    parser.add_argument("--check", action="store_true", help="check every bound against log p(x) on the first 200 examples, and exit")
    add_data_of_run(parser)
    return parser.parse_args(argv)


main = Command(parse, lambda args: evaluate.run(args))

if __name__ == "__main__":
    sys.exit(main())
