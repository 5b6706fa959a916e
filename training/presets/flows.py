"""VAEs with a flow as prior or as posterior, by the VampPrior protocol, and the same on the bundled digits."""

from training.presets.library import vm
from training.presets.likelihoods import AUTO, Limits, chosen
from training.presets.parts import SMALL, VAMP_PROTOCOL, gated_vae
from training.presets.registry import family


def flow_prior(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_components: int = 10,
    num_couplings: int = 6,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a RealNVP over a mixture of diagonal normals as prior."""
    base = vm.NormalMixture(latent_dim, num_components)
    prior = vm.RealNVP(base, num_couplings, protocol.hidden)
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def iaf(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_flows: int = 4,
    context_size: int = 64,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with an inverse autoregressive flow as posterior and a standard normal prior."""
    limits = chosen(data, likelihood).limits(log_variance_limits)
    posterior = vm.InverseAutoregressive(latent_dim, num_flows, protocol.hidden, context_size, limits)
    model = gated_vae(data, vm.StandardNormal(latent_dim), protocol.hidden, init, likelihood=likelihood, posterior=posterior)
    return protocol.experiment(model, learning_rate)


family(
    "flow_prior",
    flow_prior,
    mnist=("mnist", "none: a flow as prior, by the VampPrior protocol", {}),
    digits=("digits", "none: a flow as prior, on the bundled digits", SMALL),
)
family(
    "iaf",
    iaf,
    mnist=("mnist", "slides Table 1, VAE + IAF: log-likelihood -79.10, by a ResNet", {}),
    digits=("digits", "none: an inverse autoregressive flow as posterior, on the bundled digits", SMALL),
)
