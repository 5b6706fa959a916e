"""The pages of the documentation, whose marked places hold tables."""

import re

from training.papers.result_rows import PROJECT
from training.papers.systems import system
from training.papers.tables import benchmark, checks, headlines, results

KINDS = {"results": results, "headlines": headlines, "system": system, "benchmark": benchmark, "checks": checks}
MARKED = re.compile(rf"(<!-- ({'|'.join(KINDS)}): (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(text):
    """Returns a text with the tables that its marked places name."""
    return MARKED.sub(lambda match: f"{match[1]}{KINDS[match[2]](match[3])}\n{match[4]}", text)


def pages():
    """Returns the README and the pages of docs."""
    return [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
