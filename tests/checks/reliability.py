"""Runs the checks of reliability, and writes their figures as rows of `training/results/reliability.json`.

    python -m tests.checks.reliability [--checks kills fuzz replicas parity site browser]

Each check is a separate program that prints JSON; a row says how often it was tried, how often it passed, and how it was run.
"""

import argparse
import datetime
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from export.storage.files import read_json, write_json
from keras_vaemix.storage.versions import versions
from tests.benchmarks.harness import cores, processor, system
from training.papers.result_rows import RESULTS

TOLERANCE = 1e-5


class Check(NamedTuple):
    """The words of a command after `python -m`, and a function from its JSON to rows (what, tried, passed, largest difference)."""

    words: str
    rows: Callable


def of_kills(report):
    kinds, total = f"{len(report)} kinds of model", lambda name: sum(kind[name] for kind in report.values())
    same = sum(kind["runs"] for kind in report.values() if kind["bit_identical"])
    return [
        (f"SIGKILL at a random moment of a run, {kinds}: every file whole or absent", total("kills"), total("survived"), None),
        ("runs killed and resumed to the end: weights, optimizers, history and figures to the bit", total("runs"), same, None),
    ]


def of_fuzz(report):
    inputs, failures = (sum(target[name] for target in report.values()) for name in ("inputs", "failures"))
    return [(f"hostile and random input to {len(report)} readers: one clear error or a result", inputs, inputs - failures, None)]


def of_replicas(report):
    found = [difference for model in report.values() for difference in model.values()]
    what = f"three steps of each of {len(report)} models on two and on four replicas: those of one"
    return [(what, len(found), sum(difference <= TOLERANCE for difference in found), max(found))]


def of_workers(report):
    found = list(report.values())
    what = f"whole runs of {len(report)} kinds of model by two workers: history and weights of two replicas of one process"
    return [(what, len(found), sum(difference <= TOLERANCE for difference in found), max(found))]


def of_parity(report):
    found = [difference for model in report.values() for difference in model["parity"].values()]
    whole = sum(not model["beyond"] for model in report.values())
    what = f"models exported: {len(found)} graphs and signatures as the live model, samples and components as they should be spread"
    return [(what, len(report), whole, max(found))]


def of_site(report):
    notebooks, pages = report["notebooks"].values(), report["pages"]
    whole = (pages - len(report["unrendered"])) * report["is_clean"]
    links = [one for one in report["links"].values() if one is not None]
    return [
        ("pages of the site: built without a warning, and no markup shown", pages, whole, None),
        *([("links to other sites, of hosts that were found", len(links), sum(links), None)] if links else []),
        ("notebooks executed", len(notebooks), sum(notebooks), None),
    ]


def of_browser(report):
    faults, links, tasks = report["faults"], report["links"], report["tasks"].values()
    looks, wrong = len(faults) * report["pages"], sum(map(len, faults.values()))
    what = "pages of the site in Chromium without a network: no error, nothing missing or too wide, accessible by WCAG 2 (AA)"
    return [
        (f"{what}; {', and '.join(faults)}", looks, looks - wrong, None),
        ("links inside the site", links["inside"], links["inside"] - len(links["broken"]), None),
        ("public names in the site's reference, with their source", report["names"], report["names"] - len(report["unlisted"]), None),
        (f"a reader's tasks: {', '.join(report['tasks'])}", len(tasks), sum(tasks), None),
    ]


CHECKS = {
    "kills": Check("tests.checks.kills --kills 20", of_kills),
    "fuzz": Check("tests.checks.fuzz --inputs 2000", of_fuzz),
    "replicas": Check("tests.checks.replica_equality", of_replicas),
    "workers": Check("tests.checks.worker_equality", of_workers),
    "parity": Check("tests.checks.parity", of_parity),
    "site": Check("tests.checks.site", of_site),
    "browser": Check("tests.checks.browse", of_browser),
}


def measure(name):
    """Runs a check and returns its rows."""
    words, rows = CHECKS[name]
    began = time.monotonic()
    process = subprocess.run([sys.executable, "-m", *shlex.split(words)], stdout=subprocess.PIPE, text=True)
    try:
        report = json.loads(process.stdout)
    except ValueError:
        raise SystemExit(f"error: Expected JSON from python -m {words}. Received: exit status {process.returncode}") from None
    common = {
        "check": name,
        "command": f"python -m {words}",
        "seconds": round(time.monotonic() - began),
        "date": datetime.date.today().isoformat(),
        "machine": {"cores": cores(), "processor": processor(), "system": system()},
        "versions": versions(),
    }
    figures = [dict(zip(("what", "tried", "passed", "largest_difference"), row, strict=True)) for row in rows(report)]
    return [{**common, **row} for row in figures[:-1]] + [{**common, **figures[-1], "report": report}]


def main(argv=None):
    """Returns the exit status: 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.reliability", description=__doc__.splitlines()[0])
    parser.add_argument("--checks", nargs="+", default=list(CHECKS), choices=CHECKS, metavar="CHECK", help="checks (default: all)")
    parser.add_argument("--out", type=Path, default=RESULTS / "reliability.json", help="file of the rows (default: %(default)s)")
    args = parser.parse_args(argv)
    for name in args.checks:
        known = read_json(args.out) if args.out.exists() else []
        rows = [row for row in known if row["check"] != name] + measure(name)
        write_json(args.out, sorted(rows, key=lambda row: list(CHECKS).index(row["check"])))
        for row in rows:
            if row["check"] == name:
                print(f"{row['passed']:6} of {row['tried']:6}  {row['what']}", flush=True)
    return 0 if all(row["passed"] == row["tried"] for row in read_json(args.out)) else 1


if __name__ == "__main__":
    sys.exit(main())
