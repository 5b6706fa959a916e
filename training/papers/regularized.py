"""The tables of the regularised autoencoders."""

import statistics

from training.papers.figures import IMAGES
from training.papers.result_rows import repeats
from training.papers.row import Row
from training.papers.table import Headline, Table, with_pictures
from training.papers.verdicts import what, without_features

NARROW = {"hidden": 256}  # networks a quarter as wide as the papers', for two cores
SIXTEEN = {"networks": "info_gan", "latent_dim": 16, **NARROW}
QUICK = {"learning_rate": 1e-3, "latent_dim": 16, **NARROW}
FIXED, CLIPPED = {"likelihood": "normal"}, {"log_variance_limits": [-6.0, 2.0]}  # the VampPrior code's limits, not Dai & Wipf's
MASK_FIDS = (8.46, 10.52)
OWN_CLOCKS = "not comparable: clocks of our own, not the code's scaled to the length of the run"
OWN_DATA = "not comparable: synthetic data of our own, since the slides do not state theirs"


def own_clocks(r):
    """Returns the flags of a MaskAAE whose schedules of mask and learning rates last R and 5 R steps, however long the run is."""
    return {"growth_steps": r, "decay_steps": 5 * r}


def rae_row(name, preset, flags, reconstruction, generation):
    """Returns a row with a paper's FIDs under the names of our figures; that of reconstructions may be None."""
    fids = {"fd_generation": generation} if reconstruction is None else {"fd_reconstruction": reconstruction, "fd_generation": generation}
    return Row(name, preset, flags, stated=fids, features="lenet")


RAE_ROWS = (
    rae_row("vae", "beta_vae_mnist", {"beta": 1.0, **FIXED, **QUICK}, 65.10, 57.04),
    rae_row("vae_learned", "beta_vae_mnist", {"beta": 1.0, "likelihood": "learned_normal", **CLIPPED, **QUICK}, None, 54.5),
    rae_row("vae_cross_entropy", "beta_vae_mnist", {"beta": 1.0, "likelihood": "cross_entropy", **QUICK}, None, 16.6),
    rae_row("beta_vae", "beta_vae_mnist", {"beta": 0.1, **FIXED, **QUICK}, 7.91, 24.31),
    rae_row("vamp", "beta_vae_mnist", {"beta": 1.0, "prior": "vamp", "num_components": 100, **FIXED, **QUICK}, 11.01, 49.75),
    rae_row("iop", "iop_mnist", {"ratio_units": 256, **QUICK}, 8.01, 32.61),
    rae_row("vae_flow", "flow_vae_mnist", QUICK, 8.62, 20.17),
    rae_row("wae_mmd", "wae_mmd_mnist", {"latent_dim": 16, **NARROW}, None, 115.0),
    rae_row("wae_gan", "wae_gan_mnist", {"critic_units": 256, "latent_dim": 16, "regularization": 1.0, **NARROW}, 8.06, 13.30),
    rae_row("ae_gmm", "ae_gmm_mnist", SIXTEEN, 8.69, 12.14),
    rae_row("rae_gmm", "rae_mnist", SIXTEEN, 6.15, 7.30),
    rae_row("inj_flow", "inj_flow_mnist", SIXTEEN, 7.40, 35.96),
    rae_row("inj_flow_gmm", "inj_flow_gmm_mnist", SIXTEEN, 7.40, 9.93),
    rae_row("two_stage", "two_stage_mnist", {"first_epochs": 40, "second_units": 256, **CLIPPED, **QUICK}, 6.38, 7.41),
    rae_row("mask_aae", "mask_aae_mnist", {"critic_units": 256, **NARROW}, *MASK_FIDS),
    rae_row("mask_aae_r150", "mask_aae_mnist", {"critic_units": 256, **own_clocks(150), **NARROW}, *MASK_FIDS),
    rae_row("flex_ae", "flex_ae_mnist", {"critic_units": 256, **NARROW}, 4.33, 4.69),
)


def verdict_on_generation(rows, row, beside):
    """Returns the verdict on a paper's FID: as its features differ, it is not compared with ours, but ranks within its table are.

    Args:
        rows: Measured rows that differ only in their seed.
        row: The `Row` of the paper's table.
        beside: All rows of the table on the same data, finished or not as these are.
    """
    from scipy.stats import kendalltau

    if not all("fd_generation" in r for r in rows):
        return without_features(rows, row)
    network, ours = rows[0].get("feature_network"), {}
    alike = [r for r in beside if "fd_generation" in r and r.get("feature_network") == network]
    for one in RAE_ROWS:  # of rows with the same FIDs, which are of one system, the first that is measured
        groups = repeats(r for r in alike if r.get("row") == one.name and one.is_of(r))
        if groups and "fd_reconstruction" in one.stated:  # which Table 1 has none of
            longest = max(groups, key=lambda group: group[0]["epochs"])
            own = statistics.mean(r["fd_generation"] for r in longest)
            ours.setdefault((one.stated["fd_reconstruction"], one.stated["fd_generation"]), own)
    ranks = ""
    if "fd_reconstruction" in row.stated and len(ours) > 1:
        tau = kendalltau(list(ours.values()), [fid for _, fid in ours]).statistic
        ranks = f"; over {len(ours)} rows of their Table 3 Kendall's tau of the two is {tau:.2f}"
    caveat = row.caveat or "not comparable: features of another network"
    own = statistics.mean(r["fd_generation"] for r in rows)
    fds = f"FD-{network} of samples {own:.2f}, FID over Inception {row.stated['fd_generation']:g}"
    return f"{caveat}; ours, {what(rows, row)}: {fds}{ranks}"


# The slides' Table 3 on MNIST, with networks that two cores can train; FID over Inception there, FD-lenet here.
# Rows with a single FID are from their Table 1, by other authors and not on the scale of Table 3.
RAE_TABLE = Table(
    "rae_table_mnist",
    RAE_ROWS,
    with_pictures("samples", "reconstructions", "neighbors", "covariance", "mask"),  # Figures 6, 7, 11 and 17 on MNIST
    verdict=verdict_on_generation,
    settings=("beta", "likelihood", "prior", "growth_steps", "decay_steps"),
    columns=("active_dimensions", "nac", *IMAGES, "mmd", "seconds_per_epoch"),
    headlines=(
        Headline("WAE-GAN, MNIST", "wae_gan", ("fd_generation",)),
        Headline("RAE + GMM, MNIST", "rae_gmm", ("fd_generation",)),
        Headline("FlexAE, MNIST", "flex_ae", ("fd_generation",)),
    ),
)


def own_data(name, preset, stated, flags=None, **given):
    """Returns a row on synthetic data of our own, with the slides' figures for theirs."""
    return Row(name, preset, flags or {}, caveat=OWN_DATA, stated=stated, **given)


def mask_rows():
    """Returns rows on synthetic data of 8 and 16 dimensions and on MNIST: latents in use, and their correlation.

    MaskAAE has the code's clocks, scaled to the run's length, or others: `_r75` and so on. `wae_gp` is the WAE of MaskAAE's code.
    Nothing masks the latents of a WAE: that it uses all of them is not a figure to reproduce.
    """
    figures8, figures16 = {"active_dimensions": 9, "nac": 0.030}, {"active_dimensions": 16, "nac": 0.013}
    large, sixteen = {"latent_dim": 32}, {"dataset": "manifold16"}
    return (
        own_data("mask8", "mask_aae_synthetic", figures8),
        *(own_data(f"mask8_r{r}", "mask_aae_synthetic", figures8, own_clocks(r)) for r in (75, 400)),
        own_data("wae8", "wae_gan_synthetic", {"nac": 0.040}),
        own_data("wae_gp8", "wae_gp_synthetic", {"nac": 0.040}),
        own_data("mask16", "mask_aae_synthetic", figures16, large, **sixteen),
        *(own_data(f"mask16_r{r}", "mask_aae_synthetic", figures16, {**own_clocks(r), **large}, **sixteen) for r in (75, 150, 400)),
        own_data("wae16", "wae_gan_synthetic", {"nac": 0.031}, large, **sixteen),
        own_data("wae_gp16", "wae_gp_synthetic", {"nac": 0.031}, large, **sixteen),
        Row("mask_mnist", "mask_aae_mnist", {"critic_units": 256, **NARROW}, stated={"active_dimensions": 13, "nac": 0.020}),
        Row("wae_gp_mnist", "wae_gp_mnist", {"critic_units": 256, **NARROW}, stated={"nac": 0.027}),
    )


# The slides' Table 2.
MASK_TABLE = Table(
    "mask_aae_synthetic",
    mask_rows(),
    settings=("growth_steps", "decay_steps"),
    columns=("active_dimensions", "nac", "mmd", "seconds_per_epoch"),
    headlines=(Headline("MaskAAE, 8 dimensions", "mask8_r400", ("active_dimensions", "nac")),),
)
