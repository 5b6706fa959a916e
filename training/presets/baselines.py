"""The baselines of the CP-VAE paper's Table 1, by the VampPrior protocol, and the same on the bundled digits.

Weights are initialised by Glorot, as in the paper; Tomczak & Welling's code, and the presets for the bundled digits, use He.
"""

from training.presets.library import vm
from training.presets.likelihoods import AUTO, Limits, pseudo_inputs
from training.presets.parts import SMALL, VAMP_PROTOCOL, filled_examples, gated_vae, weight_density
from training.presets.registry import family


def vae(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a standard normal prior."""
    model = gated_vae(data, vm.StandardNormal(latent_dim), protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def learned_prior(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with one learned normal as prior."""
    model = gated_vae(data, vm.LearnedNormal(latent_dim), protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def mog_prior(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_components: int = 10,
    latent_dim: int = 40,
    learn_weights: bool = False,
    concentration: float = 0.0,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a learned mixture of diagonal normals as prior.

    With `--concentration` above 0 learned weights have the density of a Dirichlet process, which weakens components of few examples.
    """
    prior = vm.NormalMixture(latent_dim, num_components, learn_weights, weight_density=weight_density(data, concentration))
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def vamp_prior(data, num_components, latent_dim, learn_weights, from_data):
    """Returns a VampPrior whose pseudo-inputs start from training examples, or from noise."""
    prior = vm.VampPrior(latent_dim, num_components, data.shape, learn_weights, **pseudo_inputs(data))
    if from_data:
        prior.initialize_from_examples(filled_examples(data))
    return prior


def vamp(
    data,
    protocol=VAMP_PROTOCOL,
    from_data=False,
    *,
    num_components: int = 500,
    latent_dim: int = 40,
    learn_weights: bool = False,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a VampPrior."""
    prior = vamp_prior(data, num_components, latent_dim, learn_weights, from_data)
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


FIFTY = {"num_components": 50}
SMALL_VAMP = {**SMALL, **FIFTY, "learn_weights": True, "from_data": True}
family(
    "vae",
    vae,
    mnist=("mnist", "CP-VAE Table 1, VAE: -ELBO 88.75", {}),
    omniglot=("omniglot", "CP-VAE Table 1, VAE: -ELBO 115.06 (on another split)", {}),
    digits=("digits", "none: the first row of the CP-VAE paper's Table 1, on the bundled digits", SMALL),
)
family(
    "learned_prior",
    learned_prior,
    mnist=("mnist", "CP-VAE Table 1, CP1: a learned normal prior, equivalent to VAE", {}),
    digits=("digits", "none: CP1 on the bundled digits", SMALL),
)
family(
    "mog_prior",
    mog_prior,
    mnist=("mnist", "CP-VAE Table 1, MG: -ELBO 89.43 / 88.96 / 88.85 for K = 10 / 150 / 500", {}),
    omniglot=("omniglot", "CP-VAE Table 1, MG: -ELBO 116.31 / 116.12 for K = 50 / 500 (on another split)", FIFTY),
    digits=("digits", "none: MG on the bundled digits", SMALL),
)
family(
    "vamp",
    vamp,
    mnist=("mnist", "CP-VAE Table 1, VP: -ELBO 87.94 / 86.55 / 86.07 for K = 10 / 150 / 500; log-likelihood -82.38 (K = 500)", {}),
    omniglot=("omniglot", "CP-VAE Table 1, VP: -ELBO 114.01 / 113.74 for K = 50 / 500 (on another split)", FIFTY),
    digits=("digits", "none: VP on the bundled digits", SMALL_VAMP),
)
