"""A browser, and a page that keeps account of what it asked for and complained about."""

from __future__ import annotations

from collections.abc import Iterator
from shutil import which
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.console.stage import WITHIN_S

__all__ = ["Watched"]


class Watched:
    """What a page asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _request(self, request: Request) -> None:
        found = urlsplit(request.url)
        if found.scheme not in ("data", "blob"):
            self.hosts.add(f"{found.scheme}://{found.hostname}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = which("chromium")
    assert path is not None, "chromium is not there (package chromium)"
    with sync_playwright() as playwright:
        # A folder for shared memory may be too small in a container; a file will do.
        browser = playwright.chromium.launch(
            executable_path=path, args=["--disable-dev-shm-usage", "--disable-gpu"]
        )
        print(f"Chromium {browser.version}")
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WITHIN_S * 1000)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def watched(page: Page) -> Watched:
    return Watched(page)
