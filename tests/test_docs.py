"""The documentation: built without a warning, its links checked, and nothing left out."""

import html.parser
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PUBLIC = ("autograd", "nn", "nn.losses", "optim", "optim.schedules")


class Page(html.parser.HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def dead_links(site: Path) -> Iterator[str]:
    """The links between pages that lead nowhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            if not target.is_file():
                yield f"{path.name}: there is no {link}"
            elif fragment and target in pages and fragment not in pages[target].anchors:
                yield f"{path.name}: there is no such place: {link}"


def undocumented(site: Path) -> set[str]:
    """The public names that can't be looked up."""
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    names = {
        f"{module}.{name}"
        for module in PUBLIC
        for name in importlib.import_module(module).__all__
        if name not in ("init", "losses", "paths", "schedules")  # pages of their own
    }
    return names - set(re.findall(r'id="([\w.]+)"', text))


def test_the_site(tmp_path: Path) -> None:
    """All about the built site is one test: building takes long."""
    environment = {name: x for name, x in os.environ.items() if name != "PYTHONWARNINGS"}
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(site)],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(dead_links(site)) == []
    assert undocumented(site) == set()
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.stem for path in (site / "notebooks").glob("*.html")} == notebooks
    schemes = {
        urlsplit(link).scheme
        for path in site.glob("*.html")
        for link in Page(path.read_text(encoding="utf-8")).links
    }
    assert schemes <= {"", "https", "data"}


def test_the_names_in_the_tables_exist() -> None:
    table = (DOCS / "coming_from.md").read_text(encoding="utf-8")
    ours = " ".join(row.split(" | ")[1] for row in table.splitlines() if row.count(" | ") > 1)
    names = re.findall(r"\b(?:autograd|nn|optim)(?:\.\w+)+", ours)
    assert len(names) > 30
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_no_docstring_is_read_as_markup() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        as_markup = importlib.import_module("conf").as_markup
    finally:
        sys.path.remove(str(DOCS))
    assert as_markup(["|x| of *args, and a name_ in ``a_``"]) == [
        r"\|x\| of \*args, and a name\_ in ``a_``"
    ]
    assert as_markup([">>> 2 * 3", "6"]) == [">>> 2 * 3", "6"]
    assert as_markup(["So", "    a*b", "and on"]) == ["So", "", "::", "", "    a*b", "", "and on"]
    assert as_markup(["Args:", "    x: a | b"]) == ["Args:", r"    x: a \| b"]
