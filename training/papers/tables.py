"""Tables of measured rows as Markdown: those of the pages, and the full ones beside the rows."""

import re
import statistics

from export.storage.contents import BENCHMARK, CHECK
from export.storage.files import atomically, read_json, read_rows, write_json
from training.papers.registry import TABLES
from training.papers.result_rows import PROJECT, RESULTS, is_finished, portable, repeats
from training.papers.verdicts import epochs_of, judged

README = PROJECT / "README.md"
SETTINGS = (
    *("num_components", "num_samples", "num_posterior_components", "num_pseudo_inputs", "kl"),
    *("decoder", "category_prior", "pretraining", "start", "hold_categories", "init", "beta", "likelihood", "prior"),
    *("growth_steps", "decay_steps"),
)
FURTHER = {
    "posterior_kl": "KL(q, exact posterior)",
    "expected_log_likelihood": "E log p, under the truth",
    "wasserstein": "Wasserstein-1 of samples",
    "cluster_accuracy": "cluster accuracy",
}
BOUNDS = {"elbo": "test ELBO", "paper_bound": "test bound with U (eq. 23)", "log_likelihood": "test log-likelihood"}
PARTS = {"reconstruction": "-RE", "kl": "KL", "paper_bound_kl": "U"}  # where papers state bounds
STATED = {"log_likelihood": BOUNDS["log_likelihood"], **PARTS, **FURTHER}
FIGURES = {  # of autoencoders: those that papers state, and ours beside them
    "active_dimensions": "latents in use",
    "nac": "NAC",
    "fd_reconstruction": "FD of reconstructions",
    "fd_generation": "FD of samples",
    "precision": "precision",
    "recall": "recall",
    "prd_f8": "PRD F_8",
    "prd_f1_8": "PRD F_1/8",
    "mmd": "MMD of codes",
    "l1": "L1 of reconstructions",
    "sharpness_generation": "sharpness of samples",
    "sharpness_reconstruction": "sharpness of reconstructions",
    "sharpness_real": "sharpness of faces",
    "aggregate_variance": "variance of the aggregate posterior",
    "fd_standard": "FD by N(0, I)",
    "fd_moments": "FD by moments",
    "fd_mixture": "FD by a mixture",
}
DIGITS = {
    "active_dimensions": 0,
    "nac": 3,
    "precision": 3,
    "recall": 3,
    "prd_f8": 3,
    "prd_f1_8": 3,
    "mmd": 4,
    "l1": 4,
    "cluster_accuracy": 3,
}
DIGITS |= dict.fromkeys(("sharpness_generation", "sharpness_reconstruction", "sharpness_real"), 4)
INVALID = "†"
UNFINISHED = "Unfinished: stopped neither by early stopping on validation data nor at the protocol's maximum of epochs."
HEADLINES = {  # of the README: system, table, row, and the figures that say most of it
    "papers": (
        ("VAE, MNIST", "cp_vae_table1", "vae", ("elbo",)),
        ("VAE with a mixture prior, K = 10, MNIST", "cp_vae_table1", "mg10", ("elbo",)),
        ("VampPrior, K = 500, MNIST", "cp_vae_table1", "vp500", ("elbo", "log_likelihood")),
        ("CP-VAE, K = 10, MNIST", "cp_vae_table1", "cp_held10", ("elbo", "cluster_accuracy")),
        ("GMMpVAE, M = 3, MNIST", "gmmp_table1", "mlp_m3_k100_mc", ("elbo",)),
        ("WAE-GAN, MNIST", "rae_table_mnist", "wae_gan", ("fd_generation",)),
        ("RAE + GMM, MNIST", "rae_table_mnist", "rae_gmm", ("fd_generation",)),
        ("FlexAE, MNIST", "rae_table_mnist", "flex_ae", ("fd_generation",)),
        ("MaskAAE, 8 dimensions", "mask_aae_synthetic", "mask8_r400", ("active_dimensions", "nac")),
        ("VAE, faces", "gamix_ablation", "vae", ("fd_moments",)),
        ("GAMIX-VAE, faces", "gamix_ablation", "gamix", ("fd_moments",)),
    )
}
MARKED = re.compile(r"(<!-- (results|headlines|benchmark|checks): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name):
    """Returns the rows of `training/results/NAME.json` as a Markdown table, nats, higher is better.

    Rows that differ by their seed alone are one line: mean ± standard deviation over seeds. A single row has the standard error over
    test examples.
    """
    return markdown(read_rows(RESULTS / f"{name}.json"))


def headlines(name):
    """Returns the rows that `HEADLINES` names, those that were measured, as a Markdown table with what the papers state of them."""
    lines = [["system", "table, row", "epochs", "seeds", "the paper's", "here", "verdict"], ["---"] * 7]
    for system, name_of_table, row, keys in HEADLINES[name]:
        rows = read_rows(RESULTS / f"{name_of_table}.json")
        lines += [[system, f"`{name_of_table}`, `{row}`", *headline(group, keys)] for group in repeats(rows) if group[0]["row"] == row]
    return as_table(lines)


def headline(group, keys):
    """Returns the cells of a line: epochs, seeds, some figures of the paper's row and of repeated ones, and the verdict on these."""
    row, names = group[0], {**BOUNDS, **FURTHER, **FIGURES}
    papers = [f"{names[key].replace('FD', 'FID')} {stated(row, key)}" for key in keys if f"paper_{key}" in row]
    ours = [f"{names[key]} {figure(group, key, DIGITS.get(key, 2))}" for key in keys]
    is_over = "" if is_finished(row) else ", unfinished"
    return f"{epochs_of(group)}{is_over}", f"{len(group)}", "; ".join(papers) or "-", "; ".join(ours), row["verdict"].partition(":")[0]


def as_table(lines):
    """Returns lines of cells as a Markdown table."""
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return text.replace("| --- |", "|---|").replace(" --- |", "---|")


def markdown(rows, is_full=False):
    """Returns measured rows as a Markdown table, and unfinished ones as another under it; full ones have hours and commands too."""
    finished, unfinished = ([row for row in rows if is_finished(row) == which] for which in (True, False))
    parts = [lines_of(finished, is_full)] * bool(finished) + [UNFINISHED, lines_of(unfinished, is_full)] * bool(unfinished)
    return "\n\n".join(parts)


def lines_of(rows, is_full):
    """Returns measured rows as one Markdown table."""
    lines = [{name: cell for name, cell in cells(group, rows, is_full).items() if cell is not None} for group in repeats(rows)]
    names = list(dict.fromkeys(name for line in lines for name in line))
    text = as_table([names, ["---"] * len(names), *([line[name] for name in names] for line in lines)])
    return "\n\n".join([text, *footnotes(rows)])


def footnotes(rows):
    """Returns a line for each reason for which figures of measured rows are `invalid`: a fault that was found after they were measured."""
    figures = {}
    for key, reason in {item: None for row in rows for item in row.get("invalid", {}).items()}:
        figures.setdefault(reason, []).append(f"`{key}`")
    return [f"{INVALID} Not valid: {', '.join(keys)}; {reason}." for reason, keys in figures.items()]


def mark(rows, key=None):
    """Returns a mark where a figure of rows is invalid; for no key, where any of their figures is."""
    return f" {INVALID}" if any(key in row["invalid"] if key else row["invalid"] for row in rows if "invalid" in row) else ""


def cells(group, rows, is_full):
    """Returns the cells of a line by the names of their columns, None where the table has no such column."""
    row, has = group[0], lambda key: any(key in other for other in rows)
    is_exact = has("expected_log_likelihood")  # on the toys, where models differ by thousandths
    is_judged = any(key in other for other in rows for key in FIGURES)
    is_named, digits = any(other.get("paper_elbo") is not None for other in rows), 4 if is_exact else 2
    settings = [f"{key}={value}" for key, value in row["arguments"].items() if key in SETTINGS]
    return {
        "row": f"`{row['row']}`{mark(group)}" if "row" in row else "-" if has("row") else None,
        "preset": None if has("row") else f"`{row['preset']}`{mark(group)}",
        "settings": ", ".join(settings) or "-",
        "epochs": epochs_of(group),
        "seeds": f"{len(group)}",
        "paper's -ELBO, as stated": stated_elbo(row) if is_named else None,
        **{f"paper's {title}": stated(row, key) if has(f"paper_{key}") else None for key, title in STATED.items()},
        **{title: figure(group, key, digits) if has(key) and (is_full or not is_judged) else None for key, title in BOUNDS.items()},
        **{title: figure(group, key, digits) if has(key) and is_named else None for key, title in PARTS.items()},
        **{f"paper's {title.replace('FD', 'FID')}": stated(row, key) if has(f"paper_{key}") else None for key, title in FIGURES.items()},
        **{title: figure(group, key, DIGITS.get(key, 2)) if has(key) and is_judged else None for key, title in FIGURES.items()},
        "seconds per epoch": f"{seconds_per_epoch(group):.0f}" if is_judged else None,
        **{
            title: figure(group, key, DIGITS.get(key, digits)) if has(key) and (is_full or not is_judged) else None
            for key, title in FURTHER.items()
        },
        "the paper's row": None if is_named or is_judged or is_full else row["paper"],
        "verdict": row["verdict"],
        "hours": f"{sum(r['seconds'] for r in group) / 3600:.2f}" if is_full else None,
        "command": f"`{command(group)}`" if is_full else None,
    }


def command(group):
    """Returns the command that measures repeated rows."""
    seeds = " ".join(str(row["seed"]) for row in group)
    return re.sub(r"--(seeds?) \d+", rf"--\1 {seeds}", group[0]["command"])


def seconds_per_epoch(rows):
    """Returns the mean time of an epoch."""
    return sum(row["seconds"] for row in rows) / sum(row["epochs"] for row in rows)


def stated(row, key):
    """Returns a figure of the paper's row."""
    return f"{row[f'paper_{key}']:g}" if f"paper_{key}" in row else "-"


def stated_elbo(row):
    """Returns the paper's bound."""
    return "-" if row.get("paper_elbo") is None else f"{-row['paper_elbo']:.2f}"


def figure(rows, key, digits):
    """Returns a figure of repeated rows, or of a single one, with its spread; a dash where a row has none."""
    if any(key not in row for row in rows):
        return "-"
    values = [row[key] for row in rows]
    spread = statistics.stdev(values) if len(rows) > 1 else rows[0].get(f"{key}_se")
    return f"{statistics.mean(values):.{digits}f}" + (f" ± {spread:.{digits}f}" if spread is not None else "") + mark(rows, key)


def benchmark(name):
    """Returns the table of `training/results/benchmarks/NAME.json`, with what made it."""
    file = RESULTS / "benchmarks" / f"{name}.json"
    measured = BENCHMARK.check(file, read_json(file))
    machine, versions = measured["machine"], measured["versions"]
    where = machine.get("device") or f"{machine['cores']} core{'s' * (machine['cores'] > 1)}"
    made = f"`{portable(measured['command'])}`, {where}, {measured['date'][:10]}"
    with_versions = ", ".join(f"{package} {version}" for package, version in versions.items())
    return "\n".join([*measured["table"], "", f"{made}; {with_versions}."])


def checks(name):
    """Returns the rows of `training/results/NAME.json`, each a check with how often it went well, as a Markdown table."""
    rows = [["what", "went well", "of", "largest difference", "command", "date"], ["---"] * 6]
    for row in read_rows(RESULTS / f"{name}.json", CHECK):
        largest = "-" if row["largest_difference"] is None else f"{row['largest_difference']:.1e}"
        rows.append([row["what"], f"{row['passed']:,}", f"{row['tried']:,}", largest, f"`{row['command']}`", row["date"]])
    return as_table(rows)


def with_tables(text):
    """Returns a text whose marked places hold the tables that they name."""
    kinds = {"results": table, "headlines": headlines, "benchmark": benchmark, "checks": checks}
    return MARKED.sub(lambda match: f"{match[1]}{kinds[match[2]](match[3])}\n{match[4]}", text)


def write_full(rows, file):
    """Writes measured rows as a full Markdown table."""
    with atomically(file) as temporary:
        temporary.write_text(markdown(rows, is_full=True) + "\n")


def pages():
    """Returns the README and the pages of docs."""
    return [README, *sorted((PROJECT / "docs").rglob("*.md"))]


def rewrite(folder):
    """Judges the rows of a folder of results anew, and writes each TABLE.json and TABLE.md; raises `FileNotFoundError` if there is none."""
    found = [file for name in TABLES if (file := folder / f"{name}.json").exists()]
    if not found:
        raise FileNotFoundError(f"Expected a folder with TABLE.json, one of {', '.join(TABLES)}. Received: {folder}, without any")
    for file in found:
        rows = judged(file.stem, read_rows(file))
        write_json(file, rows)
        write_full(rows, file.with_suffix(".md"))
