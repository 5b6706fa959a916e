"""VAEs whose prior has a learned weight: LARS, by the VampPrior protocol, and the same on the bundled digits."""

from training.presets.library import vm
from training.presets.likelihoods import AUTO, Limits
from training.presets.parts import SMALL, VAMP_PROTOCOL, gated_vae
from training.presets.registry import family


def lars(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_tries: int = 100,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a resampled prior: draws of a standard normal that a network accepts or rejects."""
    prior = vm.ResampledPrior(latent_dim, num_tries)
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


family(
    "lars",
    lars,
    mnist=("mnist", "none: LARS with one level, by the VampPrior protocol", {}),
    omniglot=("omniglot", "none: LARS with one level, by the VampPrior protocol", {}),
    digits=("digits", "none: LARS on the bundled digits", SMALL),
)
