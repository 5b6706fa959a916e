"""Draw one picture of a run: of its samples, its codes, or how it was trained."""

import os
import sys

from export import flags
from export.tensorflow_import import import_tensorflow
from training.jobs.evaluate import SPLITS

KINDS = (
    "samples",
    "reconstructions",
    "neighbors",
    "categories",
    "covariance",
    "mask",
    "effects",
    "variants",
    "transitions",
    "attribute",
)  # those of `pictures.PICTURES`
WITHOUT_EXAMPLES = ("samples", "neighbors", "mask")


def main(argv=None):
    """Returns the exit status: errors are one line on standard error."""
    parser = flags.Parser(prog="python -m training.pictures", description=__doc__)
    parser.add_argument("run", type=flags.path, help="run folder")
    parser.add_argument("--what", required=True, choices=KINDS, help="picture to draw")
    parser.add_argument("--attribute", type=flags.text, help="label that --what attribute adds to examples and takes away")
    parser.add_argument(
        "--latents", type=flags.at_least(0), nargs=2, metavar="J", help="latents that --what variants varies (default: by effect)"
    )
    parser.add_argument("--split", choices=SPLITS, help="split of the examples that are drawn (default: test)")
    parser.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA") or None, type=flags.text, help="folder with NAME.npz")
    parser.add_argument("--out", type=flags.path, help="PNG file (default: WHAT.png in the run folder)")
    try:
        args = parser.parse_args(argv)
        import_tensorflow()
        print(draw_run(args))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def draw_run(args):
    """Draws what is asked for and returns the path of the picture."""
    from export.storage.locks import locked_for
    from training.jobs import pictures
    from training.runs.run import open_run

    if args.attribute is not None and args.what != "attribute":
        raise ValueError(f"Expected --attribute with --what attribute alone. Received: --what {args.what}")
    if args.latents is not None and args.what != "variants":
        raise ValueError(f"Expected --latents with --what variants alone. Received: --what {args.what}")
    if args.split is not None and args.what in WITHOUT_EXAMPLES:
        raise ValueError(
            f"Expected --split with a picture of examples, none of {', '.join(WITHOUT_EXAMPLES)}. Received: --what {args.what}"
        )
    out, latents = args.out or args.run / f"{args.what}.png", args.latents and tuple(args.latents)
    subject = pictures.Subject(args.run, *open_run(args.run, args.data_dir), args.attribute, latents, args.split or "test")
    with locked_for(args.run, out):
        pictures.save(out, args.what, subject)
    return out
