"""Export a model to ONNX graphs, a SavedModel and a manifest, or to a package with the model and its card; all is checked."""

import sys
from collections.abc import Callable
from typing import NamedTuple

from export.manifest import FORMATS, PRECISIONS, check_formats
from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from export.storage.files import room_in

artifact, package = Later("export.artifact"), Later("export.package")


class Layout(NamedTuple):
    """What can be written.

    Attributes:
        write: Function that writes it for the flags, and returns its folder.
        flags: Names of the flags that it alone takes, with their defaults.
    """

    write: Callable
    flags: dict


LAYOUTS = {
    "artifact": Layout(
        lambda args: artifact.export_run(args.run, args.out, args.format.split(","), args.precision),
        {"format": ",".join(FORMATS), "precision": PRECISIONS[0]},
    ),
    "package": Layout(lambda args: package.package_run(args.run, args.out, args.license), {"license": None}),
}


def parse(argv):
    """Returns the flags, those of the layout with its defaults."""
    defaults = {name: value for layout in LAYOUTS.values() for name, value in layout.flags.items()}
    parser = flags.Parser(prog="python -m export", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder, any folder with model.keras, or, with --out, a file .keras")
    parser.add_argument("--out", type=flags.path, help="folder to write (default: RUN/export, or RUN/package)")
    parser.add_argument("--layout", choices=LAYOUTS, default="artifact", help="what to write (default: %(default)s)")
    parser.add_argument("--format", type=flags.text, help=f"formats of an artifact, separated by commas (default: {defaults['format']})")
    license_help = "licence of a package's weights, as the Hugging Face Hub names it (default: apache-2.0, but none for images of CelebA)"
    parser.add_argument("--license", type=flags.text, help=license_help)
    precision = f"of an artifact: int8 adds a decoder of 8-bit weights, whose error the manifest states (default: {defaults['precision']})"
    parser.add_argument("--precision", choices=PRECISIONS, help=precision)
    args = parser.parse_args(argv)
    own = LAYOUTS[args.layout].flags
    for name in sorted(defaults.keys() - own.keys()):
        if (given := getattr(args, name)) is not None:
            raise ValueError(f"Expected no --{name} for --layout {args.layout}, which does not take it. Received: --{name} {given}")
    vars(args).update({name: default for name, default in own.items() if getattr(args, name) is None})
    if args.layout == "artifact":
        check_formats(args.format.split(","), args.precision)
    return args


def run(args):
    """Exports the run, and prints where to."""
    with room_in(args.out or args.run, "make some, and export again"):
        print(LAYOUTS[args.layout].write(args))


main = Command(parse, run)

if __name__ == "__main__":
    sys.exit(main())
