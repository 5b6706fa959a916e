"""Write the README's tables of results from the measured rows."""

import re
import sys
from pathlib import Path

from training.files import read_json
from training.record import RESULTS, portable

README = Path(__file__).parents[1] / "README.md"
SETTINGS = ("num_components", "num_samples", "num_posterior_components", "num_pseudo_inputs", "kl", "decoder")
MARKED = re.compile(r"(<!-- (results|benchmark): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name):
    """Returns the rows of `training/results/NAME.json` as a Markdown table, nats, higher is better."""
    lines = [
        "| preset | settings | epochs | test ELBO | test log-likelihood | the paper's row | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in read_json(RESULTS / f"{name}.json"):
        settings = ", ".join(f"{key}={value}" for key, value in row["arguments"].items() if key in SETTINGS)
        bounds = [f"{row[figure]:.2f} ± {row[figure + '_se']:.2f}" for figure in ("elbo", "log_likelihood")]
        cells = [f"`{row['preset']}`", settings or "-", f"{row['epochs']}", *bounds, row["paper"], row["verdict"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


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
