"""VAEs of grey values and colours, or of real values: the beta-VAE, fixed or learned variances, flows, VAE-IOP, two stages."""

import functools

from training.presets.coders import SYNTHETIC, pair
from training.presets.library import keras, part, vm
from training.presets.likelihoods import AUTO, LIKELIHOODS, Limits, chosen, params_shape, pseudo_inputs
from training.presets.parts import FirstStage, choose, compilation
from training.presets.registry import Experiment, family

PRIORS = {
    "standard": lambda latent_dim, k, data: vm.StandardNormal(latent_dim),
    "mixture": lambda latent_dim, k, data: vm.NormalMixture(latent_dim, k, learn_weights=True),
    "vamp": lambda latent_dim, k, data: vm.VampPrior(latent_dim, k, data.shape, **pseudo_inputs(data)),
}


def grey_parts(data, networks, latent_dim, hidden, choice, limits=AUTO, posterior=None):
    """Returns encoder and decoder, and the likelihood of a `Choice` with a posterior, by default a normal.

    Means of values in [0, 1] stay there by a sigmoid.
    """
    likelihood, posterior = choice.make(), posterior or vm.DiagonalNormal(choice.limits(limits))
    sizes = latent_dim, hidden, posterior.params_size(latent_dim)
    coders = pair(data, networks, *sizes, choice.activation(data), params_shape(data, likelihood))
    return coders, {"likelihood": likelihood, "posterior": posterior}


def grey_vae(data, networks, latent_dim, hidden, choice, prior, limits=AUTO, beta=1.0, posterior=None):
    """Returns a VAE of `grey_parts`."""
    coders, parts = grey_parts(data, networks, latent_dim, hidden, choice, limits, posterior)
    kl = vm.divergences.ClosedForm() if isinstance(prior, vm.StandardNormal) else vm.divergences.MonteCarlo()
    return vm.VAE(*coders, prior, **parts, objective=vm.ELBO(beta=beta, kl=kl))


def beta_vae(
    data,
    *,
    latent_dim: int = 64,
    beta: float = 4.0,
    likelihood: str = AUTO,
    prior: str = "standard",
    num_components: int = 500,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
    log_variance_limits: Limits = AUTO,
):
    """Beta-VAE; with beta 1 the VAE with fixed or learned variance, or another prior.

    Its own likelihood of values in [0, 1] is the normal with variance one.
    """
    choice, prior = chosen(data, likelihood, own="normal"), choose("prior", PRIORS, prior)(latent_dim, num_components, data)
    model = grey_vae(data, networks, latent_dim, hidden, choice, prior, log_variance_limits, beta)
    optimizer = halving(learning_rate, 150, data)
    return Experiment(model, optimizer, epochs=400, batch_size=64, warm_up=0, patience=400, jit_compile=compilation(networks))


def flow_vae(
    data,
    *,
    latent_dim: int = 64,
    likelihood: str = AUTO,
    num_flows: int = 4,
    flow_units: int = 256,
    context_size: int = 64,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
    log_variance_limits: Limits = AUTO,
):
    """VAE with an inverse autoregressive flow as posterior.

    Its own likelihood of values in [0, 1] is the normal with variance one.
    """
    part.check_positive(flow_units=flow_units)
    choice = chosen(data, likelihood, own="normal")
    posterior = vm.InverseAutoregressive(latent_dim, num_flows, (flow_units,) * 2, context_size, choice.limits(log_variance_limits))
    model = grey_vae(data, networks, latent_dim, hidden, choice, vm.StandardNormal(latent_dim), posterior=posterior)
    optimizer = halving(learning_rate, 150, data)
    return Experiment(model, optimizer, epochs=400, batch_size=64, warm_up=0, patience=400, jit_compile=compilation(networks))


def iop(
    data,
    *,
    latent_dim: int = 64,
    likelihood: str = AUTO,
    ratio_steps: int = 10,
    ratio_units: int = 500,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
    log_variance_limits: Limits = AUTO,
):
    """VAE-IOP, whose prior is the aggregate posterior by a learned density ratio.

    Its own likelihood of values in [0, 1] is the normal with variance one.
    """
    choice, prior = chosen(data, likelihood, own="normal"), vm.ImplicitPrior(latent_dim, (ratio_units,) * 3)
    coders, parts = grey_parts(data, networks, latent_dim, hidden, choice, log_variance_limits)
    model = vm.VAEIOP(*coders, prior, **parts, ratio_steps=ratio_steps)
    settings = {"epochs": 500, "warm_up": 100, "patience": 100, "jit_compile": compilation(networks)}
    return Experiment(model, keras.optimizers.Adam(learning_rate), **settings)


def two_stage(
    data,
    *,
    latent_dim: int = 64,
    first_epochs: int = 400,
    networks: str = "info_gan",
    hidden: int = 1024,
    second_units: int = 1024,
    learning_rate: float = 1e-4,
    likelihood: str = "learned_normal",
    log_variance_limits: Limits = AUTO,
):
    """Two-stage VAE: a second VAE on the latents of a first with learned variance.

    As in the authors' code, the learning rate is halved after every 150 epochs of the first stage, and every 300 of the second.
    """
    part.check_positive(first_epochs=first_epochs, second_units=second_units)
    choice, layers = chosen(data, likelihood), (second_units,) * 3
    first = grey_vae(data, networks, latent_dim, hidden, choice, vm.StandardNormal(latent_dim), log_variance_limits)
    second = vm.VAE(
        vm.networks.mlp((latent_dim,), 2 * latent_dim, layers, "relu", skip=True),
        vm.networks.mlp((latent_dim,), (latent_dim,), layers, "relu", skip=True),
        vm.StandardNormal(latent_dim),
        vm.LearnedScaleNormal(1.0),
        vm.DiagonalNormal(LIKELIHOODS["learned_normal"].limits(log_variance_limits)),
    )
    start = FirstStage(first_epochs, functools.partial(halving, learning_rate, 150))
    settings = {"warm_up": 0, "patience": 800, "start": start, "jit_compile": compilation(networks)}
    return Experiment(vm.TwoStageVAE(first, second), halving(learning_rate, 300, data), epochs=800, batch_size=64, **settings)


def halving(learning_rate, epochs, data, batch_size=64):
    """Returns Adam with a learning rate that is halved after each period of `epochs` epochs."""
    steps = epochs * max(1, len(data.train.x) // batch_size)
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(learning_rate, steps, 0.5, staircase=True))


family(
    "iop",
    iop,
    synthetic=("manifold8", "none: VAE-IOP on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16, "ratio_units": 256}),
    mnist=("mnist", "slides Table 3, VAE-IOP: FID rec. 8.01, gen. 32.61", {}),
    cifar10=("cifar10", "slides Table 3, VAE-IOP: FID rec. 92.17, gen. 141.92", {}),
    faces=("celeb_a", "slides Table 3, VAE-IOP: FID rec. 41.52, gen. 57.30", {}),
)
family(
    "two_stage",
    two_stage,
    synthetic=("manifold8", "none: the two-stage VAE on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16, "second_units": 256}),
    mnist=("mnist", "slides Table 3, 2-stage VAE: FID rec. 6.38, gen. 7.41; P/R 0.97/0.98", {}),
    cifar10=("cifar10", "slides Table 3, 2-stage VAE: FID rec. 47.03, gen. 86.15", {}),
    faces=("celeb_a", "slides Table 3, 2-stage VAE: FID rec. 29.38, gen. 37.85", {}),
)
family(
    "beta_vae",
    beta_vae,
    synthetic=("manifold8", "none: the beta-VAE on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16}),
    mnist=("mnist", "slides Table 3, beta-VAE: FID rec. 7.91, gen. 24.31 (its beta is not stated)", {}),
    cifar10=("cifar10", "slides Table 3, beta-VAE: FID rec. 43.86, gen. 83.59", {}),
    faces=("celeb_a", "slides Table 3, beta-VAE: FID rec. 30.06, gen. 50.66", {}),
)
family(
    "flow_vae",
    flow_vae,
    synthetic=(
        "manifold8",
        "none: IAF as posterior, on the synthetic manifolds",
        {**SYNTHETIC, "latent_dim": 16},
    ),
    mnist=("mnist", "slides Table 3, VAE + FLOW: FID rec. 8.62, gen. 20.17", {}),
    cifar10=("cifar10", "slides Table 3, VAE + FLOW: FID rec. 43.87, gen. 73.28", {}),
    faces=("celeb_a", "slides Table 3, VAE + FLOW: FID rec. 36.31, gen. 42.39", {}),
)
