"""The toy of the MoG-VAE paper: its models, and two of them around the true decoder, where only the encoder is trained."""

from export.shell.later import Later
from training.papers.row import Row
from training.papers.table import Table

mog_toy = Later("training.findings.mog_toy")

PLAIN = "mfg_toy"
PRESETS = (PLAIN, "mog_posterior_toy", "mog_prior_toy")


def measure(train, row, seed, args):
    """Trains a row by itself, and returns it measured by quadrature."""
    return mog_toy.measure(row, seed, args.epochs, args.out)


def verdict(rows, row, beside):
    """Returns the verdict on measured rows: E log p(y) compared with the truth's, and with that of the plain VAE of the same seed."""
    return mog_toy.verdict(rows, row, [r for r in beside if r.get("row") == PLAIN != row.name])


TOY = Table(
    "mog_toy",
    (*(Row(name, name) for name in PRESETS), *(Row(f"{name}_true_decoder", name, {"decoder": "true"}) for name in PRESETS[:2])),
    measure,
    verdict,
    settings=("decoder", "num_posterior_components"),
    digits=4,  # the models differ by thousandths
    is_of_one_dataset=True,
    without=("minutes", "warm_up", "patience", "features"),  # rows take a minute
)
