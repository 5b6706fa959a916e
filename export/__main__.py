"""Export a run folder to ONNX graphs, a SavedModel and a manifest, or to a package with the model and its card; all is checked."""

import sys

from export.manifest import FORMATS, PRECISIONS
from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from export.storage.files import room_in

artifact, package = Later("export.artifact"), Later("export.package")
LAYOUTS = {
    "artifact": lambda args: artifact.export_run(args.run, args.out, args.formats, args.precision),
    "package": lambda args: package.package_run(args.run, args.out, args.license),
}


def parse(argv):
    """Returns the flags, with `formats`, the names that --format gives."""
    parser = flags.Parser(prog="python -m export", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--out", type=flags.path, help="folder to write (default: RUN/export, or RUN/package)")
    parser.add_argument("--layout", choices=LAYOUTS, default="artifact", help="what to write (default: %(default)s)")
    parser.add_argument(
        "--format", type=flags.text, default=",".join(FORMATS), help="formats of an artifact, separated by commas (default: %(default)s)"
    )
    license_help = "licence of a package's weights, as the Hugging Face Hub names it (default: %(default)s)"
    parser.add_argument("--license", type=flags.text, default="apache-2.0", help=license_help)
    precision = "float32, or int8 for one more decoder with 8-bit weights, whose error the manifest states (default: %(default)s)"
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help=precision)
    args = parser.parse_args(argv)
    args.formats = args.format.split(",")
    if not set(args.formats) <= set(FORMATS):
        raise ValueError(f"Expected --format among {','.join(FORMATS)}. Received: {args.format}")
    if args.precision == "int8" and "onnx" not in args.formats:
        raise ValueError(f"Expected --format with onnx for --precision int8. Received: {args.format}")
    return args


def run(args):
    """Exports the run, and prints where to."""
    with room_in(args.out or args.run, "make some, and export again"):
        print(LAYOUTS[args.layout](args))


main = Command(parse, run)

if __name__ == "__main__":
    sys.exit(main())
