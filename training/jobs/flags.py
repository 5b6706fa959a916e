"""The flags of `python -m training.train`, common ones and each preset's own, and those that other commands share."""

import argparse
import difflib
import os
from typing import Any, NamedTuple

from export.shell import flags
from export.storage.files import read_json
from training.papers.result_rows import RESULTS
from training.presets import PRESETS
from training.presets.descriptions import description
from training.presets.likelihoods import Limits

SPLITS = ("validation", "test")  # splits on which a run can be evaluated
FEATURES = ("auto", "none", "lenet", "inception", "values")  # auto, of autoencoders: lenet for images with labels, values for vectors
PAPERS_SAMPLES = 5000  # importance samples, as in the papers
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
MAIN_JOB = "cp_vae_digits"
UNLIMITED = ("hold_categories",)  # flags for which -1 means without limit
DESCRIPTION = "Train a preset, a model with its settings and its data: fit, evaluate, draw pictures, export, and sample the export."


class Asked(NamedTuple):
    """What a command line asks for.

    Attributes:
        preset: The `Preset`.
        args: The flags that every preset has.
        own: The preset's own flags, as keywords of its function.
        argv: The command line as given.
    """

    preset: Any
    args: argparse.Namespace
    own: dict
    argv: list


def add_data_dir(parser):
    """Adds the flag for the data folder."""
    given = os.environ.get("VAEMIX_DATA") or None
    parser.add_argument("--data-dir", default=given, type=flags.text, metavar="DIR", help="folder with NAME.npz (default: $VAEMIX_DATA)")


def add_data_of_run(parser):
    """Adds the flags for where the data of a run are: the data folder, and the path of what the run read from a path."""
    add_data_dir(parser)
    parser.add_argument("--dataset", type=flags.text, help="npz:PATH or folder:PATH of the data of the run (default: where they were)")


def add_features(parser):
    """Adds the flag for the features in which examples are compared."""
    says = f"features for evaluating samples: {', '.join(FEATURES)}, or a network in FILE.keras (default: %(default)s: for autoencoders, "
    says += "lenet for images with labels and values for vectors; for models with a likelihood, none)"
    parser.add_argument("--features", default="auto", type=features, metavar="NAME", help=says)


def features(name):
    """Returns the name of features, or a file with a network."""
    if name in FEATURES or name.endswith(".keras"):
        return name
    raise argparse.ArgumentTypeError(f"to be one of {', '.join(FEATURES)}, or FILE.keras. Received: {flags.shown(name)}")


def common_flags():
    """Returns the parser of the flags that every preset has."""
    parser = flags.Parser(prog="python -m training.train", description=DESCRIPTION)
    parser.add_argument("preset", nargs="?", default=MAIN_JOB, help=f"what to train (default: {MAIN_JOB}); see --list")
    parser.add_argument("--list", action="store_true", help="list every preset with its row in its paper, and exit")
    for add in (add_data_flags, add_training_flags, add_recipe_flags, add_evaluation_flags):
        add(parser)
    return parser


def add_data_flags(parser):
    """Adds the flags that choose and read the data."""
    parser.add_argument("--dataset", type=flags.text, help="data set instead of the preset's: a name, npz:PATH or folder:PATH")
    add_data_dir(parser)
    parser.add_argument(
        "--train-examples", type=flags.at_least(1), metavar="N", help="train on N of the training examples, chosen at random (default: all)"
    )
    parser.add_argument(
        "--image-size",
        type=flags.at_least(1),
        help="side to which images of folder:PATH and prepared faces are resized (default: the preset's)",
    )
    parser.add_argument(
        "--value-range",
        type=flags.positive,
        metavar="MAX",
        help="value in npz:PATH that is scaled to 1; 1 keeps values as they are (default: inferred from the values)",
    )


def add_training_flags(parser):
    """Adds the flags that say how a run is trained and saved."""
    parser.add_argument("--run-dir", type=flags.text, metavar="DIR", help="run folder (default: runs/PRESET)")
    parser.add_argument("--resume", action="store_true", help="continue the run in the run folder: repeat its preset and its flags")
    parser.add_argument("--epochs", type=flags.at_least(1), help="maximum number of epochs, instead of the preset's")
    parser.add_argument(
        "--batch-size", type=flags.at_least(1), help="examples per step; learning rates of beta_vae_* still drop after the preset's steps"
    )
    parser.add_argument(
        "--warm-up", type=flags.at_least(0), help="epochs over which beta rises; temperatures of cp_vae_* still anneal over the preset's"
    )
    parser.add_argument("--patience", type=flags.at_least(1), help="epochs without improvement in validation after which training stops")
    parser.add_argument("--seed", type=flags.seed_number, default=0, help="seed of weights, data order, binarisation and noise")
    parser.add_argument(
        "--checkpoint-seconds",
        type=flags.not_negative,
        default=15.0,
        help="time between checkpoints, which are saved at the end of an epoch",
    )
    parser.add_argument("--dump-bad-batch", action="store_true", help="check gradients, and save the batch of a step that is not finite")
    parser.add_argument("--strategy", default="auto", choices=("auto", "none", "mirrored", "multiworker"), help="tf.distribute strategy")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="dtype policy of the networks (default: %(default)s)")
    parser.add_argument(
        "--data-service",
        type=flags.text,
        nargs="+",
        default=(),
        metavar="ADDRESS",
        help="tf.data services that prepare the training batches",
    )


def add_recipe_flags(parser):
    """Adds the flags that change how any preset is optimized; their names are in `arguments.FURTHER`, but for `--start-from`."""
    parser.add_argument(
        "--ema-momentum",
        type=flags.share,
        metavar="M",
        help="average the weights exponentially: what is validated, kept and exported are the averages",
    )
    parser.add_argument(
        "--cosine-decay",
        type=flags.share,
        metavar="SHARE",
        help="lower learning rates along a cosine, over all epochs, to this share of them",
    )
    parser.add_argument(
        "--importance-samples",
        type=flags.at_least(1),
        help="train on the importance-weighted bound of N samples, instead of the preset's objective",
    )
    parser.add_argument(
        "--start-from",
        type=flags.text,
        metavar="RUN",
        help="start from the weights of a run of the same model, without pretraining and warm-up",
    )


def add_evaluation_flags(parser):
    """Adds the flags that say how a run is evaluated."""
    parser.add_argument(
        "--full-evaluation",
        action="store_true",
        help="log-likelihood of all examples with 5,000 samples, as in papers (default: within a tenth of the training time)",
    )
    parser.add_argument("--likelihood-samples", type=flags.at_least(1), help="importance samples for each log-likelihood")
    parser.add_argument("--likelihood-examples", type=flags.at_least(1), help="number of examples, from the first, for the log-likelihood")
    parser.add_argument("--split", default="test", choices=SPLITS, help="split to evaluate on; use validation while choosing settings")
    add_features(parser)


def parse(argv):
    """Returns what a command line asks for, or None after printing the list of presets."""
    parser = common_flags()
    name = argv[0] if argv and not argv[0].startswith("-") else MAIN_JOB
    if "--list" in argv:
        print(listing())
        return None
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, 3, 0.4)
        raise ValueError(f"Expected a preset: {'did you mean ' + ' or '.join(close) + '? ' if close else ''}see --list. Received: {name!r}")
    preset = PRESETS[name]
    own = parser.add_argument_group(f"flags of {preset.name}")
    for flag in preset.flags():
        says = f"{description(preset, flag.name)} (default: {'none' if flag.default == '' else flag.default})".strip()
        shown = {"default": argparse.SUPPRESS, "help": says.replace("%", "%%")}
        own.add_argument("--" + flag.name.replace("_", "-"), dest="own_" + flag.name, **shown, **kind_of(flag))
    parser.command = f"{parser.prog} {preset.name}"
    args = parser.parse_args(argv)
    if args.preset != name:
        raise ValueError(f"Expected the preset before its flags. Received: {args.preset!r} after them")
    return Asked(preset, args, {flag.name: getattr(args, "own_" + flag.name, flag.default) for flag in preset.flags()}, argv)


def listing():
    """Returns the presets as text: the main job first, then those of the bundled digits; sizes and times where they have been measured."""
    file = RESULTS / "benchmarks" / "preset_sizes.json"
    sizes = {row["preset"]: f"\n{'':36}{size_of(row)}" for row in read_json(file)["results"]} if file.exists() else {}
    first = "Presets, each with its data set, which --dataset replaces. `PRESET --help` shows its flags. The first is the default."
    ordered = sorted(PRESETS.values(), key=lambda preset: (preset.name != MAIN_JOB, preset.dataset != "digits"))
    lines = [f"{one.name:24} {one.dataset:10} {one.summary}\n{'':36}paper: {one.paper}{sizes.get(one.name, '')}" for one in ordered]
    return "\n".join([first, "", *lines])


def size_of(row):
    """Returns the measured size and time of a preset as text."""
    hours = row["hours"]
    time = f"{hours:,.1f} hours" if hours >= 1 else f"{max(1, round(60 * hours))} min"
    return f"{row['weights']:,} weights; at most {row['epochs']:,} epochs, on one core {time}"


def kind_of(flag):
    """Returns how a preset's flag is read: counts are not negative and rates are positive; the parts check other bounds."""
    count = flags.at_least(-1 if flag.name in UNLIMITED else 0)
    return {
        bool: {"action": argparse.BooleanOptionalAction},
        int: {"type": count},
        float: {"type": flags.positive if flag.name.endswith("rate") else flags.number},
        str: {"type": flags.text},
        Limits: {"type": flags.number, "nargs": 2, "metavar": ("LOW", "HIGH")},
    }[flag.annotation]
