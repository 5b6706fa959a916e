"""Opens every page of the built site in Chromium without a network, at a desk and on a telephone, and follows the links inside of it.

    python -m tests.checks.browse [--site FOLDER]

It prints JSON: what is wrong with each page, links that lead nowhere, links to other sites, and public names that the reference lacks. It
needs `pip install -r requirements-browser.txt` and `apt install chromium chromium-driver`.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag

from axe_core_python.selenium import Axe
from selenium.common.exceptions import TimeoutException, WebDriverException

import keras_vaemix as vm
from tests.browser import WIDTHS, Browser, chromium
from tests.checks.site import NOTEBOOKS, build

LOOKS = (("desk", "light"), ("telephone", "dark"))
READY = """
document.readyState == "complete" && document.querySelectorAll("div.highlight").length == document.querySelectorAll(".copybtn").length
&& (window.MathJax?.startup ? MathJax.startup.promise.then(() => true) : true)
"""
SCROLLS = "scrollable-region-focusable"  # a rule for browsers whose keyboard does not reach what scrolls, unlike Chromium's since 130
ACCESSIBLE = {"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]}
SEEN = """
const all = (selector) => [...document.querySelectorAll(selector)], html = (one) => one.outerHTML.slice(0, 200)
return {
    faults: {
        "formula as text": all(".math").filter((one) => !one.querySelector("mjx-container") || one.querySelector("mjx-merror")).map(html),
        "picture missing": all("img").filter((one) => !one.complete || !one.naturalWidth).map(html),
        "picture without words": all("img").filter((one) => !one.alt.trim() || one.alt.includes("_images/")).map(html),
        "code that cannot be copied": all("div.highlight:not(:has(.copybtn))").map(html),
    },
    formulas: all("mjx-container").length,
    pictures: all("img").length,
    ids: all("[id]").map((one) => one.id),
    links: all("a[href]").map((one) => one.href),
    sources: all("dt[id]:has(.viewcode-link)").map((one) => one.id),
}
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, format, *args):
        pass


@contextlib.contextmanager
def served(folder):
    """Serves a folder on a port of this machine, and gives the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def look(browser, page, width, theme):
    """Opens a page, and returns what is seen there, with a line for each fault."""
    with contextlib.suppress(TimeoutException):  # the faults say what is not ready
        browser.open(page, WIDTHS[width], theme)
    seen = browser.driver.execute_script(SEEN)
    faults = [f"{what}: {one}" for what, found in seen["faults"].items() for one in found]
    if (excess := browser.excess()) > 0:
        faults.append(f"wider than the window by {excess} pixels")
    violations = Axe().run(browser.driver, options=ACCESSIBLE)["violations"]
    faults += [f"{rule['id']}: {node['html'][:200]}" for rule in violations if rule["id"] != SCROLLS for node in rule["nodes"]]
    return seen | {"faults": faults + browser.log()}


def follow(pages, address, folder):
    """Returns the links of pages {page: what is seen}: how many lead into the site, those that lead nowhere, and those to other sites."""
    links = {(page, link) for page, seen in pages.items() for link in seen["links"]}
    inside = {(page, link.removeprefix(address)) for page, link in links if link.startswith(address)}
    broken = []
    for page, link in sorted(inside):
        target, anchor = map(unquote, urldefrag(link))
        found = not anchor or anchor in pages[target]["ids"] if target in pages else (folder / target).is_file()
        broken += [] if found else [f"{page}: {link}"]
    elsewhere = sorted({link for _, link in links if not link.startswith(address)})
    return {"inside": len(inside), "broken": broken, "elsewhere": elsewhere}


def finds(browser):
    """Returns whether the search for a class finds its place in the reference."""
    browser.open("search.html?q=VampPrior", WIDTHS["telephone"])
    return bool(browser.until(lambda: browser.all("#search-results li a[href*='keras_vaemix.VampPrior']")))


def copies(browser):
    """Returns whether the button of a block of code copies it."""
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    browser.open("index.html", WIDTHS["desk"])
    code = browser.one("div.highlight pre").text
    browser.click("div.highlight button.copybtn")
    held = lambda: browser.driver.execute_script("return navigator.clipboard.readText()")  # noqa: E731
    return browser.until(lambda: held().strip() == code.strip())


def draws(browser):
    """Returns whether every notebook shows pictures among its outputs."""
    shown = []
    for path in NOTEBOOKS:
        browser.open(f"notebooks/{path.stem}.html", WIDTHS["desk"])
        shown.append(any(one.is_displayed() and one.size["width"] > 100 for one in browser.all(".cell_output img")))
    return all(shown)


def succeeds(task, browser):
    """Returns whether a task of a reader ends well, and in time."""
    with contextlib.suppress(WebDriverException):
        return task(browser)
    return False


TASKS = {"the search finds a class": finds, "code is copied by its button": copies, "notebooks show their pictures": draws}


def browse(browser, folder):
    """Returns the report on the site in a folder."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
    looks = {f"{width}, {theme}": {page: look(browser, page, width, theme) for page in names} for width, theme in LOOKS}
    pages = next(iter(looks.values()))
    faults = {kind: {page: seen["faults"] for page, seen in found.items() if seen["faults"]} for kind, found in looks.items()}
    sources = {one for seen in pages.values() for one in seen["sources"]}
    public = [name for name in vm.__all__ if callable(getattr(vm, name))]
    return {
        "pages": len(names),
        **{what: sum(seen[what] for seen in pages.values()) for what in ("formulas", "pictures")},
        "faults": faults,
        "links": follow(pages, browser.address, folder),
        "names": len(public),
        "unlisted": [name for name in public if f"keras_vaemix.{name}" not in sources],
        "tasks": {name: succeeds(task, browser) for name, task in TASKS.items()},
    }


def main(argv=None):
    """Prints JSON, and returns the exit status: 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.browse", description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, help="folder of the built site (default: build it)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = args.site or Path(name) / "html"
        is_built = args.site is not None or build("html", folder.parent)
        driver = chromium()
        stack.callback(driver.quit)
        report = browse(Browser(driver, stack.enter_context(served(folder)), READY), folder)
    print(json.dumps(report))
    wrong = [*report["faults"].values(), report["links"]["broken"], report["unlisted"]]
    return 0 if is_built and all(report["tasks"].values()) and not any(wrong) else 1


if __name__ == "__main__":
    sys.exit(main())
