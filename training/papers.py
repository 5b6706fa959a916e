"""The rows of the papers' tables: which preset stands for each, with which flags, and the paper's figure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

OTHER_SPLIT = "not comparable: the paper's split of Omniglot is another"
NO_BOUND = "not a valid bound: the paper's figure, as far as can be told (`training.findings.averaged_samples`)"
EARLIER = {"init": "he", "discriminate_samples": True}  # what was done before there was a flag for it, where its default is another now
TWO_LEVELS = "not comparable: the quoted figure is of two stochastic layers"


class Row(NamedTuple):
    """A row of a paper's table.

    Attributes:
        name: Its name on the command line.
        preset: The preset that stands for it.
        flags: Keywords of the preset, beyond its defaults.
        paper_elbo: The paper's ELBO in nats, or None where it gives none.
        caveat: The verdict where the paper's figure is not to be compared with ours, else None.
        dataset: The data set, where it is not the preset's.
        stated: Other figures that are stated for the row, by the names under which ours are measured.
        features: Network whose features judge images, as a flag of `training.train`.
        settings: Its protocol where it is not the preset's, `epochs`, `warm_up` and `patience`: its paper's, or our own choice.
    """

    name: str
    preset: str
    flags: Mapping = MappingProxyType({})
    paper_elbo: float | None = None
    caveat: str | None = None
    dataset: str | None = None
    stated: Mapping = MappingProxyType({})
    features: str = "auto"
    settings: Mapping = MappingProxyType({})

    def arguments(self):
        """Returns all keywords of the preset, with their values in this row."""
        return filled(self.preset, self.flags)

    def own_dataset(self):
        """Returns the data set of the paper's row."""
        from training.presets import PRESETS

        return self.dataset or PRESETS[self.preset].dataset

    def command_line(self):
        """Returns the arguments of `training.train` for this row."""
        asked = {"--dataset": self.dataset, "--features": None if self.features == "auto" else self.features}
        asked |= {"--" + key.replace("_", "-"): value for key, value in {**self.settings, **self.flags}.items()}
        return [self.preset, *(text for flag, value in asked.items() if value is not None for text in (flag, str(value)))]


def filled(preset, arguments):
    """Returns the arguments of a preset, with its defaults for those that are not given."""
    from training.presets import PRESETS

    if preset not in PRESETS:
        raise ValueError(f"Expected a preset of training.train --list. Received: {preset!r}")
    return {flag.name: flag.default for flag in PRESETS[preset].flags()} | dict(arguments)


def as_run(preset, arguments):
    """Returns the arguments of a run or a measured row as it was, which may be older than some of its preset's flags."""
    given = filled(preset, arguments)
    return {name: EARLIER.get(name, value) if name not in arguments else value for name, value in given.items()}


def by_components(name, preset, figures, caveat=None, stated=MappingProxyType({}), **flags):
    """Returns a row for each number of components, NAME10 and so on, with its -ELBO, and what else is stated for some of them."""
    return [
        Row(f"{name}{k}", preset, {"num_components": k, **flags}, -nll, caveat, stated=stated.get(k, MappingProxyType({})))
        for k, nll in figures.items()
    ]


CP_MNIST, CP_OMNIGLOT = {10: 84.76, 150: 86.84, 500: 88.63}, {50: 114.31, 500: 114.14}
UMAP = {"pretraining": 20, "start": "umap"}
HELD = {  # ten categories that start from a mixture on a UMAP of latents: held as they start or free, with two p(c)
    "cp_held10": {**UMAP, "category_prior": "learned", "hold_categories": -1},
    "cp_held_paper10": {**UMAP, "category_prior": "paper", "hold_categories": -1},
    "cp_freed10": {**UMAP, "category_prior": "learned", "hold_categories": 30},
    "cp_free10": {**UMAP, "category_prior": "learned"},
}
CP_ACCURACY = {10: {"cluster_accuracy": 0.946}}  # beside its Figure 7
# As the GMMpVAE paper quotes them: Tomczak & Welling's, and Burda et al.'s of two stochastic layers.
VAMP_LIKELIHOOD, IWAE_LIKELIHOOD = {"log_likelihood": -82.38}, {"log_likelihood": -82.90}


def cp_vae_table1():
    """Returns the CP-VAE paper's Table 1: its CP rows with the paper's p(c), and with others.

    The paper's p(c) is uniform in the bound and the aggregate posterior in the sampler; `cp_uniform` is uniform in both.
    """
    return [
        Row("vae", "vae_mnist", {}, -88.75),
        *by_components("mg", "mog_prior_mnist", {10: 89.43, 150: 88.96, 500: 88.85}),
        *by_components("vp", "vamp_mnist", {10: 87.94, 150: 86.55, 500: 86.07}, stated={500: VAMP_LIKELIHOOD}),
        Row("hvae", "hvae_mnist", {}, -86.7),
        *by_components("hvp", "hvamp_mnist", {10: 85.90, 150: 85.09, 500: 85.01}),
        *by_components("cp", "cp_vae_mnist", CP_MNIST, stated=CP_ACCURACY, category_prior="paper"),
        *by_components("cp_uniform", "cp_vae_mnist", CP_MNIST, stated=CP_ACCURACY, category_prior="uniform"),
        *by_components("cp_learned", "cp_vae_mnist", {10: 84.76}, stated=CP_ACCURACY, category_prior="learned"),
        *by_components("cp_started", "cp_vae_mnist", {10: 84.76}, stated=CP_ACCURACY, pretraining=30, category_prior="learned"),
        *(Row(name, "cp_vae_mnist", flags, -84.76, stated=CP_ACCURACY[10], settings={"epochs": 300}) for name, flags in HELD.items()),
        Row("omniglot_vae", "vae_omniglot", {}, -115.06, OTHER_SPLIT),
        *by_components("omniglot_mg", "mog_prior_omniglot", {50: 116.31, 500: 116.12}, OTHER_SPLIT),
        *by_components("omniglot_vp", "vamp_omniglot", {50: 114.01, 500: 113.74}, OTHER_SPLIT),
        Row("omniglot_hvae", "hvae_omniglot", {}, -110.81, OTHER_SPLIT),
        *by_components("omniglot_hvp", "hvamp_omniglot", {50: 110.50, 500: 110.16}, OTHER_SPLIT),
        *by_components("omniglot_cp", "cp_vae_omniglot", CP_OMNIGLOT, OTHER_SPLIT, category_prior="paper"),
        *by_components("omniglot_cp_uniform", "cp_vae_omniglot", CP_OMNIGLOT, OTHER_SPLIT, category_prior="uniform"),
    ]


GMMP = {  # -ELBO, RE and KL for K = 100, 500 and 1,000
    ("mlp", 1): ((85.90, 61.28, 24.62), (85.32, 60.29, 25.03), (85.53, 60.19, 25.34)),
    ("conv", 1): ((83.82, 58.27, 25.55), (83.21, 57.23, 25.98), (83.43, 57.44, 25.99)),
    ("pixel", 1): ((79.96, 67.86, 12.1), (79.66, 66.47, 13.19), (79.75, 66.21, 13.54)),
    ("mlp", 2): ((78.63, 53.77, 24.86), (78.24, 53.26, 24.98), (78.57, 53.56, 25.01)),
    ("conv", 2): ((76.15, 50.04, 26.1), (75.84, 49.65, 26.19), (76.03, 49.82, 26.21)),
    ("pixel", 2): ((73.08, 47.64, 25.44), (72.72, 47.13, 25.59), (72.91, 47.27, 25.64)),
    ("mlp", 3): ((74.69, 51.43, 23.25), (73.83, 50.51, 23.33), (74.00, 50.61, 23.39)),
    ("conv", 3): ((71.10, 45.74, 25.36), (70.61, 45.15, 25.46), (70.79, 45.28, 25.51)),
    ("pixel", 3): ((67.88, 41.31, 26.57), (67.46, 40.83, 26.63), (67.58, 40.93, 26.65)),
}


GMMP_SETTINGS = {"warm_up": 200, "patience": 100, "epochs": 5000}  # of baselines whose presets have another paper's protocol


def gmmp_rows(preset, decoder, m, k, elbo=None, stated=MappingProxyType({})):
    """Returns two rows of a GMMpVAE: with the paper's own bound of the divergence, and with the Monte Carlo estimate."""
    flags = {"num_posterior_components": m, "num_pseudo_inputs": k, "decoder": decoder}
    caveat = NO_BOUND if m > 1 and elbo is not None else None
    bounds = {"": "mean", "_mc": "mc"}
    return [Row(f"{decoder}_m{m}_k{k}{end}", preset, {**flags, "kl": kl}, elbo, caveat, stated=stated) for end, kl in bounds.items()]


def gmmp_table1():
    """Returns the GMMpVAE paper's Table 1, with rows that it quotes: IWAE in its Table 2, of two stochastic layers."""
    rows = [
        Row("vae", "vae_mnist", {"init": "he"}, -93.89, stated={"reconstruction": -65.80, "kl": 28.10}, settings=GMMP_SETTINGS),
        Row("vp500", "vamp_mnist", {"num_components": 500, "init": "he"}, stated=VAMP_LIKELIHOOD, settings=GMMP_SETTINGS),
        Row("iwae", "iwae_mnist", caveat=TWO_LEVELS, stated=IWAE_LIKELIHOOD),
        Row("hiwae", "hiwae_mnist", stated=IWAE_LIKELIHOOD),
    ]
    for (decoder, m), figures in GMMP.items():
        for k, (nll, re, kl) in zip((100, 500, 1000), figures, strict=True):
            rows += gmmp_rows("gmmp_mnist", decoder, m, k, -nll, {"reconstruction": -re, "kl": kl})
    return rows


def gmmp_frey_faces():
    """Returns GMMpVAEs of the Frey faces; the paper's Table 4 has one of them, with a pixel decoder, M = 3 and K = 500.

    Those with K = 20 are for two cores.
    """
    stated = {("pixel", 3): -1685.62}
    rows = [row for d in ("mlp", "pixel") for m in (1, 2, 3) for row in gmmp_rows("gmmp_frey_faces", d, m, 500, stated.get((d, m)))]
    small = (("pixel", 1), ("conv", 2))
    return rows + [row for d, m in small for row in gmmp_rows("gmmp_frey_faces", d, m, 20)]


def clustering():
    """Returns the mixture VAEs that CP-VAE's related work names, by the accuracy of their clusters."""
    return [
        Row("vade", "vade_mnist", stated={"cluster_accuracy": 0.9446}),
        Row("gmvae", "gmvae_mnist", stated={"cluster_accuracy": 0.8231}),
    ]


def mog_toy():
    """Returns the models of the MoG-VAE paper's toy; two of them around the true decoder."""
    presets = ("mfg_toy", "mog_posterior_toy", "mog_prior_toy")
    return [*(Row(name, name) for name in presets), *(Row(f"{name}_true_decoder", name, {"decoder": "true"}) for name in presets[:2])]


def cp_vae_toy():
    """Returns the models of the CP-VAE paper's two modes."""
    return [
        Row("vae", "vae_two_modes"),
        *(Row(f"mg{k}", "mog_prior_two_modes", {"num_components": k}) for k in (2, 150)),
        *(Row(f"cp{k}", "cp_vae_two_modes", {"num_components": k}) for k in (2, 150)),
    ]


NARROW = {"hidden": 256}  # networks a quarter as wide as the papers', for two cores
SIXTEEN = {"networks": "info_gan", "latent_dim": 16, **NARROW}


def rae_table_mnist():
    """Returns the slides' Table 3 on MNIST, with networks that two cores can train; FID over Inception there, FD-lenet here.

    Rows with a single FID are of their Table 1, by other authors and not on one scale with Table 3.
    """
    quick = {"learning_rate": 1e-3, "latent_dim": 16, **NARROW}
    rows = [
        ("vae", "beta_vae_mnist", {"beta": 1.0, **quick}, (65.10, 57.04)),
        ("vae_learned", "beta_vae_mnist", {"beta": 1.0, "likelihood": "learned_normal", **quick}, (None, 54.5)),
        ("vae_cross_entropy", "beta_vae_mnist", {"beta": 1.0, "likelihood": "cross_entropy", **quick}, (None, 16.6)),
        ("beta_vae", "beta_vae_mnist", {"beta": 0.1, **quick}, (7.91, 24.31)),
        ("vamp", "beta_vae_mnist", {"beta": 1.0, "prior": "vamp", "num_components": 100, **quick}, (11.01, 49.75)),
        ("wae_mmd", "wae_mmd_mnist", {"latent_dim": 16, **NARROW}, (None, 115.0)),
        ("wae_gan", "wae_gan_mnist", {"critic_units": 256, "latent_dim": 16, "regularization": 1.0, **NARROW}, (8.06, 13.30)),
        ("ae_gmm", "ae_gmm_mnist", SIXTEEN, (8.69, 12.14)),
        ("rae_gmm", "rae_mnist", SIXTEEN, (6.15, 7.30)),
        ("two_stage", "two_stage_mnist", {"first_epochs": 40, "second_units": 256, **quick}, (6.38, 7.41)),
        ("mask_aae", "mask_aae_mnist", {"critic_units": 256, **NARROW}, (8.46, 10.52)),
        ("mask_aae_r150", "mask_aae_mnist", {"critic_units": 256, **own_clocks(150), **NARROW}, (8.46, 10.52)),
        ("flex_ae", "flex_ae_mnist", {"critic_units": 256, **NARROW}, (4.33, 4.69)),
    ]
    return [Row(name, preset, flags, stated=fids(*figures), features="lenet") for name, preset, flags, figures in rows]


def fids(reconstruction, generation):
    """Returns a paper's FIDs by the names of our figures."""
    return {key: value for key, value in (("fd_reconstruction", reconstruction), ("fd_generation", generation)) if value is not None}


OWN_CLOCKS = "not comparable: clocks of our own, not the code's scaled to the length of the run"


def own_clocks(r):
    """Returns the flags of a MaskAAE whose mask and learning rates go by R steps, however long the run is."""
    return {"growth_steps": r, "decay_steps": 5 * r}


def mask_aae_synthetic():
    """Returns the slides' Table 2 on synthetic data of 8 and 16 dimensions: latents that are used, and their correlation.

    MaskAAE is there by the code's clocks, scaled by the run's length, and by others: `_r75` and so on.
    Nothing masks latents of a WAE: that it uses all of them is no figure to reproduce.
    """
    figures8, figures16 = {"active_dimensions": 9, "nac": 0.030}, {"active_dimensions": 16, "nac": 0.013}
    sixteen = {"dataset": "manifold16", "stated": figures16}
    large = {"latent_dim": 32}
    return [
        Row("mask8", "mask_aae_synthetic", stated=figures8),
        *(Row(f"mask8_r{r}", "mask_aae_synthetic", own_clocks(r), None, OWN_CLOCKS, stated=figures8) for r in (75, 400)),
        Row("wae8", "wae_gan_synthetic", stated={"nac": 0.040}),
        Row("mask16", "mask_aae_synthetic", large, **sixteen),
        *(Row(f"mask16_r{r}", "mask_aae_synthetic", {**own_clocks(r), **large}, None, OWN_CLOCKS, **sixteen) for r in (75, 150, 400)),
        Row("wae16", "wae_gan_synthetic", large, dataset="manifold16", stated={"nac": 0.031}),
    ]


def gamix_ablation():
    """Returns the arms of GAMIX-VAE's claims on faces of 64x64, at equal networks and steps; the paper has no figures."""
    arms = {"vae": "faces_vae", "vae_gan": "faces_vae_gan", "gamix_no_gan": "faces_no_gan", "gamix": "faces", "gamix_paper": "faces_paper"}
    return [Row(name, f"gamix_{preset}", features="lenet") for name, preset in arms.items()]


TABLES = {
    "clustering": clustering(),
    "cp_vae_table1": cp_vae_table1(),
    "cp_vae_toy": cp_vae_toy(),
    "gamix_ablation": gamix_ablation(),
    "gmmp_frey_faces": gmmp_frey_faces(),
    "gmmp_table1": gmmp_table1(),
    "mask_aae_synthetic": mask_aae_synthetic(),
    "mog_toy": mog_toy(),
    "rae_table_mnist": rae_table_mnist(),
}


def row_named(table, measured):
    """Returns the row of a table that a measured row, with `preset` and `arguments`, stands for on any data; None if there is none."""
    stands_for = measured["preset"], as_run(measured["preset"], measured["arguments"])
    same = [row for row in TABLES.get(table, ()) if (row.preset, row.arguments()) == stands_for]
    return same[0] if same else None


def with_paper(measured, table):
    """Returns a measured row with the name and the figure of the paper's row that it stands for, and its hours."""
    row = row_named(table, measured)
    figures = {f"paper_{name}": value for name, value in row.stated.items()} if row else {}
    named = {"row": row.name, "paper_elbo": row.paper_elbo, **figures} if row else {}
    return {**measured, **named, "hours": round(measured["seconds"] / 3600, 2)}
