"""The two-level baselines of the CP-VAE paper's Table 1, by the VampPrior protocol."""

import functools

from training.presets.baselines import FIFTY, SMALL_VAMP, vamp_prior
from training.presets.library import vm
from training.presets.likelihoods import AUTO, Limits, chosen, params_shape
from training.presets.parts import GMMP_PROTOCOL, SMALL, VAMP_PROTOCOL, check_images, choose, start_of
from training.presets.registry import family


def mlp_levels(shape, output_shape, size, start, hidden):
    """Returns the gated MLPs of Tomczak & Welling's HVAE, by the names of the model's arguments."""
    networks, (first, second), given = vm.networks, hidden, {"kernel_initializer": start}
    return {
        "top_encoder": networks.gated_mlp(shape, 2 * size, hidden, **given),
        "encoder": networks.joint_gated_mlp([shape, (size,)], 2 * size, (first,), (second,), **given),
        "conditional": networks.gated_mlp((size,), 2 * size, hidden, **given),
        "decoder": networks.joint_gated_mlp([(size,), (size,)], output_shape, (first,), (second,), **given),
    }


def conv_levels(shape, output_shape, size, start):
    """Returns the gated convolutions of their ConvHVAE."""
    networks, given = vm.networks, {"kernel_initializer": start}
    return {
        "top_encoder": networks.gated_conv_encoder(shape, 2 * size, **given),
        "encoder": networks.joint_conv_encoder(shape, size, 2 * size, **given),
        "conditional": networks.gated_mlp((size,), 2 * size, **given),
        "decoder": networks.joint_conv_decoder((size, size), output_shape, **given),
    }


def pixel_levels(shape, output_shape, size, start):
    """Returns the same with a PixelCNN as decoder: their PixelHVAE."""
    decoder = vm.networks.PixelCNN(2 * size, shape, output_shape[-1], kernel_initializer=start)
    return {**conv_levels(shape, output_shape, size, start), "decoder": decoder}


def two_levels(data, prior, networks, hidden, init, objective=None, likelihood=AUTO, limits=AUTO):
    """Returns a two-level VAE with the same number of latents in each level."""
    choices = {
        "mlp": (functools.partial(mlp_levels, hidden=hidden), vm.HierarchicalVAE),
        "conv": (conv_levels, vm.HierarchicalVAE),
        "pixel": (pixel_levels, vm.PixelHierarchicalVAE),
    }
    levels, model = choose("networks", choices, networks)
    if networks != "mlp":
        check_images(data, "--networks mlp")
    choice = chosen(data, likelihood)
    likelihood, posterior = choice.make(), vm.DiagonalNormal(choice.limits(limits))
    made = levels(data.shape, params_shape(data, likelihood), prior.latent_dim, start_of(init))
    return model(**made, prior=prior, likelihood=likelihood, posterior=posterior, objective=objective)


def hvae(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    networks: str = "mlp",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """Two-level VAE with a standard normal prior on the upper level."""
    prior = vm.StandardNormal(latent_dim)
    model = two_levels(data, prior, networks, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def hvamp(
    data,
    protocol=VAMP_PROTOCOL,
    from_data=False,
    *,
    num_components: int = 10,
    latent_dim: int = 40,
    learn_weights: bool = False,
    networks: str = "mlp",
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """Two-level VAE with a VampPrior on the upper level."""
    prior = vamp_prior(data, num_components, latent_dim, learn_weights, from_data)
    model = two_levels(data, prior, networks, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def hlars(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_tries: int = 100,
    networks: str = "conv",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """Two-level VAE of convolutions with a resampled prior, LARS, on the upper level."""
    prior = vm.ResampledPrior(latent_dim, num_tries)
    model = two_levels(data, prior, networks, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate)


def hiwae(
    data,
    protocol=GMMP_PROTOCOL,
    *,
    num_samples: int = 50,
    networks: str = "mlp",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "he",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """Two-level VAE with a standard normal prior on the upper level, trained with the importance-weighted bound: IWAE with two layers.

    There is no warm-up, as in `iwae`; the networks are those of the table's other rows, wider than those of Burda et al. (2016).
    """
    prior, objective = vm.StandardNormal(latent_dim), vm.ImportanceWeighted(num_samples)
    model = two_levels(data, prior, networks, protocol.hidden, init, objective, likelihood, log_variance_limits)
    return protocol.experiment(model, learning_rate, warm_up=0)


family(
    "hvae",
    hvae,
    mnist=("mnist", "CP-VAE Table 1, HVAE: -ELBO 86.7", {}),
    omniglot=("omniglot", "CP-VAE Table 1, HVAE: -ELBO 110.81 (on another split)", {}),
    digits=("digits", "none: HVAE on the bundled digits", SMALL),
)
family(
    "hvamp",
    hvamp,
    mnist=("mnist", "CP-VAE Table 1, HVP: -ELBO 85.90 / 85.09 / 85.01 for K = 10 / 150 / 500", {}),
    omniglot=("omniglot", "CP-VAE Table 1, HVP: -ELBO 110.50 / 110.16 for K = 50 / 500 (on another split)", FIFTY),
    digits=("digits", "none: HVP on the bundled digits", SMALL_VAMP),
)
family(
    "hlars",
    hlars,
    mnist=("mnist", "GMMpVAE Table 2, ConvHVAE (L = 2) + LARS: log-likelihood -80.30", {}),
    omniglot=("omniglot", "GMMpVAE Table 3, ConvHVAE (L = 2) + LARS: log-likelihood -97.08 (on another split)", {}),
    digits=("digits", "none: HVAE with LARS on the bundled digits", {**SMALL, "networks": "mlp"}),
)
family(
    "hiwae",
    hiwae,
    mnist=("mnist", "GMMpVAE Table 2, IWAE: log-likelihood -82.90, with 50 samples and two stochastic layers", {}),
    omniglot=(
        "omniglot",
        "GMMpVAE Table 3, IWAE: log-likelihood -103.38, two stochastic layers (on another split)",
        {},
    ),
    digits=("digits", "none: IWAE of two layers on the bundled digits", {**SMALL, "num_samples": 20}),
)
