"""The arguments of presets in runs and tables, completed with present defaults, or with those of the time of the run."""

from training.presets.likelihoods import CLIPPED, LIKELIHOODS
from training.presets.registry import PRESETS

FURTHER = ("train_examples", "ema_momentum", "cosine_decay", "importance_samples")  # flags of every preset that make another experiment
EARLIER = {"init": "he", "discriminate_samples": True}  # what was done before there was a flag for it, where its default now differs


def filled(preset, arguments):
    """Returns the arguments of a preset, with its defaults for those that are not given."""
    if preset not in PRESETS:
        raise ValueError(f"Expected a preset of training.train --list. Received: {preset!r}")
    return {flag.name: flag.default for flag in PRESETS[preset].flags()} | dict(arguments)


def as_run(preset, arguments):
    """Returns the arguments with which a run or a measured row was made, which may be older than some of its preset's flags."""
    given = filled(preset, arguments)
    earlier = EARLIER | ({"log_variance_limits": list(CLIPPED)} if learns_scale(given.get("likelihood")) else {})
    return {name: earlier.get(name, value) if name not in arguments else value for name, value in given.items()}


def identity(made):
    """Returns what runs and rows of one experiment share, whatever their data and seed: preset, arguments, and what else belongs to it.

    Args:
        made: How a run or a measured row was made: `preset` and `arguments`, and where it is not the preset's way the `FURTHER` flags
            and `start_from`, the same of the run that it started from, and `other_settings`: batch size, image size and precision.
    """
    start = made.get("start_from")
    arguments = sorted(as_run(made["preset"], made["arguments"]).items())
    others = sorted(made.get("other_settings", {}).items())
    return made["preset"], arguments, [made.get(flag) for flag in FURTHER], others, start and identity(start)


def learns_scale(likelihood):
    """Returns whether the likelihood that a flag names learns its scale: its log-variances were clipped once, and now are open below."""
    return likelihood in LIKELIHOODS and LIKELIHOODS[likelihood].learns_scale
