"""A browser, and pages in it that are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import chromium
from tests.browser.watching import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PATIENCE = 10_000  # milliseconds that a page may take to show what is expected

if chromium.LEFT_OUT:
    collect_ignore_glob = ["*.py"]  # tests/conftest.py says so


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for one module: while it is there, an event loop runs in this thread."""
    if not chromium.CAN_RUN:
        pytest.fail(f"there is no browser to test with: {chromium.HOW_TO_GET_IT}", pytrace=False)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.FLAGS)
        yield browser
        browser.close()


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a file without a network; in the end the page must have neither tried nor erred.

    Keywords are those of Playwright's `new_context`, such as `color_scheme="dark"`.
    """
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_page(path: Path, **options: Any) -> Page:
        context = browser.new_context(offline=True, **options)
        watch = Watch(home=path.as_uri())
        watch.over(context)
        opened.append((context, watch))
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(path.as_uri())
        return page

    yield open_page
    for context, _ in opened:
        context.close()
    for _, watch in opened:
        assert watch.complaints == []
