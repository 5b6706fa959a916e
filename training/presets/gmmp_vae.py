"""The GMMpVAE paper: mixture posteriors and VampPriors built from them, and the importance-weighted rows of its Table 2.

Its protocol (Section V-A) initialises weights by He, warms up over 200 epochs, and trains for at most 5,000, with a patience of 100.
"""

import functools

from training.presets.library import vm
from training.presets.likelihoods import AUTO, Limits, chosen, pseudo_inputs
from training.presets.parts import (
    GMMP_PROTOCOL,
    SMALL,
    check_images,
    choose,
    conv_networks,
    gated_vae,
    mlp_networks,
    numbers,
    pixel_networks,
    start_of,
    vae_of,
)
from training.presets.registry import family

DIVERGENCES = {
    "mc": lambda: vm.divergences.MonteCarlo(),
    "variational": lambda: vm.divergences.Variational(),
    "matched": lambda: vm.divergences.Matched(),
    "component_softmin": lambda: vm.divergences.ComponentSoftmin(),
    "softmin": lambda: vm.divergences.SoftminBound(),
    "mean": lambda: vm.divergences.MeanBound(vm.divergences.Greedy()),  # the paper's
}


def networks_of(hidden, start):
    """Returns networks and model for each decoder: MLPs with `hidden` units, with kernels initialised by `start`."""
    return {
        "mlp": (functools.partial(mlp_networks, hidden=hidden, start=start), vm.VAE),
        "conv": (functools.partial(conv_networks, start=start), vm.VAE),
        "pixel": (functools.partial(pixel_networks, start=start), vm.PixelVAE),
    }


def gmmp(
    data,
    protocol=GMMP_PROTOCOL,
    *,
    num_posterior_components: int = 2,
    num_pseudo_inputs: int = 100,
    posterior_weights: str = "",
    kl: str = "mc",
    decoder: str = "mlp",
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "he",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a mixture of M normals as posterior, and as prior the mixture of the posteriors of K pseudo-inputs.

    `posterior_weights` are fixed, M numbers with commas between them that sum to one, or uniform without any.
    """
    networks, model = choose("decoder", networks_of(protocol.hidden, start_of(init)), decoder)
    if decoder != "mlp":
        check_images(data, "--decoder mlp")
    choice = chosen(data, likelihood)
    prior = vm.VampPrior(latent_dim, num_pseudo_inputs, data.shape, **pseudo_inputs(data))
    weights = numbers("posterior-weights", posterior_weights)
    posterior = vm.NormalMixturePosterior(num_posterior_components, weights, log_variance_limits=choice.limits(log_variance_limits))
    objective = vm.ELBO(kl=choose("kl", DIVERGENCES, kl)())
    vae = vae_of(data, networks, prior, objective, choice.make(), posterior, model)
    return protocol.experiment(vae, learning_rate)


def iwae(
    data,
    protocol=GMMP_PROTOCOL,
    *,
    num_samples: int = 50,
    dreg: bool = False,
    latent_dim: int = 40,
    learning_rate: float = 5e-4,
    init: str = "he",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a standard normal prior, trained with the importance-weighted bound by its plain or doubly reparameterised gradient.

    There is no warm-up: the paper's IWAE row is quoted from Burda et al. (2016), who train the bound itself from the first step, and their
    figure is for two stochastic layers, while this model has one. Epochs and patience are those of the table's other rows.
    """
    objective = (vm.DoublyReparameterized if dreg else vm.ImportanceWeighted)(num_samples)
    model = gated_vae(data, vm.StandardNormal(latent_dim), protocol.hidden, init, objective, likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate, warm_up=0)


TABLE_1 = "GMMpVAE Table 1, K = 100: -ELBO 85.90 / 78.63 / 74.69 (MLPs), 83.82 / 76.15 / 71.10 (CNN) for M = 1 / 2 / 3"
family(
    "gmmp",
    gmmp,
    mnist=("mnist", TABLE_1, {}),
    omniglot=("omniglot", "GMMpVAE Table 3: -ELBO 93.56 (CNN, M = 3), 79.92 (Pixel, M = 3)", {}),
    frey_faces=("frey_faces", "GMMpVAE Table 4: -ELBO 1685.62 +- 17.52", {}),
    digits=("digits", "none: GMMpVAE on the bundled digits", {**SMALL, "num_pseudo_inputs": 50}),
)
family(
    "iwae",
    iwae,
    mnist=("mnist", "GMMpVAE Table 2, IWAE: log-likelihood -82.90, with 50 samples and two stochastic layers", {}),
    digits=("digits", "none: IWAE on the bundled digits", {**SMALL, "num_samples": 20}),
)
