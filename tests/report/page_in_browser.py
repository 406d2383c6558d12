"""Chromium without a screen, and what tests ask of a page that is open in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing: pip install 'segbench[browser]'")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium: apt-get install chromium chromium-driver"),
]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-dev-shm-usage"
)


def chromium(profile: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.implicitly_wait(5)
    yield driver
    driver.quit()


class Page:
    """An open page, and what is asked of it in the tests. Every test has one of its own, at a desktop's size, light."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address
        self.size(1440, 900)
        self.scheme("light")
        driver.get_log("browser"), driver.get_log("performance")
        self.open("first")

    def open(self, place: str) -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{place}")

    def go(self, place: str) -> None:
        """Follow a link within the open page."""
        self.driver.execute_async_script(
            "const [hash, done] = arguments; if (location.hash.slice(1) === hash) return done();"
            "addEventListener('hashchange', () => done(), { once: true }); location.hash = hash;",
            place,
        )

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def js(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def column(self, name: str, table: str = "#first-1") -> list[str]:
        """What a column shows, from the top, without the rows that the filter hides."""
        return self.js(
            "const table = document.querySelector(arguments[1]);"
            "const i = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === arguments[0]);"
            "return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[i].innerText.trim());",
            name,
            table,
        )

    def models(self, table: str = "#first-1") -> list[str]:
        return [name.split()[0] for name in self.column("model", table)]

    def classes(self) -> list[list[list[str]]]:
        """The tables of a view: what each cell of each row shows."""
        return self.js(
            "const cells = (row) => [...row.cells].map((cell) => cell.innerText.trim());"
            "return [...document.querySelectorAll('#view .classes')].map((table) => [...table.tBodies[0].rows].map(cells));"
        )

    def header(self, name: str, table: str = "#first-1") -> Any:
        return self.driver.find_element("xpath", f"//table[@id='{table[1:]}']//th/button[.='{name}']")

    def arrives_at(self, place: str) -> None:
        WebDriverWait(self.driver, 10).until(lambda _: self.place == place, f"not at {place}")

    @property
    def place(self) -> str:
        return self.js("return location.hash")[1:]

    @property
    def focused(self) -> str:
        return self.js("return document.activeElement.innerText.trim()")
