"""What all browser tests drive: a server as a user starts it, and a browser without anybody's profile."""

import shutil
from collections.abc import Generator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.program import served

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Where a server answers that was started as a user starts it, in an empty folder."""
    with served(tmp_path_factory.mktemp("porchlight")) as port:
        yield f"http://localhost:{port}"


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    """A browser without anybody's profile."""
    path = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
