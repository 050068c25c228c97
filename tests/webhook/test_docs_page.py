"""The page at /docs, in a real browser that has no network but loopback."""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver as Browser
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from bot.sources.registry import load_sources
from bot.webhook import WebhookServer
from tests.support.browser import log_of, open_browser
from tests.webhook.conftest import Gate

_OPERATION = ".opblock"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with open_browser(tmp_path) as browser:
        yield browser


def look(browser: Browser, address: str, operations: int) -> None:
    """Open the page and wait until it shows so many operations; then open one of them."""
    browser.get(f"{address}/docs")
    WebDriverWait(browser, 20).until(
        lambda page: len(page.find_elements(By.CSS_SELECTOR, _OPERATION)) == operations
    )
    browser.find_element(By.CSS_SELECTOR, _OPERATION).click()
    WebDriverWait(browser, 20).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".responses-wrapper"))


def requested(browser: Browser) -> list[str]:
    """Every address that the browser asked for."""
    events = [json.loads(entry["message"])["message"] for entry in log_of(browser, "performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


async def test_the_page_shows_every_operation_and_loads_only_from_here(browser: Browser, gate: Gate) -> None:
    async with WebhookServer(gate.store, load_sources()).serve("127.0.0.1", 0) as at:
        async with gate.session.get(f"{at.address}/openapi.json") as got:
            document = await got.json()
        operations = sum(len(path) for path in document["paths"].values())

        await asyncio.to_thread(look, browser, at.address, operations)

    asked = [urlsplit(url) for url in requested(browser)]
    # chrome: is the browser's own pages, data: is written in the style itself.
    others = {url.netloc for url in asked if url.scheme not in ("chrome", "data")}
    assert others == {f"127.0.0.1:{at.port}"}
    assert [entry["message"] for entry in log_of(browser, "browser")] == []
    assert operations > 10


async def test_the_page_has_a_strict_content_security_policy(gate: Gate) -> None:
    reply = await gate.send("/docs", None, method="GET", key="")

    policy = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
    assert b"//" not in reply.body
    assert b"<script>" not in reply.body


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("start.js", "text/javascript; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("swagger-ui.css", "text/css; charset=utf-8"),
    ],
)
async def test_the_page_s_files_are_served_and_cacheable(gate: Gate, name: str, content_type: str) -> None:
    page = await gate.send("/docs", None, method="GET", key="")
    reply = await gate.send(f"/docs/{name}", None, method="GET", key="")

    assert f'"/docs/{name}"'.encode() in page.body
    assert reply.status == 200
    assert reply.headers["content-type"] == content_type
    assert reply.headers["cache-control"] == "max-age=3600"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["x.js", "swagger-ui.css.map", "..", "..%2fplugin.py", "%2e%2e/plugin.py", "%2fetc%2fpasswd", "%00"],
)
async def test_no_other_file_is_served(gate: Gate, name: str) -> None:
    reply = await gate.send(f"/docs/{name}", None, method="GET", key="")

    assert reply.status == 404
    reply.refuses(None)


async def test_the_swagger_ui_that_is_installed_reads_openapi_3_1(gate: Gate) -> None:
    reply = await gate.send("/docs/swagger-ui-bundle.js", None, method="GET", key="")

    version = re.search(rb'PACKAGE_VERSION:"(\d+)\.', reply.body)
    assert version is not None
    assert int(version[1]) >= 5


@pytest.mark.parametrize("name", ["swagger-ui-bundle.js", "swagger-ui.css"])
@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.000, *", None),
        ("deflate", None),
        ("", None),
    ],
)
async def test_swagger_ui_s_files_are_compressed_for_clients_that_accept_gzip(
    gate: Gate, name: str, accept: str, encoding: str | None
) -> None:
    plain = await gate.raw(f"GET /docs/{name} HTTP/1.0\r\n\r\n".encode())

    sent = await gate.raw(f"GET /docs/{name} HTTP/1.0\r\nAccept-Encoding: {accept}\r\n\r\n".encode())

    assert sent.headers.get("content-encoding") == encoding
    assert sent.headers["vary"] == "Accept-Encoding"
    if encoding is None:
        assert sent.body == plain.body
    else:
        assert gzip.decompress(sent.body) == plain.body
        assert len(sent.body) < len(plain.body) / 2
