"""The flags of `python -m training.train`, those that every preset has and a preset's own, and what other commands share of them."""

import argparse
import difflib
import os
from typing import Any, NamedTuple

from export.shell import flags
from training.presets import PRESETS

SPLITS = ("validation", "test")  # that can judge a run
FEATURES = ("auto", "none", "lenet", "inception")  # auto: lenet for autoencoders of images with labels
PAPERS_SAMPLES = 5000  # importance samples of papers
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
MAIN_JOB = "cp_vae_digits"
UNLIMITED = ("hold_categories",)  # flags of which -1 means for ever
DESCRIPTION = "Train a preset: fit, evaluate, draw, export, and sample what was exported."


class Asked(NamedTuple):
    """What a command line asks for.

    Attributes:
        preset: The `Preset`.
        args: The flags that every preset has.
        own: The preset's own flags, as keywords of its function.
        argv: All of them, as they were given.
    """

    preset: Any
    args: argparse.Namespace
    own: dict
    argv: list


def add_data_dir(parser):
    """Adds the flag that says where data are."""
    given = os.environ.get("VAEMIX_DATA") or None
    parser.add_argument("--data-dir", default=given, type=flags.text, help="folder with NAME.npz (default: $VAEMIX_DATA)")


def common_flags():
    """Returns the parser of the flags that every preset has."""
    parser = flags.Parser(prog="python -m training.train", description=DESCRIPTION)
    parser.add_argument("preset", nargs="?", default=MAIN_JOB, help=f"what to train (default: {MAIN_JOB}); see --list")
    parser.add_argument("--list", action="store_true", help="show every preset with its row in its paper, and stop")
    parser.add_argument("--dataset", type=flags.text, help="data set instead of the preset's: a name, npz:PATH or folder:PATH")
    add_data_dir(parser)
    parser.add_argument(
        "--image-size",
        type=flags.at_least(1),
        help="side to which images of folder:PATH, and prepared faces, are brought (default: the preset's)",
    )
    parser.add_argument(
        "--value-range",
        type=flags.positive,
        metavar="MAX",
        help="value in npz:PATH that becomes 1; 1 takes all as they are (default: by the values)",
    )
    parser.add_argument("--run-dir", type=flags.text, help="run folder (default: runs/PRESET)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the run folder")
    parser.add_argument("--epochs", type=flags.at_least(1), help="at most so many epochs instead of the preset's")
    parser.add_argument(
        "--batch-size", type=flags.at_least(1), help="examples in a step; beta_vae_* lower learning rates after the preset's steps"
    )
    parser.add_argument(
        "--warm-up", type=flags.at_least(0), help="epochs over which beta rises; cp_vae_* anneal temperatures over the preset's"
    )
    parser.add_argument("--patience", type=flags.at_least(1), help="epochs without a better validation figure after which training stops")
    parser.add_argument("--seed", type=flags.seed_number, default=0, help="seed of weights, order, binarisation and noise")
    parser.add_argument(
        "--checkpoint-seconds", type=flags.not_negative, default=15.0, help="time between checkpoints; they fall on ends of epochs"
    )
    parser.add_argument("--dump-bad-batch", action="store_true", help="check gradients, and write the batch of a step that is not finite")
    parser.add_argument("--strategy", default="auto", choices=("auto", "none", "mirrored", "multiworker"), help="tf.distribute strategy")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="dtype policy of the networks (default: %(default)s)")
    parser.add_argument(
        "--data-service", type=flags.text, nargs="+", default=(), metavar="ADDRESS", help="tf.data services that make the training batches"
    )
    parser.add_argument(
        "--full-evaluation",
        action="store_true",
        help="log-likelihood of all examples with 5,000 samples, as in papers (default: in a tenth of the training's time)",
    )
    parser.add_argument("--likelihood-samples", type=flags.at_least(1), help="importance samples of the log-likelihood")
    parser.add_argument("--likelihood-examples", type=flags.at_least(1), help="log-likelihood of the first so many examples only")
    parser.add_argument("--split", default="test", choices=SPLITS, help="split that judges the run; validation while settings are chosen")
    parser.add_argument("--features", default="auto", choices=FEATURES, help="network whose features judge images (default: %(default)s)")
    return parser


def parse(argv):
    """Returns what a command line asks for, or None where that is the list of the presets, which is shown."""
    parser = common_flags()
    name = argv[0] if argv and not argv[0].startswith("-") else MAIN_JOB
    if "--list" in argv:
        for preset in PRESETS.values():
            print(f"{preset.name:24} {preset.dataset:10} {preset.summary}\n{'':36}paper: {preset.paper}")
        return None
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, 3, 0.4)
        raise ValueError(f"Expected a preset: {'did you mean ' + ' or '.join(close) + '? ' if close else ''}see --list. Received: {name!r}")
    preset = PRESETS[name]
    own = parser.add_argument_group(f"flags of {preset.name}")
    for flag in preset.flags():
        kind = {"action": argparse.BooleanOptionalAction} if flag.annotation is bool else {"type": type_of(flag)}
        own.add_argument(
            "--" + flag.name.replace("_", "-"), default=flag.default, help=f"(default: {flag.default})", dest="own_" + flag.name, **kind
        )
    args = parser.parse_args(argv)
    if args.preset != name:
        raise ValueError(f"Expected the preset before its flags. Received: {args.preset!r} after them")
    args.image_size = args.image_size or preset.image_size
    return Asked(preset, args, {flag.name: getattr(args, "own_" + flag.name) for flag in preset.flags()}, argv)


def type_of(flag):
    """Returns the type of a preset's flag: counts are not negative, a rate is above zero; other bounds are its part's."""
    count = flags.at_least(-1 if flag.name in UNLIMITED else 0)
    return {int: count, float: flags.positive if flag.name.endswith("rate") else flags.number, str: flags.text}[flag.annotation]
