"""Make the packages that come with the library: run folders of the digits and MNIST, with rounded weights, evaluated anew."""

import sys
from pathlib import Path

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from training.jobs.flags import PAPERS_SAMPLES, add_data_dir

release = Later("training.jobs.release")
BUNDLED = Path(__file__).parents[1] / "keras_vaemix" / "packages"


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m training.release", description=__doc__)
    parser.add_argument("runs", nargs="+", type=flags.path, help="run folders, each packaged under the name of its preset")
    parser.add_argument("--out", type=flags.path, default=BUNDLED, help="folder of the packages (default: keras_vaemix/packages)")
    parser.add_argument("--bits", type=flags.up_to(11, 2), default=8, help="significant bits of the weights (default: %(default)s)")
    parser.add_argument("--num-samples", type=flags.at_least(1), default=PAPERS_SAMPLES, help="importance samples for each example")
    parser.add_argument("--likelihood-examples", type=flags.at_least(1), help="number of examples, from the first, for the log-likelihood")
    add_data_dir(parser)
    return parser.parse_args(argv)


main = Command(parse, lambda args: release.run(args))

if __name__ == "__main__":
    sys.exit(main())
