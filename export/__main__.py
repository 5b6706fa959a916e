"""Export a run folder: ONNX graphs, a SavedModel and a manifest, each checked before it counts."""

import sys

from export import flags
from export.tensorflow_import import import_tensorflow


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = flags.Parser(prog="python -m export", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--out", type=flags.path, help="artifact folder (default: RUN/export)")
    parser.add_argument(
        "--format", type=flags.text, default="onnx,saved_model", help="what to write, separated by commas (default: %(default)s)"
    )
    try:
        args = parser.parse_args(argv)
        import_tensorflow()
        from export.artifact import FORMATS, export_run
        from export.storage.files import room_in

        formats = args.format.split(",")
        if not set(formats) <= set(FORMATS):
            raise ValueError(f"Expected --format among {','.join(FORMATS)}. Received: {args.format}")
        with room_in(args.out or args.run, "make some, and export again"):
            print(export_run(args.run, out=args.out, formats=formats))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
