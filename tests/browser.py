"""A real browser for what a browser shows: headless Chromium, driven by Selenium; without it tests skip, and say so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PHONE = (390, 844)


class Browser:
    """Opens pages, and tells what went wrong in them."""

    def __init__(self):
        webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        driver = shutil.which("chromedriver")
        if program is None or driver is None:
            pytest.skip("needs the browser chromium and its chromedriver")
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))

    def open(self, page, *, dark=False, size=(1200, 900)):
        """Open a file, which must be there (of one that is not Chromium shows a page of its own), or an address."""
        assert not isinstance(page, Path) or page.is_file(), f"there is no {page}"
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.problems()  # those of the page before
        self.driver.get(Path(page).resolve().as_uri() if isinstance(page, Path) else page)
        return self

    def problems(self):
        """List what the page logged, and what its scripts failed on."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def run(self, script, *arguments):
        """Give what a script returns."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def all(self, selector):
        """Find elements."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        """Find the only element."""
        (found,) = self.all(selector)
        return found

    def press(self, *keys):
        """Type keys into what has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def fits(self):
        """Tell whether nothing sticks out to the right."""
        page = "document.documentElement"  # not window.innerWidth, which on a phone grows with what sticks out
        return self.run(f"{page}.scrollWidth <= {page}.clientWidth")

    def picture(self, path):
        """Save what is seen, for a look at it."""
        self.driver.save_screenshot(str(path))
