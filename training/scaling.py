"""The cost of training on many GPUs: bytes sent per step, and the resulting efficiency, by a model of ring communication.

python -m training.scaling [PRESET ...] [--step-seconds S | --speedup F]
"""

import sys

from export.shell import flags
from export.shell.command import Command
from export.shell.later import Later
from training.jobs.flags import add_data_dir
from training.presets import PRESETS

scaling = Later("training.jobs.scaling")
SHOWN = ("vamp_digits", "cp_vae_digits", "hvamp_digits", "gmvae_digits")


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m training.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("presets", type=flags.text, nargs="*", default=SHOWN, help=f"presets to compare (default: {' '.join(SHOWN)})")
    add_data_dir(parser)
    of_step = parser.add_mutually_exclusive_group()
    of_step.add_argument("--step-seconds", type=flags.positive, help="measured seconds per step on one GPU")
    of_step.add_argument(
        "--speedup", type=flags.positive, default=1.0, help="how many times faster a GPU is than this machine (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    unknown = [name for name in args.presets if name not in PRESETS]
    if unknown:
        raise ValueError(f"Expected presets of training.train --list. Received: {', '.join(unknown)}")
    return args


main = Command(parse, lambda args: scaling.run(args))

if __name__ == "__main__":
    sys.exit(main())
