"""The tables of the CP-VAE paper, and of the mixture VAEs that it is compared with."""

from export.shell.later import Later
from training.papers.figures import BOUNDS, FURTHER, PARTS
from training.papers.row import Quoted, Row, by_components
from training.papers.table import Headline, Table, with_pictures

two_modes = Later("training.findings.two_modes")

OTHER_SPLIT = "not comparable: the paper's split of Omniglot is another"
CP_MNIST, CP_OMNIGLOT = {10: 84.76, 150: 86.84, 500: 88.63}, {50: 114.31, 500: 114.14}  # -ELBO by K
CP_10 = {10: CP_MNIST[10]}
CP_ACCURACY = {10: {"cluster_accuracy": 0.946}}  # beside its Figure 7
# As the GMMpVAE paper quotes them: Tomczak & Welling's, and Burda et al.'s with two stochastic layers.
VAMP_LIKELIHOOD, IWAE_LIKELIHOOD = {"log_likelihood": -82.38}, {"log_likelihood": -82.90}
UMAP = {"pretraining": 20, "start": "umap"}
HELD = {  # ten categories initialised from a mixture on a UMAP of latents: held as initialised or freed, with two p(c)
    "cp_held10": {**UMAP, "category_prior": "learned", "hold_categories": -1},
    "cp_held_paper10": {**UMAP, "category_prior": "paper", "hold_categories": -1},
    "cp_freed10": {**UMAP, "category_prior": "learned", "hold_categories": 30},
    "cp_free10": {**UMAP, "category_prior": "learned"},
}
HELD_SETTINGS = {"epochs": 300}
# Beyond the papers: averages of the weights, learning rates that fall over the whole run, and a finish on the importance-weighted bound.
TWO_LEVELS_500 = {"num_components": 500}
BEFORE_FINISH = Row(
    "best_mnist_elbo",
    "hvamp_mnist",
    TWO_LEVELS_500,
    settings={"epochs": 400, "patience": 400},
    further={"ema_momentum": 0.999, "cosine_decay": 0.01},
)
BEST = Row(
    "best_mnist",
    "hvamp_mnist",
    {**TWO_LEVELS_500, "learning_rate": 1e-4},
    stated={"log_likelihood": -81.24},  # Tomczak & Welling's HVAE with a VampPrior of the same architecture
    settings={"epochs": 50, "patience": 50},
    further={"ema_momentum": 0.999, "cosine_decay": 0.01, "importance_samples": 10},
    start_from=BEFORE_FINISH,
)

# Its CP rows have the paper's p(c), or others: the paper's is uniform in the bound and the aggregate posterior in the sampler, that of
# `cp_uniform` is uniform in both.
TABLE1 = Table(
    "cp_vae_table1",
    (
        Row("vae", "vae_mnist", {}, -88.75),
        Row("cp1", "learned_prior_mnist"),
        *by_components("mg", "mog_prior_mnist", {10: 89.43, 150: 88.96, 500: 88.85}),
        *by_components("vp", "vamp_mnist", {10: 87.94, 150: 86.55, 500: 86.07}, stated={500: VAMP_LIKELIHOOD}),
        Row("hvae", "hvae_mnist", {}, -86.7),
        *by_components("hvp", "hvamp_mnist", {10: 85.90, 150: 85.09, 500: 85.01}),
        *(BEFORE_FINISH, BEST),
        *by_components("cp", "cp_vae_mnist", CP_MNIST, stated=CP_ACCURACY, category_prior="paper"),
        *by_components("cp_uniform", "cp_vae_mnist", CP_MNIST, stated=CP_ACCURACY, category_prior="uniform"),
        *by_components("cp_learned", "cp_vae_mnist", CP_10, stated=CP_ACCURACY, category_prior="learned"),
        *by_components("cp_started", "cp_vae_mnist", CP_10, stated=CP_ACCURACY, pretraining=30, category_prior="learned"),
        *(Row(name, "cp_vae_mnist", flags, -CP_MNIST[10], stated=CP_ACCURACY[10], settings=HELD_SETTINGS) for name, flags in HELD.items()),
        Row("omniglot_vae", "vae_omniglot", {}, -115.06, OTHER_SPLIT),
        Row("omniglot_cp1", "learned_prior_mnist", dataset="omniglot"),  # in Figures 5 and 6 alone
        *by_components("omniglot_mg", "mog_prior_omniglot", {50: 116.31, 500: 116.12}, OTHER_SPLIT),
        *by_components("omniglot_vp", "vamp_omniglot", {50: 114.01, 500: 113.74}, OTHER_SPLIT),
        Row("omniglot_hvae", "hvae_omniglot", {}, -110.81, OTHER_SPLIT),
        *by_components("omniglot_hvp", "hvamp_omniglot", {50: 110.50, 500: 110.16}, OTHER_SPLIT),
        *by_components("omniglot_cp", "cp_vae_omniglot", CP_OMNIGLOT, OTHER_SPLIT, category_prior="paper"),
        *by_components("omniglot_cp_uniform", "cp_vae_omniglot", CP_OMNIGLOT, OTHER_SPLIT, category_prior="uniform"),
    ),
    with_pictures("samples", "draws", "reconstructions"),  # Figures 5, 6, 8 and 9
    settings=("start", "hold_categories"),
    columns=(*BOUNDS, *PARTS, *FURTHER),
    headlines=(
        Headline("VAE, MNIST", "vae", ("elbo",)),
        Headline("VAE with a mixture prior, K = 10, MNIST", "mg10", ("elbo",)),
        Headline("VampPrior, K = 500, MNIST", "vp500", ("elbo", "log_likelihood")),
        Headline("HVAE, two levels, MNIST", "hvae", ("elbo",)),
        Headline("CP-VAE, K = 10, the paper's p(c), MNIST", "cp10", ("elbo", "cluster_accuracy")),
        Headline("CP-VAE, K = 10, held categories, MNIST", "cp_held10", ("elbo", "cluster_accuracy")),
    ),
    quoted=(
        Quoted("VAE with von Mises-Fisher latents", None, None, "Related work: Xu & Durrett, 2018; Davidson et al., 2018"),
        Quoted("stick-breaking VAE", None, None, "Related work: Nalisnick & Smyth, 2017"),
    ),
)

# The mixture VAEs that CP-VAE's related work names, by the accuracy of their clusters.
CLUSTERING = Table(
    "clustering",
    (
        Row("vade", "vade_mnist", stated={"cluster_accuracy": 0.9446}),
        Row("gmvae", "gmvae_mnist", stated={"cluster_accuracy_merged": 0.8231}),  # clusters labelled by the example most certainly in them
        Row("vmm", "vmm_mnist"),
        # More components than digits: from means at random, and from a mixture fitted to latents.
        Row("mog_dp", "mog_prior_mnist", {"num_components": 50, "learn_weights": True, "concentration": 1.0}),
        Row("vade_dp", "vade_mnist", {"num_components": 50, "concentration": 1.0}),
    ),
    with_pictures("samples"),
    columns=("elbo", "log_likelihood", "cluster_accuracy", "cluster_accuracy_merged", "clusters_by_assignment"),
)


def measure_two_modes(train, row, seed, args):
    """Returns a row of the two modes with its exact figures."""
    run, measured = train()
    return two_modes.measure(run, measured, row, args.out)


def verdict_on_two_modes(rows, row, beside):
    """Returns the verdict on measured rows, given the paper's figure."""
    return two_modes.verdict(rows)


PAPER_SIZE = {"latent_dim": 40, "networks": "gated"}
# The models of the paper's two modes: with one latent, for which densities are exact, and with its networks and number of latents.
TOY = Table(
    "cp_vae_toy",
    (
        Row("vae", "vae_two_modes"),
        *(Row(f"mg{k}", "mog_prior_two_modes", {"num_components": k}) for k in (2, 150)),
        *(Row(f"cp{k}", "cp_vae_two_modes", {"num_components": k}) for k in (2, 150)),
        Row("vae_d40", "vae_two_modes", PAPER_SIZE),
        *(Row(f"mg{k}_d40", "mog_prior_two_modes", {"num_components": k, **PAPER_SIZE}) for k in (2, 150)),
        *(Row(f"cp{k}_d40", "cp_vae_two_modes", {"num_components": k, **PAPER_SIZE}) for k in (2, 150)),
    ),
    measure_two_modes,
    verdict_on_two_modes,
    settings=("latent_dim", "networks"),
    digits=4,
    is_of_one_dataset=True,
)
