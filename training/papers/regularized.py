"""The tables of the regularised autoencoders."""

from training.papers.row import Row

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
