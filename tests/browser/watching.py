"""What a page in the browser did, and whether everybody can use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request


@dataclass
class Watch:
    """What a page did that it should not have done.

    Attributes:
        home: how the addresses begin that may be asked for.
        requests: what was asked for elsewhere.
        errors: what the browser's console showed in red, and exceptions that nobody caught.
    """

    home: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        """Begin to watch: nothing from elsewhere arrives."""
        context.route(self.is_elsewhere, lambda route: route.abort())
        context.on("request", self._on_request)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def is_elsewhere(self, address: str) -> bool:
        return not address.startswith((self.home, "data:", "blob:", "about:"))

    def _on_request(self, request: Request) -> None:
        if self.is_elsewhere(request.url):
            self.requests.append(request.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    @property
    def complaints(self) -> list[str]:
        return [f"asked for {address}" for address in self.requests] + self.errors


def serious_violations(page: Page) -> list[str]:
    """What axe-core finds that keeps people from using the page: rule, place and reason."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{violation['id']} at {node['target']}: {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
