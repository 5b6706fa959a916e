"""Builds the site from nothing, executes all its notebooks and keeps their outputs, and follows its links to other sites.

    python -m tests.checks.site [--no-links]

A build executes the first notebook only. It takes the outputs of the others from `docs/notebooks/outputs/`, which this program writes.
"""

import argparse
import contextlib
import json
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import jupyter_cache
import nbformat
from myst_nb.core.read import read_myst_markdown_notebook

from training.papers.result_rows import PROJECT

DOCS = PROJECT / "docs"
OUTPUTS = DOCS / "notebooks" / "outputs"
IN_EVERY_BUILD = "digits"
EXECUTE = ["-D", "kept_outputs=0"]
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.md"))


def notebook_of(path):
    """Returns a notebook that is written as Markdown."""
    return read_myst_markdown_notebook(path.read_text(), path=str(path))


def code_of(notebook):
    """Returns the code of each cell of a notebook."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def build(builder, folder, *options):
    """Builds the documents, and returns whether there was no warning."""
    strict = ["-W", "--keep-going", "-q", "-b", builder, "-d", folder / "doctrees"]
    return subprocess.run([sys.executable, "-m", "sphinx", *strict, *options, DOCS, folder / builder], stdout=sys.stderr).returncode == 0


def unrendered(folder):
    """Returns the pages that show markup, such as a formula's role in Markdown, outside of code."""
    pages = {path: re.sub(r"<(pre|code|script)\b.*?</\1>", "", path.read_text(), flags=re.DOTALL) for path in folder.rglob("*.html")}
    return [str(path.relative_to(folder)) for path, text in pages.items() if re.search(r":\w+:`|\$\$|\[\w+\]\(|``", text)]


def executed(folder):
    """Returns the notebooks that a build has executed, by name, with what their cells wrote and drew."""
    cache, found = jupyter_cache.get_cache(folder / ".jupyter_cache"), {}
    for path in NOTEBOOKS:
        try:
            _, found[path.stem] = cache.merge_match_into_notebook(notebook_of(path))
        except KeyError:
            print(f"{path.name} was not executed", file=sys.stderr)
    return found


def keep(notebook, path):
    """Writes an executed notebook without what differs from one execution to the next."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, path)


def is_found(uri):
    """Returns whether the host of an address is found from here."""
    with contextlib.suppress(OSError):
        return bool(socket.getaddrinfo(urlsplit(uri).hostname, None))
    return False


def links(folder):
    """Returns whether each link to another site leads somewhere, by its address; None where its host is not found from here."""
    lines = (folder / "linkcheck" / "output.json").read_text().splitlines()
    status = {one["uri"]: one["status"] for one in map(json.loads, lines) if one["uri"].startswith("http")}
    return {uri: one in ("working", "redirected") if is_found(uri) else None for uri, one in status.items() if one != "ignored"}


def main(argv=None):
    """Prints JSON, and returns the exit status: 1 if a page had a warning or shows markup, a notebook failed, or a link leads nowhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.site", description=__doc__.splitlines()[0])
    parser.add_argument("--no-links", action="store_true", help="leave out links to other sites")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = {"is_clean": build("html", folder, *EXECUTE), "pages": len(list((folder / "html").rglob("*.html")))}
        report["unrendered"] = unrendered(folder / "html")
        notebooks = executed(folder)
        report["notebooks"] = {path.stem: path.stem in notebooks for path in NOTEBOOKS}
        for stem in sorted(set(notebooks) - {IN_EVERY_BUILD}):
            keep(notebooks[stem], OUTPUTS / f"{stem}.ipynb")
        if not args.no_links:
            build("linkcheck", folder, *EXECUTE)
            report["links"] = links(folder)
    print(json.dumps(report))
    results = [*report["notebooks"].values(), *report.get("links", {}).values()]
    return 0 if report["is_clean"] and not report["unrendered"] and False not in results else 1


if __name__ == "__main__":
    sys.exit(main())
