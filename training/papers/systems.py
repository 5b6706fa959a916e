"""The rows of each system that a page of `docs/systems` shows: their commands, the papers' figures and ours."""

from training.papers.figures import FIGURES
from training.papers.registry import TABLES
from training.papers.result_rows import is_finished, repeats, written_rows
from training.papers.tables import as_table, figure, paper_s
from training.papers.verdicts import epochs_of

SYSTEMS = {
    "flow_priors": (("further_systems", "flow_prior"), ("further_systems", "maf_prior")),
    "flow_posteriors": (
        *(("gmmp_table1", row) for row in ("planar80", "nice80", "iaf")),
        ("further_systems", "householder"),
        *(("gmmp_frey_faces", row) for row in ("planar80", "nice80", "iaf")),
        ("rae_table_mnist", "vae_flow"),
    ),
    "lars": (("gmmp_table1", "hlars"), ("gmmp_table1", "omniglot_hlars"), ("further_systems", "lars")),
    "two_levels": (
        ("cp_vae_table1", "hvae"),
        *(("cp_vae_table1", f"hvp{k}") for k in (10, 150, 500)),
        *(("gmmp_table1", row) for row in ("hiwae", "omniglot_hiwae")),
    ),
    "iop": (("rae_table_mnist", "iop"),),
    "inj_flow": (("rae_table_mnist", "inj_flow"), ("rae_table_mnist", "inj_flow_gmm")),
    "info_vae": (("further_systems", "info_vae"),),
    "factor_vae": (("further_systems", "factor_vae"),),
    "gmvae": (("clustering", "gmvae"),),
    "vmm": (("clustering", "vmm"),),
}


def system(name):
    """Returns the rows of a system as a Markdown table: the command of each, the paper's figures, and ours beside them."""
    lines = [["command", "data", "the paper's", "here"], ["---"] * 4]
    for title, row in ((table, TABLES[table].by_name()[row]) for table, row in SYSTEMS[name]):
        stated = ({} if row.paper_elbo is None else {"elbo": row.paper_elbo}) | dict(row.stated)
        papers = "; ".join(f"{paper_s(key)} {FIGURES[key].text(value)}" for key, value in stated.items())
        measured = [one for one in written_rows(title) if one.get("row") == row.name]
        ours = [measured_system(TABLES[title], group, list(stated) or ["elbo"]) for group in repeats(measured)]
        command = f"`python -m training.reproduce {title} --rows {row.name}`"
        lines.append([command, row.own_dataset(), papers or "none", " / ".join(ours) or "not trained yet"])
    return as_table(lines)


def measured_system(table, group, keys):
    """Returns the figures of repeated rows in one cell, with their epochs."""
    figures = [f"{FIGURES[key].column} {figure(table, group, key)}" for key in keys]
    return f"{'; '.join(figures)} ({epochs_of(group)} epochs{'' if is_finished(group[0]) else ', unfinished'})"
