"""The papers' tables by name, and the rows that measured ones reproduce."""

from training.papers import cp_vae, few_labels, further, gamix, gmmp_vae, mog_vae, regularized, sweeps
from training.papers.result_rows import hours
from training.papers.table import Table

TABLES = {
    table.name: table
    for table in (
        *(cp_vae.TABLE1, cp_vae.CLUSTERING, cp_vae.TOY),
        few_labels.FEW_LABELS,
        mog_vae.TOY,
        *(gmmp_vae.TABLE1, gmmp_vae.WEIGHTS, gmmp_vae.TWO_LATENTS, gmmp_vae.FREY_FACES),
        *(regularized.RAE_TABLE, regularized.MASK_TABLE),
        *(sweeps.LATENT_SIZES, sweeps.LATENT_SPACES, sweeps.GENERATOR_SIZES, sweeps.ATTRIBUTE_LINES),
        gamix.ABLATION,
        further.FURTHER_SYSTEMS,
    )
}


def table_named(name):
    """Returns a paper's table, or an empty one for measured rows that no paper has."""
    return TABLES.get(name, Table(name))


def row_named(table, measured):
    """Returns the row of a table that a measured row, with `preset` and `arguments`, reproduces on its own data or else on any, or None."""
    same = [row for row in table_named(table).rows if row.is_of(measured)]
    return min(same, key=lambda row: row.own_dataset() != measured.get("dataset"), default=None)


def with_paper(measured, table):
    """Returns a measured row with the name and the figures of the paper's row that it reproduces, and its hours.

    What its preset's `paper` says stays where the table shows it: it may be of another table.
    """
    row = row_named(table, measured)
    figures = {f"paper_{name}": value for name, value in row.stated.items()} if row else {}
    named = {"row": row.name, "paper_elbo": row.paper_elbo, **figures} if row else {}
    own = {key: value for key, value in measured.items() if key != "paper" or "paper" in table_named(table).columns}
    return {**own, **named, "hours": round(hours(measured), 2)}
