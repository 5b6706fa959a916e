"""The page in a browser: clicked through at the width of a desk and of a telephone, in the light and in the dark."""

import shutil
import threading
import time

import keras
import pytest
import uvicorn

import keras_vaemix as vm
from export.artifact import export_model
from export.server.app import make_app
from tests import catalogue

pytest.importorskip("selenium")
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser import WIDTHS, Browser, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("chromium") and shutil.which("chromedriver")), reason="apt install chromium chromium-driver"),
]


class Page(Browser):
    """The served page."""

    def __init__(self, driver, address):
        super().__init__(driver, address, "document.body.dataset.ready")

    def pictures(self, selector):
        """Returns what the pictures inside of an element are."""
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.src ?? one.outerHTML)"
        return self.driver.execute_script(script, f"{selector} img, {selector} svg")

    def changed(self, selector, action):
        """Does something, and waits until the pictures inside of an element are others."""
        before = self.pictures(selector)
        action()
        self.until(lambda: self.pictures(selector) not in (before, []))


@pytest.fixture(scope="module")
def driver():
    driver = chromium()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """A function that serves a model, in a thread, and returns the address."""
    servers = []

    def start(model):
        artifact = export_model(model, tmp_path_factory.mktemp("page") / "artifact", ["onnx"])
        server = uvicorn.Server(uvicorn.Config(make_app(artifact), port=0, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def categories(driver, serve):
    keras.utils.set_random_seed(0)
    return Page(driver, serve(catalogue.cp_vae(vm.ELBO(1), 0)))


def check(page):
    """Nothing is wider than the window, nothing is wrong in the log, everything that is pressed has a name."""
    assert page.excess() <= 0
    assert page.log() == []
    assert [
        one.get_attribute("outerHTML")
        for one in page.all("button, select, input, canvas")
        if one.is_displayed() and not one.accessible_name
    ] == []
    assert page.all(".status.error") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_samples_are_drawn_again_and_a_link_shows_the_same(categories, width):
    categories.open("?seed=3&component=2&num=16", WIDTHS[width])
    first = categories.pictures("#grid")
    assert len(first) == 16
    categories.changed("#grid", lambda: categories.click("#redraw"))
    link = categories.driver.current_url.partition("?")[2]
    assert "component=2" in link
    second = categories.pictures("#grid")
    categories.open(f"?{link}", WIDTHS[width])
    assert categories.pictures("#grid") == second
    categories.open("?seed=3&component=2&num=16", WIDTHS[width])
    assert categories.pictures("#grid") == first
    check(categories)


@pytest.mark.parametrize(("width", "theme"), [("desk", "light"), ("telephone", "dark")])
def test_everything_is_used_once(categories, width, theme):
    page = categories
    page.open("?seed=1", WIDTHS[width], theme)
    page.changed("#picture", lambda: page.click("#grid .tile:nth-child(5)"))
    assert page.one("#grid .tile:nth-child(5)").get_attribute("aria-pressed") == "true"
    slider = page.one("#sliders input")
    page.changed("#picture", lambda: slider.send_keys(Keys.ARROW_RIGHT * 60))
    page.changed(
        "#picture", lambda: Select(page.one("#category")).select_by_value(str((int(page.one("#category").get_property("value")) + 1) % 4))
    )
    page.changed("#ends", lambda: page.click("[data-keep=C]"))
    page.changed("#steps", lambda: page.click("#swap"))
    page.changed("#steps", lambda: page.click("[value=spherical]"))
    assert page.one("#way-note").text.startswith("Spherical")
    page.changed("#picture", lambda: page.click("#canvas"))
    page.changed("#picture", lambda: page.one("#canvas").send_keys(Keys.ARROW_LEFT * 8))
    for plane in ("active", "kept"):
        Select(page.one("#plane")).select_by_value(plane)
    page.changed("#picture", lambda: page.click("#center"))
    page.changed("#grid", lambda: page.click("#weights li:nth-child(2) button"))
    assert "component=" in page.driver.current_url
    page.changed("#grid", lambda: Select(page.one("#component")).select_by_value("each"))
    assert len(page.all("#grid .row-label")) == 4
    page.changed("#grid", page.driver.back)
    check(page)


def test_errors_are_shown_and_mended(categories):
    page = categories
    page.open("", 1280)
    page.driver.execute_script("window.asked = window.fetch; window.fetch = () => Promise.reject(new Error('gone'))")
    page.click("#redraw")
    page.until(lambda: page.all("#samples-status.error"))
    assert "The server does not answer" in page.one("#samples-status").text
    page.driver.execute_script("window.fetch = window.asked")
    page.changed("#grid", lambda: page.click("#samples-status button"))
    check(page)


def test_what_is_given_is_in_the_address(driver, serve):
    keras.utils.set_random_seed(0)
    page = Page(driver, serve(catalogue.conditioned_cp_vae()))
    page.open("?num=16&component=1", 390)
    first = page.pictures("#grid")
    page.one("#given").clear()
    page.one("#given").send_keys("2,-3", Keys.ENTER)
    page.until(lambda: "y=2%2C-3" in driver.current_url and page.pictures("#grid") not in (first, []))
    page.open(driver.current_url.removeprefix(page.address), 1280)
    assert page.one("#given").get_attribute("value") == "2,-3"
    check(page)


MODELS = {
    "pixels": catalogue.EVERY_MODEL["PixelVAE"],
    "two levels": lambda: catalogue.hierarchical_vae(vm.ELBO(1), 0, "NormalMixture"),
    "two values": lambda: vm.VAE(vm.networks.mlp((2,), 4, (8,)), vm.networks.mlp((2,), 2, (8,)), vm.NormalMixture(2, 3), vm.Normal(0.5)),
    "a table, one latent": lambda: vm.VAE(
        vm.networks.mlp((7,), 2, (8,)), vm.networks.mlp((1,), 7, (8,)), vm.StandardNormal(1), vm.Normal(0.5)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_is_shown(driver, serve, name):
    keras.utils.set_random_seed(0)
    page = Page(driver, serve(MODELS[name]()))
    page.open("?num=16", 390)
    assert len(page.pictures("#grid")) == 16
    page.changed("#picture", lambda: page.one("#sliders input").send_keys(Keys.ARROW_RIGHT * 80))
    page.changed("#picture", lambda: page.click("#canvas"))
    assert len(page.pictures("#steps")) == 11
    check(page)


def test_the_page_of_the_api_names_every_path(categories):
    categories.driver.get(categories.address + "docs")
    categories.until(lambda: categories.all("#operations section"))
    shown = [one.text for one in categories.all("#operations h2 code")]
    assert shown == ["/v1/model", "/v1/sample", "/v1/decode", "/healthz", "/metrics"]
    assert categories.log() == []
