"""The preset families, and a small experiment of each."""

import inspect

from training.presets import PRESETS
from training.presets.parts import Protocol

SIZES = {"latent_dim": 2, "num_components": 2, "hidden": 16, "num_pseudo_inputs": 2, "noise_dim": 2, "num_samples": 2, "width": 2}
SIZES |= {
    "protocol": Protocol((8, 8), {}),
    "critic_units": 4,
    "ratio_units": 4,
    "second_units": 4,
    "discriminator_filters": 2,
    "num_couplings": 1,
    "num_flows": 1,
    "flow_units": 4,
    "coupling_units": 4,
    "context_size": 2,
}
# A preset for each function that makes models for any data, by the function's name; toys have the data that they are made for.
FAMILIES = {getattr(p.build, "func", p.build).__name__: p for p in PRESETS.values() if p.dataset not in ("mog_toy", "cp_vae_toy")}


def small(preset, data, **given):
    """The experiment of a preset with small networks, which are perceptrons for vectors."""
    names = set(inspect.signature(preset.build).parameters)
    own = {name: size for name, size in SIZES.items() if name in names}
    own |= {"networks": "mlp"} if "networks" in names and not data.is_images() else {}
    return preset.build(data, **own | given)
