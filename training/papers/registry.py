"""The papers' tables by their names, and the rows that measured ones stand for."""

from training.papers.cp_vae import clustering, cp_vae_table1, cp_vae_toy
from training.papers.gamix import gamix_ablation
from training.papers.gmmp_vae import gmmp_frey_faces, gmmp_table1
from training.papers.mog_vae import mog_toy
from training.papers.regularized import mask_aae_synthetic, rae_table_mnist
from training.presets.arguments import as_run

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
