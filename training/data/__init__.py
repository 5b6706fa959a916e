"""Data sets: what `--dataset` names, as a `Data` of three splits."""

from training.data.sets import is_resized, load, located

__all__ = ["is_resized", "load", "located"]
