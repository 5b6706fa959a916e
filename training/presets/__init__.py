"""Presets: one function per experiment. Its typed keywords are its flags."""

from training.presets import (  # noqa: F401  (they register)
    aggregate_vae,
    baselines,
    cp_vae,
    flows,
    gamix,
    gmmp_vae,
    grey_vae,
    hierarchical,
    inj_flow,
    learned_priors,
    mog_vae,
    regularized,
    two_modes,
    vmm,
)
from training.presets.registry import PRESETS, Experiment, Preset, family, preset

__all__ = ["PRESETS", "Experiment", "Preset", "family", "preset"]
