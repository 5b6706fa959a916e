"""The rows of each system that a page of `docs/systems` shows: their commands, the papers' figures and ours."""

from training.papers import cp_vae, gmmp_vae
from training.papers.figures import FIGURES
from training.papers.further import FURTHER_SYSTEMS
from training.papers.regularized import RAE_TABLE
from training.papers.result_rows import is_finished, own_warm_up, repeats, written_rows
from training.papers.row import words
from training.papers.tables import as_table, figure, paper_s
from training.papers.verdicts import epochs_of, variant

SYSTEMS = {  # tables with the names of their rows
    "flow_priors": [(FURTHER_SYSTEMS, ("flow_prior", "maf_prior"))],
    "flow_posteriors": [
        (gmmp_vae.TABLE1, ("planar80", "nice80", "iaf")),
        (FURTHER_SYSTEMS, ("householder",)),
        (gmmp_vae.FREY_FACES, ("planar80", "nice80", "iaf")),
        (RAE_TABLE, ("vae_flow",)),
    ],
    "lars": [(gmmp_vae.TABLE1, ("hlars", "omniglot_hlars")), (FURTHER_SYSTEMS, ("lars",))],
    "two_levels": [
        (cp_vae.TABLE1, ("hvae", "hvp10", "hvp150", "hvp500", "best_mnist")),
        (gmmp_vae.TABLE1, ("hvp500_pixel", "omniglot_hvp500_pixel", "hiwae", "omniglot_hiwae")),
    ],
    "iop": [(RAE_TABLE, ("iop",))],
    "inj_flow": [(RAE_TABLE, ("inj_flow", "inj_flow_gmm"))],
    "info_vae": [(FURTHER_SYSTEMS, ("vae_mlp", "info_vae10", "info_vae"))],
    "factor_vae": [(FURTHER_SYSTEMS, ("factor_vae",))],
    "gmvae": [(cp_vae.CLUSTERING, ("gmvae",))],
    "vade": [(cp_vae.CLUSTERING, ("vade",))],
    "vmm": [(cp_vae.CLUSTERING, ("vmm",))],
}


def system(name):
    """Returns the rows of a system as a Markdown table: the command of each, the paper's figures, and ours beside them."""
    lines = [["command", "data", "the paper's", "here"], ["---"] * 4]
    for table, row in ((table, table.by_name()[one]) for table, rows in SYSTEMS[name] for one in rows):
        stated = ({} if row.paper_elbo is None else {"elbo": row.paper_elbo}) | dict(row.stated)
        papers = "; ".join(f"{paper_s(key)} {FIGURES[key].text(value)}" for key, value in stated.items())
        measured = [one for one in written_rows(table.name) if (one.get("row"), one["dataset"]) == (row.name, row.own_dataset())]
        for group in repeats(measured) or [()]:
            ours = measured_system(table, group, list(stated)) if group else "not trained yet"
            lines.append([f"`{command_for(table, row, group)}`", row.own_dataset(), papers or "none", ours])
    return as_table(lines)


def command_for(table, row, group):
    """Returns the command that trains a row as repeated rows were, or to its end if there are none."""
    if group and not row.is_of(group[0]):
        return f"python -m training.train {variant(group[0], row)} --epochs {group[0]['epochs']}"  # the row has other settings by now
    asked = {} if not group or is_finished(group[0]) else {"epochs": group[0]["epochs"], "warm_up": own_warm_up(group[0])}
    flags = [word for name, value in asked.items() if value is not None for word in words(name, value)]
    return " ".join(["python -m training.reproduce", table.name, "--rows", row.name, *flags])


def measured_system(table, group, stated):
    """Returns the figures of repeated rows in one cell, with their epochs: the stated ones, or those that the table shows."""
    keys = stated or [key for key in table.columns if key in FIGURES and key in group[0]]
    figures = [f"{FIGURES[key].column} {figure(table, group, key)}" for key in keys]
    return f"{'; '.join(figures)} ({epochs_of(group)} epochs{'' if is_finished(group[0]) else ', unfinished'})"
