"""The slides' experiments beside their tables: more and fewer latents, larger and smaller generators, and the shapes of latents."""

import statistics

from export.shell.later import Later
from training.papers.figures import FIGURES
from training.papers.regularized import NARROW, OWN_CLOCKS, own_clocks
from training.papers.row import Row
from training.papers.table import Table
from training.papers.verdicts import what

charts, latent_spaces = Later("training.papers.charts"), Later("training.findings.latent_spaces")
attribute_lines = Later("training.findings.attribute_lines")

SIZES = {"manifold8": (4, 8, 12, 16, 32), "manifold16": (8, 16, 24, 32, 64), "mnist": (4, 8, 16, 32, 64, 110)}
IN_USE = {32: 11, 64: 13, 110: 11}  # of MaskAAE's latents on MNIST, beside Figure 6
EPOCHS = {"manifold8": 12, "manifold16": 12, "mnist": 6}  # for two cores: the slides do not say how long they trained
PERCEPTRONS = {"networks": "mlp", "critic_units": 256, **NARROW}
CLOCKS = own_clocks(75)  # the published code's of 20 latents or fewer, for all numbers of latents


def size_rows(dataset):
    """Returns a MaskAAE and the WAE of its code, alike but for the mask, for each number of latents on a data set."""
    if dataset == "mnist":
        end, wae, mask = "mnist", PERCEPTRONS, {**PERCEPTRONS, **CLOCKS}
    else:
        end, wae, mask = "synthetic", {}, CLOCKS
    given = {"dataset": "manifold16" if dataset == "manifold16" else None, "settings": {"epochs": EPOCHS[dataset]}}
    rows = []
    for m in SIZES[dataset]:
        stated = {"active_dimensions": IN_USE[m]} if dataset == "mnist" and m in IN_USE else {}
        rows.append(Row(f"wae_{dataset}_m{m}", f"wae_gp_{end}", {"latent_dim": m, **wae}, **given))
        rows.append(Row(f"mask_{dataset}_m{m}", f"mask_aae_{end}", {"latent_dim": m, **mask}, None, OWN_CLOCKS, stated=stated, **given))
    return rows


def against_size(figure):
    """Returns a function that draws a figure against the number of latents, a panel for each data set."""
    names = {"wae_gp": "WAE", "mask_aae": "MaskAAE"}
    line = lambda row: names[row["preset"].rpartition("_")[0]]  # noqa: E731
    return lambda rows: charts.curves(rows, lambda row: row["dataset"], line, ("number of latents m", "latent_dim"), (figure,))


# Figures 2 and 5: too few latents and too many. The slides' numbers of latents cannot be read from them, and their FIDs are scaled.
LATENT_SIZES = Table(
    "latent_sizes",
    tuple(row for dataset in SIZES for row in size_rows(dataset)),
    settings=("latent_dim",),
    columns=("fd_generation", "fd_reconstruction", "active_dimensions", "nac"),
    charts={"distance": against_size("fd_generation"), "in_use": against_size("active_dimensions")},
)

# Table 5 on MNIST: FIDs of reconstructions and samples of six models, "in increasing order of capacity". Neither their generators nor the
# size of the training set are stated: widths and depths here are ours, as are five thousand digits.
CAPACITIES = {
    (32, 1): (60.51, 55.49),
    (64, 2): (21.00, 53.93),
    (128, 2): (13.41, 42.14),
    (256, 3): (14.40, 31.00),
    (512, 4): (8.11, 63.64),
    (1024, 4): (8.94, 62.43),
}
OTHERS = "not comparable: generators, training set and features of our own"


def capacity_rows():
    """Returns FlexAEs with larger and larger generators, on few digits."""
    rows = []
    for i, ((units, layers), (reconstruction, generation)) in enumerate(CAPACITIES.items(), 1):
        flags = {"generator_units": units, "generator_layers": layers, "critic_units": 256, **NARROW}
        stated = {"fd_reconstruction": reconstruction, "fd_generation": generation}
        row = Row(f"model{i}", "flex_ae_mnist", flags, None, OTHERS, None, stated, "lenet", {"epochs": 60}, {"train_examples": 5000})
        rows.append(row)
    return tuple(rows)


def measure_latents(train, row, seed, args):
    """Trains a row, draws its latents by seed 0, and returns it as its run was evaluated."""
    run, measured = train()
    return latent_spaces.measure(run, measured, row, args.out)


# Figures 8 and 9, whose synthetic data are not stated: ours are the manifold of eight dimensions.
LATENT_SPACES = Table(
    "latent_spaces",
    tuple(
        Row(
            *(name, f"{name}_synthetic"),
            {"first_epochs": 100} if name == "two_stage" else {},  # after a dozen its codes still say nothing of their examples
            features="values",
            settings={"epochs": EPOCHS["manifold8"]},
        )
        for name in ("ae_gmm", "rae", "wae_mmd", "wae_gan", "mask_aae", "two_stage", "flex_ae")
    ),
    measure_latents,
    columns=("fd_generation", "fd_reconstruction", "mmd", "nac"),
    is_of_one_dataset=True,
)


def verdict(rows, row, beside):
    """Returns the verdict on a row whose FIDs are of other features: they are not compared, but they are named if ours are measured."""
    ours = {key: statistics.mean(r[key] for r in rows) for key in row.stated if all(key in r for r in rows)}
    says = [f"{FIGURES[key].column} {value:.2f}, FID {row.stated[key]:g}" for key, value in ours.items()]
    return f"{row.caveat}; ours, {what(rows, row)}: {'; '.join(says) or 'without a network of features'}"


def weights(row):
    """Returns the number of weights of a row's generator, which has as many inputs as outputs."""
    flags = row["arguments"]
    units, layers, m = flags["generator_units"], flags["generator_layers"], flags["latent_dim"]
    return m * units + (layers - 1) * units**2 + units * m


GENERATOR_SIZES = Table(
    "generator_sizes",
    capacity_rows(),
    verdict=verdict,
    settings=("generator_units", "generator_layers"),
    columns=("fd_reconstruction", "fd_generation", "precision", "recall"),
    charts={
        "distances": lambda rows: charts.curves(
            rows,
            lambda row: f"{row['dataset']}, {row['train_examples']} examples",
            lambda row: "FlexAE",
            ("weights of the generator", weights),
            ("fd_generation", "fd_reconstruction"),
            log=True,
        )
    },
)

# Figures 12 to 16, and the row of Table 3 that they are of.
ATTRIBUTE_LINES = Table(
    "attribute_lines",
    (
        Row(
            *("flex_ae", "flex_ae_faces"),
            caveat="not comparable: features of another network",
            stated={"fd_reconstruction": 20.47, "fd_generation": 24.72},
        ),
    ),
    lambda train, row, seed, args: attribute_lines.measure(train, row, seed, args),
    verdict,
    columns=("fd_reconstruction", "fd_generation", "precision", "recall"),
)
