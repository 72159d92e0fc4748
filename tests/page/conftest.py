"""A served folder of small scans, a browser, and what a reader does in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from reader import Reader, Server
from small_scans import write_scans

_FLAGS = [
    *("--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium found; install Debian's package chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scans(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="session")
def server(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(scans, tmp_path_factory.mktemp("work")) as running:
        yield running


@pytest.fixture
def own_server(scans: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    with Server(scans, tmp_path) as running:
        yield running


@pytest.fixture
def reader(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """A reader in front of a new page of the shared server; the test fails where the page logs an error."""
    running: Server = request.getfixturevalue("server")
    with Reader.at(browser, running, name=request.node.name[:60]) as at_work:
        yield at_work
