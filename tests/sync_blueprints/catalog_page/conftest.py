"""The page in a real Chromium without a window, from a file; what every test of it must not see: errors, requests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_blueprints.catalog_page import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
CHOSEN = "fivetran-execute-sync-and-check"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
]


class Page:
    """The page in a browser; `script` runs JavaScript in it, arguments and result as JSON."""

    def __init__(self, driver: Any, file: Path) -> None:
        self.driver, self.file = driver, file

    def open(self, hash_: str = "", *, width: int = 1280, dark: bool = False, scripts: bool = True) -> None:
        """Load the page anew in a window of that width, 900 pixels high."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.get("about:blank")
        self.devtools("Emulation.setDeviceMetricsOverride", **screen)
        self.devtools("Emulation.setEmulatedMedia", media="", features=[scheme, still])
        self.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.driver.get(self.file.as_uri() + hash_)

    def devtools(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def script(self, source: str, *arguments: Any) -> Any:
        # As text, because WebDriver's JSON has no place for half a character.
        source = f"const [a, b, c] = JSON.parse(arguments[0]); return JSON.stringify((() => {{ {source} }})() ?? null)"
        return json.loads(self.driver.execute_script(source, json.dumps(arguments)))

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def text(self, selector: str) -> str:
        return str(self.script("return document.querySelector(a).innerText", selector))

    def fill_in(self, **values: str) -> None:
        """Set inputs of the form that is shown as a person would who is done with them."""
        event = "for (const type of ['input', 'change']) one.dispatchEvent(new Event(type, { bubbles: true }))"
        source = f"for (const one of fields()) if (one.name in a) {{ one.value = a[one.name]; {event} }}"
        self.script(source, values)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no Chromium with its driver here (on Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.implicitly_wait(10)  # seconds, at most, until find_element finds one
    driver.get("about:blank")  # leave Chromium's own first page, which loads a lot
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("docs") / "catalog.html"
    file.write_text(render(), encoding="utf-8")
    return file


@pytest.fixture
def page(driver: Any, file: Path) -> Iterator[Page]:
    driver.get_log("performance")
    page = Page(driver, file)
    page.open()
    yield page
    page.script("try { localStorage.clear() } catch {}")
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"}
    loaded = {url.split("#")[0] for url in asked if not url.startswith("chrome://")}
    assert loaded <= {file.as_uri(), "data:,", "about:blank"}
    driver.get("about:blank")  # a page that stays open takes time of those tests that come later
