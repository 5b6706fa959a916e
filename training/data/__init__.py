"""Data sets: what `--dataset` names, as a `Data` of three splits."""

from training.data.sets import load

__all__ = ["load"]
