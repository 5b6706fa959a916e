"""CP-VAE, and the mixture VAEs that its related work sets it against: VaDE and GMVAE."""

import keras_vaemix as vm
from keras_vaemix.part import check_positive
from training.presets import preset
from training.presets.cp_vae import NARROW, WIDE
from training.presets.parts import MixtureStart, choose, digits_protocol, gated_vae, mnist_protocol

HEADS = {"gated": vm.GatedHeads, "amortized": vm.SharedHeads}
ESTIMATORS = {"auto": lambda: None, "enumerated": vm.categories.Enumerated, "straight_through": vm.categories.StraightThrough}
# p(c) of the bound, by flags of the prior and of the model; "paper": uniform in the bound, the aggregate posterior in the sampler
CATEGORY_PRIORS = {
    "uniform": ({"learn_weights": False}, {}),
    "learned": ({"learn_weights": True}, {}),
    "aggregate": ({"learn_weights": False}, {"follow_aggregate": True}),
    "paper": ({"learn_weights": False}, {"sample_aggregate": True}),
}
SPREAD = 0.05  # of the initial means: with distant ones a single category takes every example before the encoder can tell them apart


def cp_vae(data, hidden, num_components, latent_dim, category_prior, heads, estimator, decoder_sees_category):
    """Returns a CP-VAE of gated perceptrons with Bernoulli likelihood."""
    networks, (first, second) = vm.networks, hidden
    weights, follow = choose("category-prior", CATEGORY_PRIORS, category_prior)
    prior = vm.NormalMixture(latent_dim, num_components, initial_stddev=SPREAD, **weights)
    seen = networks.joint_gated_mlp([(latent_dim,), (num_components,)], data.shape, (first,), (second,))
    unseen = networks.gated_mlp((latent_dim,), data.shape, hidden)
    return vm.CPVAE(
        encoder=networks.gated_mlp(data.shape, num_components + 2 * latent_dim, hidden),
        decoder=seen if decoder_sees_category else unseen,
        prior=prior,
        likelihood=vm.Bernoulli(),
        heads=choose("heads", HEADS, heads)(latent_dim, num_components),
        estimator=choose("estimator", ESTIMATORS, estimator)(),
        **follow,
    )


def started(experiment, pretraining):
    """Returns an experiment whose temperature falls with the warm-up, with a start from a Gaussian mixture if it has pretraining."""
    annealing = (vm.callbacks.TemperatureAnnealing(0.5, experiment.warm_up),)
    return experiment._replace(callbacks=annealing, start=MixtureStart(pretraining) if pretraining else None)


@preset("mnist", "CP-VAE Table 1, CP: -ELBO 84.76 / 86.84 / 88.63 for K = 10 / 150 / 500; accuracy of the categories 94.6 % (K = 10)")
def cp_vae_mnist(
    data,
    *,
    num_components: int = 10,
    latent_dim: int = 40,
    category_prior: str = "uniform",
    heads: str = "gated",
    estimator: str = "straight_through",
    decoder_sees_category: bool = True,
    pretraining: int = 0,
    learning_rate: float = 5e-4,
):
    """CP-VAE: a category, and a latent whose prior depends on it."""
    model = cp_vae(data, WIDE, num_components, latent_dim, category_prior, heads, estimator, decoder_sees_category)
    return started(mnist_protocol(model, learning_rate), pretraining)


@preset("omniglot", "CP-VAE Table 1, CP: -ELBO 114.31 / 114.14 for K = 50 / 500 (on another split)")
def cp_vae_omniglot(
    data,
    *,
    num_components: int = 50,
    latent_dim: int = 40,
    category_prior: str = "uniform",
    heads: str = "gated",
    estimator: str = "straight_through",
    decoder_sees_category: bool = True,
    pretraining: int = 0,
    learning_rate: float = 5e-4,
):
    """CP-VAE on Omniglot."""
    model = cp_vae(data, WIDE, num_components, latent_dim, category_prior, heads, estimator, decoder_sees_category)
    return started(mnist_protocol(model, learning_rate), pretraining)


@preset("digits", "none: CP-VAE on the bundled digits; the main job")
def cp_vae_digits(
    data,
    *,
    num_components: int = 20,
    latent_dim: int = 16,
    category_prior: str = "learned",
    heads: str = "gated",
    estimator: str = "straight_through",
    decoder_sees_category: bool = True,
    pretraining: int = 60,
    learning_rate: float = 1e-3,
):
    """CP-VAE on 8x8 digits."""
    model = cp_vae(data, NARROW, num_components, latent_dim, category_prior, heads, estimator, decoder_sees_category)
    return started(digits_protocol(model, learning_rate)._replace(epochs=300), pretraining)


def vade(data, hidden, num_components, latent_dim):
    r"""Returns a VaDE: the category sums out under the exact q(c|x) = p(c|z), so that it is a VAE with a learned Gaussian mixture."""
    return gated_vae(data, vm.NormalMixture(latent_dim, num_components, learn_weights=True), hidden)


@preset("mnist", "Jiang et al. 2017, Table 2: clustering accuracy 94.46 %")
def vade_mnist(data, *, num_components: int = 10, latent_dim: int = 10, pretraining: int = 50, learning_rate: float = 5e-4):
    """VaDE: a learned Gaussian mixture as prior, started from one that is fitted to the latents of a trained VAE."""
    model = vade(data, WIDE, num_components, latent_dim)
    return mnist_protocol(model, learning_rate)._replace(start=MixtureStart(pretraining), warm_up=0)


@preset("digits", "none: VaDE on the bundled digits")
def vade_digits(data, *, num_components: int = 10, latent_dim: int = 10, pretraining: int = 100, learning_rate: float = 1e-3):
    """VaDE on 8x8 digits."""
    model = vade(data, NARROW, num_components, latent_dim)
    return digits_protocol(model, learning_rate)._replace(start=MixtureStart(pretraining), warm_up=0)


def gm_vae(data, hidden, num_components, latent_dim, noise_dim):
    """Returns a GMVAE of gated perceptrons: q(w|x), q(z|x), p(z|w), p(x|z)."""
    networks = vm.networks
    check_positive(num_components=num_components, latent_dim=latent_dim, noise_dim=noise_dim)
    return vm.GMVAE(
        top_encoder=networks.gated_mlp(data.shape, 2 * noise_dim, hidden),
        encoder=networks.gated_mlp(data.shape, 2 * latent_dim, hidden),
        conditional=networks.gated_mlp((noise_dim,), num_components * 2 * latent_dim, hidden[:1]),
        decoder=networks.gated_mlp((latent_dim,), data.shape, hidden),
        prior=vm.StandardNormal(noise_dim),
        likelihood=vm.Bernoulli(),
        num_components=num_components,
    )


@preset("mnist", "Dilokthanakul et al. 2016, Table 1: clustering accuracy 82.31 % (K = 10)")
def gmvae_mnist(data, *, num_components: int = 10, latent_dim: int = 40, noise_dim: int = 20, learning_rate: float = 5e-4):
    """GMVAE: a mixture prior that a second latent makes."""
    return mnist_protocol(gm_vae(data, WIDE, num_components, latent_dim, noise_dim), learning_rate)


@preset("digits", "none: GMVAE on the bundled digits")
def gmvae_digits(data, *, num_components: int = 10, latent_dim: int = 16, noise_dim: int = 8, learning_rate: float = 1e-3):
    """GMVAE on 8x8 digits."""
    return digits_protocol(gm_vae(data, NARROW, num_components, latent_dim, noise_dim), learning_rate)
