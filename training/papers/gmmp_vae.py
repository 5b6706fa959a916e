"""The tables of the GMMpVAE paper."""

from types import MappingProxyType

from export.shell.later import Later
from training.papers.cp_vae import IWAE_LIKELIHOOD, OTHER_SPLIT, VAMP_LIKELIHOOD
from training.papers.figures import BOUNDS, FURTHER, PARTS
from training.papers.result_rows import is_finished
from training.papers.row import Quoted, Row
from training.papers.table import Headline, Table, with_pictures

charts = Later("training.papers.charts")

NO_BOUND = "not a valid bound: the paper's figure, as far as can be told (`training.findings.averaged_samples`)"
OTHER_NETWORKS = "not comparable: the quoted figure is of other networks"
NO_SOURCE = "not comparable: the paper states neither where the quoted figure is from nor its networks"
TWO_LEVELS = "not comparable: the quoted figure is of two stochastic layers"
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
OMNIGLOT = {**{("mlp", m): None for m in (1, 2, 3)}, ("conv", 3): -93.56, ("pixel", 3): -79.92}  # ELBO for K = 500
CONV_VAMP = {"num_components": 500, "networks": "conv", "init": "he"}  # ConvHVAE (L = 2) + VampPrior
PIXEL_VAMP = {**CONV_VAMP, "networks": "pixel"}  # PixelHVAE (L = 2) + VampPrior
TRAINED_BY = {"mean": "paper", "mc": "Monte Carlo"}  # in the charts
THIRDS = ",".join(["0.3333333333333333"] * 3)
PLAIN = ("vae_mnist", "vae_omniglot")
PROTOCOL = {"warm_up": 200, "patience": 100, "epochs": 5000}  # for baselines whose presets have another paper's protocol


def gmmp_rows(preset, decoder, m, k, elbo=None, stated=MappingProxyType({}), start="", caveat=None):
    """Returns two rows of a GMMpVAE: with the paper's own bound on the divergence, and with the Monte Carlo estimate."""
    flags = {"num_posterior_components": m, "num_pseudo_inputs": k, "decoder": decoder}
    caveat = caveat or (NO_BOUND if m > 1 and elbo is not None else None)
    name, bounds = f"{start}{decoder}_m{m}_k{k}", {"": "mean", "_mc": "mc"}
    return [Row(name + end, preset, {**flags, "kl": kl}, elbo, caveat, stated=stated) for end, kl in bounds.items()]


def table1_rows():
    """Returns the rows of Tables 1 to 3, of which some are quoted from other papers, such as IWAE with two stochastic layers.

    Table 3, of Omniglot, has the paper's own rows with three posterior components. Those with perceptrons are of its Figure 10.
    """
    rows = [
        Row("vae", "vae_mnist", {"init": "he"}, -93.89, stated={"reconstruction": -65.80, "kl": 28.10}, settings=PROTOCOL),
        Row("vp500", "vamp_mnist", {"num_components": 500, "init": "he"}, stated=VAMP_LIKELIHOOD, settings=PROTOCOL),
        Row("planar80", "planar_mnist", {"init": "he"}, -85.10, OTHER_NETWORKS, settings=PROTOCOL),
        Row("nice80", "nice_mnist", {"init": "he"}, -87.20, OTHER_NETWORKS, settings=PROTOCOL),
        Row("iaf", "iaf_mnist", {"init": "he"}, caveat=OTHER_NETWORKS, stated={"log_likelihood": -79.10}, settings=PROTOCOL),
        Row("iwae", "iwae_mnist", caveat=TWO_LEVELS, stated=IWAE_LIKELIHOOD),
        Row("hiwae", "hiwae_mnist", caveat=OTHER_NETWORKS, stated=IWAE_LIKELIHOOD),
        Row("hlars", "hlars_mnist", {"init": "he"}, stated={"log_likelihood": -80.30}, settings=PROTOCOL),
        Row("hvp500_pixel", "hvamp_mnist", PIXEL_VAMP, stated={"log_likelihood": -78.45}, settings=PROTOCOL),
        Row("omniglot_vae", "vae_omniglot", {"init": "he"}, None, OTHER_SPLIT, stated={"log_likelihood": -106.31}, settings=PROTOCOL),
        Row("omniglot_hiwae", "hiwae_omniglot", caveat=OTHER_SPLIT, stated={"log_likelihood": -103.38}),
        Row("omniglot_hlars", "hlars_omniglot", {"init": "he"}, None, OTHER_SPLIT, stated={"log_likelihood": -97.08}, settings=PROTOCOL),
        Row("omniglot_hvp500_pixel", "hvamp_omniglot", PIXEL_VAMP, None, OTHER_SPLIT, stated={"log_likelihood": -89.76}, settings=PROTOCOL),
    ]
    for (decoder, m), figure in OMNIGLOT.items():
        rows += gmmp_rows("gmmp_omniglot", decoder, m, 500, figure, start="omniglot_", caveat=OTHER_SPLIT)
    for (decoder, m), figures in GMMP.items():
        for k, (nll, re, kl) in zip((100, 500, 1000), figures, strict=True):
            rows += gmmp_rows("gmmp_mnist", decoder, m, k, -nll, {"reconstruction": -re, "kl": kl})
    return tuple(rows)


def kinds(rows):
    """Returns the measured GMMpVAEs, and the plain VAEs beside them."""
    return [row for row in rows if "num_pseudo_inputs" in row["arguments"]], [row for row in rows if row["preset"] in PLAIN]


def variant(row):
    """Returns the number of posterior components of a measured row, and how its divergence was computed in training."""
    flags = row["arguments"]
    if "num_pseudo_inputs" not in flags:
        return "VAE"
    return f"M = {flags['num_posterior_components']}, {TRAINED_BY.get(flags['kl'], flags['kl'])}"


def histories(rows):
    """Returns the paper's Figure 2: the bound over the epochs, for each decoder and number of pseudo-inputs beside that of the VAE."""
    mixtures, plain = ([row for row in some if "curve" in row] for some in kinds(rows))
    groups = {}
    for row in mixtures:
        beside = [one for one in plain if one["dataset"] == row["dataset"]]
        groups.setdefault(f"{panel(row)}, K = {row['arguments']['num_pseudo_inputs']}", beside).append(row)
    return charts.histories(groups or ({"VAE": plain} if plain else {}), variant)


def panel(row):
    """Returns the title of the panel of a GMMpVAE."""
    return f"{row['dataset']}, {row['arguments']['decoder']}"


def against_pseudo_inputs(rows):
    """Returns the paper's Figure 3: the ELBO and the paper's own bound against K, for each decoder, with the VAE's ELBO as a level."""
    mixtures, plain = kinds(rows)
    finished_first = sorted(plain, key=is_finished, reverse=True)
    first = {row["dataset"]: row for row in reversed(finished_first)}
    return charts.curves(
        mixtures,
        panel,
        variant,
        ("number of pseudo-inputs K", "num_pseudo_inputs"),
        ("elbo", "paper_bound"),
        levels=first.values(),
        are_apart=True,
    )


# Figures 2, 3 and 10, the last of which has the log-likelihoods of test examples of MNIST and Omniglot.
CHARTS = {
    "histories": histories,
    "pseudo_inputs": against_pseudo_inputs,
    "log_likelihoods": lambda rows: charts.histograms(rows, lambda row: row.get("row", "")),
}


def weight_rows():
    """Returns the mixture posteriors with fixed weights of Section V-B, of two components and of three."""
    twos = ("0.1,0.9", "0.2,0.8", "0.3,0.7", "0.4,0.6", "0.5,0.5")
    threes = ("0.1,0.1,0.8", "0.1,0.2,0.7", "0.2,0.2,0.6", "0.3,0.2,0.5", "0.3,0.3,0.4", THIRDS)
    named = {"thirds" if weights == THIRDS else weights.replace("0.", "").replace(",", "_"): weights for weights in (*twos, *threes)}
    flags = lambda weights: {"num_posterior_components": weights.count(",") + 1, "posterior_weights": weights}  # noqa: E731
    return tuple(Row(f"w_{name}", "gmmp_mnist", {**flags(weights), "num_pseudo_inputs": 100}) for name, weights in named.items())


def two_latent_rows():
    """Returns a VAE and GMMpVAEs with two latents, whose reconstructions are Figures 5 and 6 (section V-D)."""
    rows = []
    for data in ("mnist", "omniglot"):
        rows.append(Row(f"{data}_vae", f"vae_{data}", {"init": "he", "latent_dim": 2}, settings=PROTOCOL))
        for m in (1, 2, 3, 4):
            flags = {"latent_dim": 2, "num_posterior_components": m, "num_pseudo_inputs": 100}
            rows.append(Row(f"{data}_m{m}", f"gmmp_{data}", flags))
    return tuple(rows)


def frey_faces_rows():
    """Returns the rows of Table 4, with its baselines, and further GMMpVAEs of the Frey faces.

    The paper's own is the one with a pixel decoder, M = 3 and K = 500. Those with K = 20 are small enough for two cores.
    """
    of_mnist = lambda name, preset, figure, caveat=None, stated=MappingProxyType({}), **flags: Row(  # noqa: E731
        name, preset, {"init": "he", **flags}, figure, caveat, "frey_faces", stated=stated, settings=PROTOCOL
    )
    likelihood = lambda figure: {"log_likelihood": figure}  # noqa: E731, estimated by importance sampling
    baselines = (
        of_mnist("vae", "vae_mnist", -1831.11),
        of_mnist("planar80", "planar_mnist", -1798.93, NO_SOURCE),
        of_mnist("nice80", "nice_mnist", -1807.68, NO_SOURCE),
        Row("iwae", "iwae_mnist", caveat=NO_SOURCE, dataset="frey_faces", stated=likelihood(-1782.73)),
        of_mnist("iaf", "iaf_mnist", None, NO_SOURCE, likelihood(-1759.46)),
        of_mnist("hvp500_conv", "hvamp_mnist", None, None, likelihood(-1782.33), **CONV_VAMP),
        of_mnist("hvp500_pixel", "hvamp_mnist", None, None, likelihood(-1742.82), **PIXEL_VAMP),
    )
    stated = {("pixel", 3): -1685.62}
    rows = [row for d in ("mlp", "pixel") for m in (1, 2, 3) for row in gmmp_rows("gmmp_frey_faces", d, m, 500, stated.get((d, m)))]
    small = (("pixel", 1), ("conv", 2))
    return (*baselines, *rows, *(row for d, m in small for row in gmmp_rows("gmmp_frey_faces", d, m, 20)))


QUOTED = (
    Quoted("Conv. VAE + HVI", "mnist", "-81.94", "Table 2: Salimans et al., 2015"),
    Quoted("DBN", "mnist", "-84.55", "Table 2: Rolfe, 2016; Hinton et al., 2006"),
    Quoted("AAVE", "mnist", "-82.97", "Table 2: Maaløe et al., 2016"),
    Quoted("Ladder VAE", "mnist", "-81.74", "Table 2: Sønderby et al., 2016"),
    Quoted("DRAW + VGP", "mnist", "-79.88", "Table 2: Tran et al., 2015"),
    Quoted("VLAE", "mnist", "-78.53", "Table 2: Chen et al., 2016"),
    Quoted("RBM", "omniglot", "-100.46", "Table 3: Burda et al., 2015"),
    Quoted("Conv. DRAW", "omniglot", "> -91.00", "Table 3: Gregor et al., 2015"),
    Quoted("VLAE, fine-tuned", "omniglot", "-89.83", "Table 3: Chen et al., 2016"),
    Quoted("DBN", "omniglot", "-100.45", "Table 3: Rolfe, 2016; Hinton et al., 2006"),
    Quoted("Discrete VAE", "omniglot", "-97.43", "Table 3: Rolfe, 2016"),
)
SETTINGS = ("num_posterior_components", "num_pseudo_inputs", "kl", "decoder")
TABLE1 = Table(
    "gmmp_table1",
    table1_rows(),
    with_pictures("reconstructions"),  # Figures 7 and 8
    settings=SETTINGS,
    columns=(*BOUNDS, *PARTS, *FURTHER),
    headlines=tuple(Headline(f"GMMpVAE, M = {m}, MNIST", f"mlp_m{m}_k100_mc", ("elbo",)) for m in (1, 3)),
    quoted=QUOTED,
    charts=CHARTS,
)

# Figure 4, which the text gives no numbers for. The bound is of the whole mixture: weights change how well q fits, not what it may cost.
WEIGHTS = Table(
    "gmmp_weights",
    weight_rows(),
    settings=("posterior_weights",),
    columns=(*BOUNDS, *PARTS),
    charts={
        "bounds": lambda rows: charts.curves(
            rows,
            lambda row: f"M = {row['arguments']['num_posterior_components']}",
            lambda row: "fixed weights",
            ("largest weight", lambda row: max(map(float, row["arguments"]["posterior_weights"].split(",")))),
            ("elbo", "log_likelihood"),
        )
    },
)
# Figures 5 and 6. The four numbers of components of the figures are not stated, nor are those of pseudo-inputs: both are ours.
TWO_LATENTS = Table(
    "gmmp_two_latents",
    two_latent_rows(),
    with_pictures("reconstructions"),
    settings=("num_posterior_components",),
    columns=(*BOUNDS, *PARTS),
    charts={
        "bounds": lambda rows: charts.curves(
            kinds(rows)[0],
            lambda row: row["dataset"],
            lambda row: "VAE" if row["preset"] in PLAIN else "GMMpVAE",
            ("number of posterior components M", "num_posterior_components"),
            ("elbo", "reconstruction"),
            levels=kinds(rows)[1],
            are_apart=True,
        )
    },
)
FREY_FACES = Table(
    "gmmp_frey_faces", frey_faces_rows(), with_pictures("reconstructions"), settings=SETTINGS, columns=(*BOUNDS, *PARTS, *FURTHER)
)
