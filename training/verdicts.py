"""Verdicts on a paper's figure, computed from measured rows."""

import statistics

WITHIN = 2  # standard errors
FACES = ("fd_generation", "sharpness_generation", "sharpness_real")
LATE = 0.95  # share of the epochs after which a best epoch says that the bound still rose


def error_of(rows, key="elbo"):
    """Returns the standard error of the mean over rows that differ by their seed: that over test examples and that over seeds."""
    of_examples = statistics.mean(row[f"{key}_se"] for row in rows)
    of_seeds = statistics.stdev(row[key] for row in rows) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
    return (of_examples**2 + of_seeds**2) ** 0.5


def verdict(rows, paper_elbo, caveat=None):
    """Returns what measured rows of one experiment say of the paper's figure: a word of `training.record.VERDICTS` and a sentence.

    Args:
        rows: Measured rows that differ by their seed alone.
        paper_elbo: The paper's ELBO, or None.
        caveat: Verdict where the figures are not to be compared.
    """
    elbo, error = statistics.mean(row["elbo"] for row in rows), error_of(rows)
    rises = any(row.get("best_epoch", 0) > LATE * row["epochs"] for row in rows)
    ours = f"-ELBO {-elbo:.2f} ± {error:.2f} after {epochs_of(rows)} epochs" + ", still rising" * rises
    if caveat:
        return f"{caveat}; ours is {ours}"
    if paper_elbo is None:
        return f"not comparable: the paper has no figure; {ours}"
    difference = elbo - paper_elbo
    if abs(difference) <= WITHIN * error:
        return f"reproduced: {ours}, within {WITHIN} standard errors of the paper's"
    word, side = ("better", "above") if difference > 0 else ("worse", "below")
    return f"{word}: {ours}, {abs(difference):.2f} nats {side} the paper's"


def verdict_on_latents(rows, row):
    """Returns what measured rows say of the number of latents that a row of the paper uses: within one of it, or not."""
    used, paper = statistics.mean(r["active_dimensions"] for r in rows), row.stated["active_dimensions"]
    if row.caveat:
        return f"{row.caveat}; ours has {used:g} latents in use after {epochs_of(rows)} epochs"
    word = "reproduced" if abs(used - paper) <= 1 else "worse" if used > paper else "not comparable"
    return f"{word}: {used:g} latents in use after {epochs_of(rows)} epochs, {paper} in the paper"


def verdict_on_generation(rows, row):
    """Returns what measured rows say of a paper's FID, which is over another network and of longer training."""
    paper = row.stated["fd_generation"]
    network = rows[0]["feature_network"]
    return (
        f"not comparable: FD-{network} after {epochs_of(rows)} epochs with narrow networks, an FID of {paper} over Inception in the paper"
    )


def verdict_on_faces(rows, plain):
    """Returns what measured rows say of a paper's claim, sharper and more varied faces than those of the rows of the plain VAE."""
    if not plain:
        return "not comparable: the plain VAE is not measured on these data"
    if rows == plain:
        return f"not comparable: what the other arms are held against, after {epochs_of(rows)} epochs"
    ours, theirs = ({key: statistics.mean(r[key] for r in group) for key in FACES} for group in (rows, plain))
    off = [abs(figures["sharpness_generation"] - figures["sharpness_real"]) for figures in (ours, theirs)]
    wins = ours["fd_generation"] < theirs["fd_generation"], off[0] < off[1]
    word = {2: "reproduced", 1: "not comparable", 0: "worse"}[sum(wins)]
    distance, sharpness = ("better" if win else "no better" for win in wins)
    return f"{word}: after {epochs_of(rows)} epochs samples {distance} by FD than the plain VAE's, and {sharpness} by sharpness"


def epochs_of(rows):
    """Returns the epochs of rows as text: one number, or from the least to the most."""
    trained = sorted({row["epochs"] for row in rows})
    return f"{trained[0]}" + (f" to {trained[-1]}" if len(trained) > 1 else "")
