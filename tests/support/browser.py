"""A real browser that has no network but loopback."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver as Browser

_BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_DRIVER = shutil.which("chromedriver")
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--window-size=1200,2000",
)


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """A browser with a new profile in `folder`; skips the test where there is none."""
    if _BROWSER is None or _DRIVER is None:
        pytest.skip("no chromium with its chromedriver here")
    options = Options()
    options.binary_location = _BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in (*_QUIET, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    with Browser(options=options, service=Service(_DRIVER)) as driver:
        yield driver


def log_of(browser: Browser, kind: str) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]  # selenium's own
    return log
