"""CP-VAE, and the mixture VAEs of its related work: VaDE and GMVAE."""

import functools
import math

from training.presets.library import embeddings, part, vm
from training.presets.likelihoods import AUTO, Limits, chosen, params_shape
from training.presets.parts import DIGITS, SMALL, VAMP_PROTOCOL, MixtureStart, choose, gated_vae, start_of, weight_density
from training.presets.registry import family

HEADS = {"gated": lambda *sizes: vm.GatedHeads(*sizes), "amortized": lambda *sizes: vm.SharedHeads(*sizes)}
ESTIMATORS = {
    "auto": lambda: None,
    "enumerated": lambda: vm.categories.Enumerated(),
    "straight_through": lambda: vm.categories.StraightThrough(),
}
# p(c) of the bound, by flags of the prior and of the model; "paper": uniform in the bound, the aggregate posterior in the sampler
CATEGORY_PRIORS = {
    "uniform": ({"learn_weights": False}, {}),
    "learned": ({"learn_weights": True}, {}),
    "aggregate": ({"learn_weights": False}, {"follow_aggregate": True}),
    "paper": ({"learn_weights": False}, {"sample_aggregate": True}),
}
EMBEDDINGS = {"mixture": lambda: None, "umap": lambda: embeddings.UMAP()}  # of the latents, by the name of the start
SPREAD = 0.05  # of the initial means: if they are far apart, one category takes every example before the encoder can separate them


def label_weight(data, num_labels, alpha):
    r"""Returns the weight of one label, :math:`\alpha N / N_l` for N training examples: :math:`\alpha N` shared by the labels, or None.

    Kingma et al., *Semi-supervised Learning with Deep Generative Models*, 2014, have :math:`\alpha = 0.1 N` in eq. 9.
    """
    return alpha * len(data.train.x) / num_labels if num_labels else None


def cp_vae(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_components: int = 10,
    latent_dim: int = 40,
    category_prior: str = "uniform",
    heads: str = "gated",
    estimator: str = "straight_through",
    decoder_sees_category: bool = True,
    pretraining: int = 0,
    start: str = "mixture",
    hold_categories: int = 0,
    num_labels: int = 0,
    alpha: float = 0.1,
    learning_rate: float = 5e-4,
    init: str = "glorot",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """CP-VAE: a category, and a latent whose prior depends on it.

    `--hold-categories N` holds q(c|x) as pretrained for N epochs, or without limit for -1. `--num-labels N` trains the categories on
    the labels of N examples too, and `--alpha` is the weight of their classification term, see `label_weight`.
    """
    part.require(hold_categories >= -1, "--hold-categories of at least 0, or -1 for no limit", hold_categories=hold_categories)
    is_started = pretraining or (start == "mixture" and not hold_categories)
    part.require(is_started, "--pretraining of at least 1 with --start umap or --hold-categories", pretraining=pretraining)
    embedding, choice = choose("start", EMBEDDINGS, start)(), chosen(data, likelihood)
    likelihood, limits = choice.make(), choice.limits(log_variance_limits)
    networks, (first, second), given = vm.networks, protocol.hidden, {"kernel_initializer": start_of(init)}
    weights, follow = choose("category-prior", CATEGORY_PRIORS, category_prior)
    prior = vm.NormalMixture(latent_dim, num_components, initial_stddev=SPREAD, **weights)
    shape = params_shape(data, likelihood)
    seen = networks.joint_gated_mlp([(latent_dim,), (num_components,)], shape, (first,), (second,), **given)
    unseen = networks.gated_mlp((latent_dim,), shape, protocol.hidden, **given)
    encoder = networks.gated_mlp(data.shape, num_components + 2 * latent_dim, protocol.hidden, **given)
    model = vm.CPVAE(
        encoder=encoder,
        decoder=seen if decoder_sees_category else unseen,
        prior=prior,
        likelihood=likelihood,
        heads=choose("heads", HEADS, heads)(latent_dim, num_components, limits),
        estimator=choose("estimator", ESTIMATORS, estimator)(),
        category_posterior=vm.HeldCategories.of(encoder) if hold_categories else None,
        label_weight=label_weight(data, num_labels, alpha),
        **follow,
    )
    start = MixtureStart(pretraining, embedding) if pretraining else None
    experiment = protocol.experiment(model, learning_rate, start=start, num_labels=num_labels)
    holding = (vm.callbacks.HoldCategories(math.inf if hold_categories < 0 else hold_categories),) if hold_categories else ()
    return experiment._replace(callbacks=(vm.callbacks.TemperatureAnnealing(0.5, experiment.warm_up), *holding))


def vade(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_components: int = 10,
    latent_dim: int = 10,
    pretraining: int = 50,
    start: str = "mixture",
    concentration: float = 0.0,
    learning_rate: float = 5e-4,
    init: str = "he",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """VaDE: a VAE with a learned Gaussian mixture, initialised from one fitted to the latents of a trained VAE.

    The category is summed out under the exact q(c|x) = p(c|z). `--concentration` is as for `mog_prior_*`.
    """
    embedding = choose("start", EMBEDDINGS, start)()
    prior = vm.NormalMixture(latent_dim, num_components, learn_weights=True, weight_density=weight_density(data, concentration))
    model = gated_vae(data, prior, protocol.hidden, init, likelihood=likelihood, limits=log_variance_limits)
    return protocol.experiment(model, learning_rate, warm_up=0, start=MixtureStart(pretraining, embedding))


def gmvae(
    data,
    protocol=VAMP_PROTOCOL,
    *,
    num_components: int = 10,
    latent_dim: int = 40,
    noise_dim: int = 20,
    num_labels: int = 0,
    alpha: float = 0.1,
    learning_rate: float = 5e-4,
    init: str = "he",
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """GMVAE: a mixture prior given by a second latent, with gated MLPs as q(w|x), q(z|x), p(z|w), p(x|z).

    `--num-labels N` trains the categories on the labels of N examples too, and `--alpha` is the weight of their classification term.
    """
    gated_mlp, hidden = functools.partial(vm.networks.gated_mlp, kernel_initializer=start_of(init)), protocol.hidden
    choice = chosen(data, likelihood)
    likelihood = choice.make()
    part.check_positive(num_components=num_components, latent_dim=latent_dim, noise_dim=noise_dim)
    model = vm.GMVAE(
        top_encoder=gated_mlp(data.shape, 2 * noise_dim, hidden),
        encoder=gated_mlp(data.shape, 2 * latent_dim, hidden),
        conditional=gated_mlp((noise_dim,), num_components * 2 * latent_dim, hidden[:1]),
        decoder=gated_mlp((latent_dim,), params_shape(data, likelihood), hidden),
        prior=vm.StandardNormal(noise_dim),
        likelihood=likelihood,
        num_components=num_components,
        posterior=vm.DiagonalNormal(choice.limits(log_variance_limits)),
        label_weight=label_weight(data, num_labels, alpha),
    )
    return protocol.experiment(model, learning_rate, num_labels=num_labels)


SHORT = DIGITS._replace(settings=DIGITS.settings | {"epochs": 300})
TABLE_1 = "CP-VAE Table 1, CP: -ELBO"
family(
    "cp_vae",
    cp_vae,
    mnist=("mnist", f"{TABLE_1} 84.76 / 86.84 / 88.63 for K = 10 / 150 / 500; accuracy of the categories 94.6 % (K = 10)", {}),
    omniglot=("omniglot", f"{TABLE_1} 114.31 / 114.14 for K = 50 / 500 (on another split)", {"num_components": 50}),
    digits=(
        "digits",
        "none: CP-VAE on the bundled digits; the main job",
        {**SMALL, "protocol": SHORT, "num_components": 20, "category_prior": "learned", "pretraining": 60},
    ),
)
family(
    "vade",
    vade,
    mnist=("mnist", "Jiang et al. 2017, Table 2: clustering accuracy 94.46 %", {}),
    digits=("digits", "none: VaDE on the bundled digits", {**SMALL, "latent_dim": 10, "pretraining": 100}),
)
family(
    "gmvae",
    gmvae,
    mnist=("mnist", "Dilokthanakul et al. 2016, Table 1: clustering accuracy 82.31 % (K = 10)", {}),
    digits=("digits", "none: GMVAE on the bundled digits", {**SMALL, "noise_dim": 8}),
)
