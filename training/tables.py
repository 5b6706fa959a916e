"""Write the README's tables of results from the measured rows."""

import re
import statistics
import sys
from pathlib import Path

from training.files import read_json
from training.record import RESULTS, portable

README = Path(__file__).parents[1] / "README.md"
SETTINGS = ("num_components", "num_samples", "num_posterior_components", "num_pseudo_inputs", "kl", "decoder")
MARKED = re.compile(r"(<!-- (results|benchmark): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name):
    """Returns the rows of `training/results/NAME.json` as a Markdown table, nats, higher is better.

    Rows that differ by their seed alone are one line: mean ± standard deviation over seeds. A single row has the standard error over
    test examples.
    """
    repeats = {}
    for row in read_json(RESULTS / f"{name}.json"):
        repeats.setdefault((row["preset"], str(row["arguments"]), row["dataset"]), []).append(row)
    has_kl = any("posterior_kl" in rows[0] for rows in repeats.values())
    kl = " KL(q, exact posterior) |" if has_kl else ""
    lines = [
        f"| preset | settings | epochs | test ELBO | test log-likelihood |{kl} the paper's row | verdict |",
        "|---" * (7 + has_kl) + "|",
    ]
    for rows in repeats.values():
        row = rows[0]
        settings = [f"{key}={value}" for key, value in row["arguments"].items() if key in SETTINGS]
        settings += [f"{len(rows)} seeds"] if len(rows) > 1 else []
        digits = 4 if has_kl else 2  # on the toy, models differ by thousandths
        figures = [figure(rows, key, digits) for key in ("elbo", "log_likelihood", *(["posterior_kl"] if has_kl else []))]
        cells = [f"`{row['preset']}`", ", ".join(settings) or "-", f"{row['epochs']}", *figures, row["paper"], row["verdict"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def figure(rows, key, digits):
    """Returns a figure of repeated rows, or of a single one, with its spread."""
    values = [row[key] for row in rows]
    spread = statistics.stdev(values) if len(rows) > 1 else rows[0].get(f"{key}_se")
    return f"{statistics.mean(values):.{digits}f}" + (f" ± {spread:.{digits}f}" if spread is not None else "")


def benchmark(name):
    """Returns the table of `training/results/benchmarks/NAME.json`, with what made it."""
    measured = read_json(RESULTS / "benchmarks" / f"{name}.json")
    machine, versions = measured["machine"], measured["versions"]
    made = f"`{portable(measured['command'])}`, {machine['cores']} cores, {measured['date'][:10]}"
    with_versions = ", ".join(f"{package} {version}" for package, version in versions.items())
    return "\n".join([*measured["table"], "", f"{made}; {with_versions}."])


def with_tables(text):
    """Returns a text whose marked places hold the tables that they name."""
    kinds = {"results": table, "benchmark": benchmark}
    return MARKED.sub(lambda match: f"{match[1]}{kinds[match[2]](match[3])}\n{match[4]}", text)


def main():
    """Rewrites the README in place."""
    README.write_text(with_tables(README.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
