"""VAEs with a flow as prior or as posterior, by the VampPrior protocol, and the same on the bundled digits.

Rezende & Mohamed's figures for planar flows and NICE, and Kingma et al.'s for IAF, are quoted by the GMMpVAE paper: their networks and
schedules are others.
"""

from training.presets.library import vm
from training.presets.likelihoods import AUTO, Limits, chosen
from training.presets.parts import SMALL, VAMP_PROTOCOL, compilation, gated_vae
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


def maf_prior(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_components: int = 10,
    num_flows: int = 4,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a masked autoregressive flow over a mixture of diagonal normals as prior."""
    base = vm.NormalMixture(latent_dim, num_components)
    prior = vm.MaskedAutoregressive(base, num_flows, protocol.hidden)
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def with_posterior(data, protocol, posterior, learning_rate, init, likelihood, jit_compile="auto"):
    """Returns the experiment of a VAE with a flow as posterior and a standard normal prior."""
    prior = vm.StandardNormal(posterior.latent_dim)
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, posterior=posterior)
    return protocol.experiment(model, learning_rate, jit_compile=jit_compile)


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
    return with_posterior(data, protocol, posterior, learning_rate, init, likelihood)


def planar(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_flows: int = 80,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a planar flow as posterior and a standard normal prior."""
    limits = chosen(data, likelihood).limits(log_variance_limits)
    posterior = vm.PlanarFlow(latent_dim, num_flows, limits)
    return with_posterior(data, protocol, posterior, learning_rate, init, likelihood, compilation("long_flow"))


def householder(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_flows: int = 10,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a Householder flow as posterior and a standard normal prior."""
    limits = chosen(data, likelihood).limits(log_variance_limits)
    posterior = vm.HouseholderFlow(latent_dim, num_flows, limits)
    return with_posterior(data, protocol, posterior, learning_rate, init, likelihood)


def nice(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_flows: int = 80,
    coupling_units: int = 64,
    context_size: int = 64,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with additive couplings (NICE), which see a context from the encoder, as posterior and a standard normal prior."""
    limits = chosen(data, likelihood).limits(log_variance_limits)
    posterior = vm.AdditiveCoupling(latent_dim, num_flows, (coupling_units,), context_size, limits)
    return with_posterior(data, protocol, posterior, learning_rate, init, likelihood, compilation("long_flow"))


family(
    "flow_prior",
    flow_prior,
    mnist=("mnist", "none: a flow as prior, by the VampPrior protocol", {}),
    digits=("digits", "none: a flow as prior, on the bundled digits", SMALL),
)
family(
    "maf_prior",
    maf_prior,
    mnist=("mnist", "none: an autoregressive flow as prior, by the VampPrior protocol", {}),
    digits=("digits", "none: an autoregressive flow as prior, on the bundled digits", SMALL),
)
family(
    "iaf",
    iaf,
    mnist=("mnist", "GMMpVAE Table 2, VAE + IAF: log-likelihood -79.10, by a ResNet", {}),
    digits=("digits", "none: an inverse autoregressive flow as posterior, on the bundled digits", SMALL),
)
family(
    "planar",
    planar,
    mnist=("mnist", "GMMpVAE Table 2, VAE + NF (T = 80): -ELBO 85.10, by other networks", {}),
    digits=("digits", "none: a planar flow as posterior, on the bundled digits", SMALL),
)
family(
    "householder",
    householder,
    mnist=("mnist", "none: named in the GMMpVAE paper, without a figure", {}),
    digits=("digits", "none: a Householder flow as posterior, on the bundled digits", SMALL),
)
family(
    "nice",
    nice,
    mnist=("mnist", "GMMpVAE Table 2, VAE + NICE (T = 80): -ELBO 87.20, by other networks", {}),
    digits=("digits", "none: additive couplings as posterior, on the bundled digits", SMALL),
)
