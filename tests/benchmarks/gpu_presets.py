"""The presets that are measured on a GPU beside PyTorch, by the name of their row, the most valuable first."""

from typing import NamedTuple


class GPUPreset(NamedTuple):
    """A preset of ours, as it is measured.

    Attributes:
        preset: Its name.
        keywords: Its keywords that are not the default.
        batch_size: Its batch size.
        side: Side of the images: 28 for digits, which are given; larger images are random and in colour.
    """

    preset: str
    keywords: dict
    batch_size: int = 100
    side: int = 28

    def command_line(self):
        """Returns the arguments of `training.train`."""
        return [self.preset, *(text for name, value in self.keywords.items() for text in (f"--{name.replace('_', '-')}", str(value)))]


GPU_PRESETS = {
    "vae_mnist": GPUPreset("vae_mnist", {}),
    "vamp_mnist_500": GPUPreset("vamp_mnist", {"num_components": 500}),
    "cp_vae_mnist_10": GPUPreset("cp_vae_mnist", {"num_components": 10}),
    "gamix_faces": GPUPreset("gamix_faces", {}, 64, 64),
    "flex_ae_mnist": GPUPreset("flex_ae_mnist", {}, 128),
    "gmmp_mnist_3": GPUPreset("gmmp_mnist", {"num_posterior_components": 3}),
    "hvamp_mnist": GPUPreset("hvamp_mnist", {}),
    "mog_prior_mnist_500": GPUPreset("mog_prior_mnist", {"num_components": 500}),
    "mog_prior_mnist_5000": GPUPreset("mog_prior_mnist", {"num_components": 5000}),
    "vamp_mnist_5000": GPUPreset("vamp_mnist", {"num_components": 5000}),
    "cp_vae_mnist_500": GPUPreset("cp_vae_mnist", {"num_components": 500}),
    "gamix_celeba_hq": GPUPreset("gamix_celeba_hq", {}, 64, 256),
}
