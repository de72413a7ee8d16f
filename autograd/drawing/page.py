"""A picture as a web page that needs nothing but itself."""

import base64
import hashlib
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autograd.drawing.captions import caption
from autograd.drawing.overview import Item, Overview, inside, inside_call
from autograd.drawing.palette import DARK, LIGHT, Palette
from autograd.drawing.render import render_svgs
from autograd.drawing.svg import finish

_MOST_PICTURES = 40
_MOST_NODES = 30_000  # of a graph whose boxes can be opened in the page
_MOST_ITEMS = 60  # in an opened box


@dataclass(frozen=True)
class OpenedBox:
    """A picture of what is in a collapsed box, or in a node that stands for a graph.

    Attributes:
        key: its own one, by which the page finds it in other pictures.
        name: what it is called.
        content: what is in it, in words.
        dot: the picture in DOT.
    """

    key: str
    name: str
    content: str
    dot: str


def opened_boxes(whole: Overview, write: Callable[[Overview], str]) -> list[OpenedBox]:
    """Return pictures of the collapsed boxes in an overview, and of those in them.

    Those of large graphs, and of more than 40 boxes, would make a page slow: they are left out.

    Args:
        whole: what the picture shows in which the boxes are.
        write: returns an overview in DOT.
    """
    if len(whole.graph.nodes) > _MOST_NODES:
        return []
    opened: dict[str, OpenedBox] = {}
    waiting = [(whole, item) for item in whole.items]
    for around, item in waiting:
        if len(opened) == _MOST_PICTURES:
            break
        part = None if item.key in ("", *opened) else _inside(around, item)
        if part is not None:
            name, *content = caption(item)
            words = ", ".join(content).replace(" · ", ", ")
            opened[item.key] = OpenedBox(item.key, name, words, write(part))
            waiting += [(part, inner) for inner in part.items if not inner.is_neighbour]
    return sorted(opened.values(), key=lambda box: _order(box.key))


def _inside(around: Overview, item: Item) -> Overview | None:
    if item.call is not None:
        return inside_call(item.graph, item.members[0], _MOST_ITEMS)
    return inside(around, item.boxes[0], _MOST_ITEMS)


def _order(key: str) -> tuple[str, int]:
    kind, _, number = key.partition("-")
    return kind, int(number)


def page(title: str, theme: str, dot: str, boxes: Sequence[OpenedBox]) -> str:
    """Return a page with a picture, and pictures of what is in its boxes.

    Without scripts these can be opened below the picture, with scripts also by a click on a box.

    Args:
        title: what the picture shows.
        theme: "auto", "light" or "dark".
        dot: the picture in DOT.
        boxes: the boxes that can be opened.

    Raises:
        RenderingError: if there is no Graphviz to render it.
    """
    titles = [title, *[f"{box.name}: {box.content}" for box in boxes]]
    rendered = render_svgs([dot, *[box.dot for box in boxes]])
    first, *others = [
        finish(svg, name, follows_reader=theme == "auto")
        for svg, name in zip(rendered, titles, strict=True)
    ]
    details = [_details(box, svg) for box, svg in zip(boxes, others, strict=True)]
    script = _script() if boxes else ""
    source = f"; script-src 'sha256-{_digest(_SCRIPT)}'" if boxes else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'{source}"
    heading = html.escape(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{heading}</title>
<style>{_STYLE}{_colours(theme)}</style>
</head>
<body>
<h1>{heading}</h1>
<div class="picture" tabindex="0">
{first}
</div>
{_boxes(details)}<p>{_LEGEND}</p>
{script}</body>
</html>
"""


def _details(box: OpenedBox, svg: str) -> str:
    return f"""<details id="{box.key}">
<summary><b>{html.escape(box.name)}</b> {html.escape(box.content)}</summary>
<div class="picture" tabindex="0">
{svg}
</div>
</details>
"""


def _boxes(details: Sequence[str]) -> str:
    if not details:
        return ""
    return f'<h2>Inside the boxes</h2>\n<p class="hint">{_HINT}</p>\n{"".join(details)}'


def _script() -> str:
    return f"<script>{_SCRIPT}</script>\n"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _colours(theme: str) -> str:
    colours = _page_colours(DARK if theme == "dark" else LIGHT)
    if theme == "auto":
        colours += f"\n@media (prefers-color-scheme: dark) {{\n{_page_colours(DARK)}}}\n"
    return colours


def _page_colours(palette: Palette) -> str:
    return (
        f":root {{ color-scheme: {'dark' if palette is DARK else 'light'}; }}\n"
        f"body {{ background: {palette.background}; color: {palette.text}; }}\n"
        f"details {{ border: 1px solid {palette.edge}; }}\n"
        f".hint {{ color: {palette.muted}; }}\n"
        f":focus-visible {{ outline: 3px solid {palette.kinds['input']}; outline-offset: 2px; }}\n"
        f".opens:hover > polygon, .opens:focus-visible > polygon "
        f"{{ stroke: {palette.kinds['input']} !important; stroke-width: 2.5; }}\n"
    )


_STYLE = """
body { margin: 2em; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3em; overflow-wrap: anywhere; }
h2 { font-size: 1.1em; }
.picture { overflow-x: auto; }
.picture svg { max-width: none !important; }
.opens { cursor: pointer; }
details { margin: .4em 0; border-radius: 6px; padding: .3em .8em; scroll-margin-top: 1em; }
summary { cursor: pointer; overflow-wrap: anywhere; }
"""

_HINT = "Click a folder in a picture, or press Enter on it, and it opens here."

_SCRIPT = """
for (const details of document.querySelectorAll('details')) {
  const summary = details.querySelector('summary');
  const open = (event) => {
    event.preventDefault();
    details.open = true;
    summary.focus({ preventScroll: true });
    details.scrollIntoView({ block: 'start' });
  };
  for (const box of document.querySelectorAll(`.${details.id}`)) {
    box.closest('svg').setAttribute('role', 'group'); // an img's buttons would be hidden
    box.classList.add('opens');
    box.setAttribute('tabindex', '0');
    box.setAttribute('role', 'button');
    box.setAttribute('aria-label', `Open ${summary.textContent}`);
    box.closest('svg').setAttribute('role', 'group');  // an image's parts can't be buttons
    box.addEventListener('click', open);
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') open(event);
    });
  }
}
"""

_LEGEND = (
    "Each box has three lines: the name, the operation, the number and its gradient. "
    "Parameters have a folded corner, inputs have two plugs, constants are dashed, "
    "operations rounded, outputs have a double outline. "
    "A folder holds what one module made, or what a compiled function does in one call; a block "
    "many nodes that were put together. "
    "The deeper the colour of a box, the larger its gradient, a shade for each doubling; "
    "▲ marks a positive one, ▼ a negative one. "
    "A box with nan or inf is red with a thick outline and a ⚠. "
    "The numbers at the edges are local derivatives, or with × how many edges there are; "
    "no gradient flows along a dashed edge. "
    "Point at a box to see its whole name and all digits."
)
