"""Draw one picture of a run: of its samples, its codes, or its training."""

import sys

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from training.jobs.flags import SPLITS, add_data_of_run

pictures = Later("training.jobs.pictures")
KINDS = (
    "samples",
    "draws",
    "reconstructions",
    "neighbors",
    "categories",
    "covariance",
    "mask",
    "effects",
    "variants",
    "transitions",
    "attribute",
)  # those of `jobs.pictures.PICTURES`
WITHOUT_EXAMPLES = ("samples", "draws", "neighbors", "mask")


def parse(argv):
    """Returns the flags; raises `ValueError` for one that only another picture takes."""
    parser = flags.Parser(prog="python -m training.pictures", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--what", required=True, choices=KINDS, help="picture to draw")
    parser.add_argument("--attribute", type=flags.text, help="attribute or label that --what attribute adds to examples, and removes")
    parser.add_argument(
        "--latents", type=flags.at_least(0), nargs=2, metavar="J", help="latents that --what variants varies (default: by effect)"
    )
    parser.add_argument("--split", choices=SPLITS, help="split of the examples to draw (default: test)")
    add_data_of_run(parser)
    parser.add_argument("--out", type=flags.path, help="PNG file (default: WHAT.png in the run folder)")
    args = parser.parse_args(argv)
    if args.attribute is not None and args.what != "attribute":
        raise ValueError(f"Expected --attribute only with --what attribute. Received: --what {args.what}")
    if args.latents is not None and args.what != "variants":
        raise ValueError(f"Expected --latents only with --what variants. Received: --what {args.what}")
    if args.split is not None and args.what in WITHOUT_EXAMPLES:
        raise ValueError(
            f"Expected --split only with a picture of examples, not with {', '.join(WITHOUT_EXAMPLES)}. Received: --what {args.what}"
        )
    return args


main = Command(parse, lambda args: pictures.run(args))

if __name__ == "__main__":
    sys.exit(main())
