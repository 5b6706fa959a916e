"""VAEs of grey values and colours: the beta-VAE, fixed and learned variances, VAE-IOP, and the two-stage VAE."""

from training.presets.coders import SYNTHETIC, pair
from training.presets.library import keras, part, vm
from training.presets.parts import FirstStage, choose, compilation
from training.presets.registry import Experiment, family

LIKELIHOODS = {  # of grey values and colours in [0, 1], with the output activation of the networks, None for logits
    "cross_entropy": (lambda: vm.PseudoBernoulli(), None),
    "continuous_bernoulli": (lambda: vm.ContinuousBernoulli(), None),
    "normal": (lambda: vm.Normal(1.0), "sigmoid"),
    "learned_normal": (lambda: vm.LearnedScaleNormal(1.0), "sigmoid"),
    "optimal_normal": (lambda: vm.OptimalScaleNormal(), "sigmoid"),
}
PRIORS = {
    "standard": lambda latent_dim, k, shape: vm.StandardNormal(latent_dim),
    "mixture": lambda latent_dim, k, shape: vm.NormalMixture(latent_dim, k, learn_weights=True),
    "vamp": lambda latent_dim, k, shape: vm.VampPrior(latent_dim, k, shape),
}


def grey_parts(data, networks, latent_dim, hidden, likelihood):
    """Returns encoder, decoder and likelihood of a VAE of values in [0, 1]."""
    make, activation = choose("likelihood", LIKELIHOODS, likelihood)
    return *pair(data, networks, latent_dim, hidden, 2 * latent_dim, activation), make()


def grey_vae(data, networks, latent_dim, hidden, likelihood, prior, beta=1.0):
    """Returns a VAE of values in [0, 1]."""
    encoder, decoder, likelihood = grey_parts(data, networks, latent_dim, hidden, likelihood)
    kl = vm.divergences.ClosedForm() if isinstance(prior, vm.StandardNormal) else vm.divergences.MonteCarlo()
    return vm.VAE(encoder, decoder, prior, likelihood, objective=vm.ELBO(beta=beta, kl=kl))


def beta_vae(
    data,
    *,
    latent_dim: int = 64,
    beta: float = 4.0,
    likelihood: str = "normal",
    prior: str = "standard",
    num_components: int = 500,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
):
    """Beta-VAE of values in [0, 1]; with beta 1 the VAE with fixed or learned variance, or another prior."""
    chosen = choose("prior", PRIORS, prior)(latent_dim, num_components, data.shape)
    model = grey_vae(data, networks, latent_dim, hidden, likelihood, chosen, beta)
    optimizer = halving(learning_rate, 150, data)
    return Experiment(model, optimizer, epochs=400, batch_size=64, warm_up=0, patience=400, jit_compile=compilation(networks))


def iop(
    data,
    *,
    latent_dim: int = 64,
    likelihood: str = "normal",
    ratio_steps: int = 10,
    ratio_units: int = 500,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
):
    """VAE-IOP of values in [0, 1], whose prior is the aggregate posterior by a learned density ratio."""
    prior = vm.ImplicitPrior(latent_dim, (ratio_units,) * 3)
    plain = grey_vae(data, networks, latent_dim, hidden, likelihood, prior)
    model = vm.VAEIOP(plain.encoder, plain.decoder, prior, plain.likelihood, ratio_steps=ratio_steps)
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
):
    """Two-stage VAE: a second VAE on the latents of a first with learned variance."""
    part.check_positive(first_epochs=first_epochs, second_units=second_units)
    first = grey_vae(data, networks, latent_dim, hidden, "learned_normal", vm.StandardNormal(latent_dim))
    layers = (second_units,) * 3
    second = vm.VAE(
        vm.networks.mlp((latent_dim,), 2 * latent_dim, layers, "relu", skip=True),
        vm.networks.mlp((latent_dim,), (latent_dim,), layers, "relu", skip=True),
        vm.StandardNormal(latent_dim),
        vm.LearnedScaleNormal(1.0),
    )
    model, optimizer = vm.TwoStageVAE(first, second), keras.optimizers.Adam(learning_rate)
    settings = {"warm_up": 0, "patience": 800, "start": FirstStage(first_epochs), "jit_compile": compilation(networks)}
    return Experiment(model, optimizer, epochs=800, batch_size=64, **settings)


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
