"""The ablation of GAMIX-VAE: its arms on 64x64 faces, with equal networks and steps; the paper has no figures."""

import statistics

from training.papers.figures import IMAGES
from training.papers.result_rows import is_finished
from training.papers.row import Row
from training.papers.table import Headline, Table, with_pictures
from training.papers.verdicts import what, without_features

ARMS = {"vae": "faces_vae", "vae_gan": "faces_vae_gan", "gamix_no_gan": "faces_no_gan", "gamix": "faces", "gamix_paper": "faces_paper"}
SAMPLERS = {"standard": "N(0, I), the paper's sampler", "moments": "the aggregate posterior's moments"}


def verdict(rows, row, beside):
    """Returns the verdict on the paper's claim: faces nearer to the real ones, and sharper, than the plain VAE's by the same sampler.

    `reproduced` if both hold for each sampler, `worse` if neither holds for the paper's, else `not comparable`. The plain VAE is that of
    the table's row, and where these rows are unfinished, trained for as many epochs.
    """
    epochs, vae = {r["epochs"] for r in rows}, ABLATION.by_name()["vae"]
    plain = [r for r in beside if r.get("row") == vae.name and vae.is_of(r) and (is_finished(r) or epochs == {r["epochs"]})]
    if row.name == "vae":
        return f"not comparable: what the other arms are held against; {what(rows, row)}"
    if not all("fd_standard" in r for r in (*rows, *plain)):
        return without_features(rows, row)
    plain = [r for r in plain if r.get("feature_network") == rows[0].get("feature_network")]
    if not plain:
        return f"not comparable: the plain VAE is not measured alike on these data; {what(rows, row)}"
    wins, clauses = [], []
    for name, title in SAMPLERS.items():
        fd, sharpness = ([statistics.mean(r[f"{key}_{name}"] for r in group) for group in (rows, plain)] for key in ("fd", "sharpness"))
        real = rows[0]["sharpness_real"]
        wins.append((fd[0] < fd[1], abs(sharpness[0] - real) < abs(sharpness[1] - real)))
        clauses.append(f"by {title}, FD {fd[0]:.0f} against {fd[1]:.0f} and sharpness {sharpness[0]:.4f} against {sharpness[1]:.4f}")
    word = "reproduced" if all(map(all, wins)) else "not comparable" if any(wins[0]) else "worse"
    return f"{word}: {what(rows, row)}, held against the plain VAE: {'; '.join(clauses)}; faces have {real:.4f}"


ABLATION = Table(
    "gamix_ablation",
    tuple(Row(name, f"gamix_{preset}", features="lenet") for name, preset in ARMS.items()),
    with_pictures("samples", "variants", "transitions"),  # the last two are Figures 2 and 3
    verdict=verdict,
    columns=(
        *(*IMAGES, "l1", "sharpness_generation", "sharpness_reconstruction", "sharpness_real"),
        *("aggregate_variance", "fd_standard", "fd_moments", "fd_mixture", "seconds_per_epoch"),
    ),
    headlines=(Headline("VAE, faces", "vae", ("fd_moments",)), Headline("GAMIX-VAE, faces", "gamix", ("fd_moments",))),
)
