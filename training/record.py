"""Record a run as a row of a table of measured results; its verdict on the paper's figures is computed."""

import sys

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from training.papers.result_rows import UNNAMED, VERDICTS, writable

record = Later("training.jobs.record")


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m training.record", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("table", type=flags.text, help="name of the table")
    parser.add_argument(
        "--verdict",
        type=flags.text,
        metavar="VERDICT",
        default=UNNAMED,
        help=f"verdict on a row that no paper has: one of {', '.join(VERDICTS)}, a colon, and a sentence",
    )
    parser.add_argument("--out", type=flags.path, help="folder of TABLE.json and TABLE.md (default: the project's)")
    args = parser.parse_args(argv)
    writable(args.out)
    if args.verdict.partition(":")[0] not in VERDICTS:
        raise ValueError(f"Expected a verdict that begins with one of {', '.join(VERDICTS)}. Received: {args.verdict}")
    return args


main = Command(parse, lambda args: record.run(args))

if __name__ == "__main__":
    sys.exit(main())
