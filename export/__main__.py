"""Export a run folder to ONNX graphs, a SavedModel and a manifest, checking each of them."""

import sys

from export.manifest import FORMATS
from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from export.storage.files import room_in

artifact = Later("export.artifact")


def parse(argv):
    """Returns the flags, with `formats`, the names that --format gives."""
    parser = flags.Parser(prog="python -m export", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--out", type=flags.path, help="artifact folder (default: RUN/export)")
    parser.add_argument(
        "--format", type=flags.text, default=",".join(FORMATS), help="formats to write, separated by commas (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    args.formats = args.format.split(",")
    if not set(args.formats) <= set(FORMATS):
        raise ValueError(f"Expected --format among {','.join(FORMATS)}. Received: {args.format}")
    return args


def run(args):
    """Exports the run, and prints where to."""
    with room_in(args.out or args.run, "make some, and export again"):
        print(artifact.export_run(args.run, out=args.out, formats=args.formats))


main = Command(parse, run)

if __name__ == "__main__":
    sys.exit(main())
