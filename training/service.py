"""tf.data services: other machines that prepare the training batches when input is the bottleneck.

python -m training.service --port 5050
"""

import sys

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later

service = Later("training.jobs.service")


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m training.service", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=flags.up_to(65535, 1), default=5050, help="where to listen (default: %(default)s)")
    return parser.parse_args(argv)


main = Command(parse, lambda args: service.run(args))

if __name__ == "__main__":
    sys.exit(main())
