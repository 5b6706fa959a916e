"""Chromium, driven by Selenium, at the width of a desk or of a telephone, in the light or in the dark."""

import shutil

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WIDTHS = {"desk": 1280, "telephone": 390}
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # without a network
)


def chromium():
    """Returns a driver of Chromium, which reaches nothing but this machine, and whose log has everything."""
    options = webdriver.ChromeOptions()
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


class Browser:
    """A browser with helpers that wait.

    Attributes:
        driver: The driver of Selenium.
        address: What the addresses of pages begin with.
        ready: JavaScript that is true when a page can be used.
    """

    def __init__(self, driver, address, ready):
        self.driver, self.address, self.ready = driver, address, ready

    def open(self, query, width, theme="light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(self.address + query)
        self.until(lambda: self.driver.execute_script(f"return ({self.ready})"))

    def until(self, condition):
        return WebDriverWait(self.driver, 20, 0.05).until(lambda driver: condition())

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector):
        element = self.one(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def excess(self):
        """Returns by how many pixels the page is wider than the window."""
        return self.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def log(self):
        """Returns what the console has shown since this was last asked."""
        return [line["message"] for line in self.driver.get_log("browser")]
