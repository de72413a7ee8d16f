"""The page of a stepper: markup that stands by itself, and the script that walks through it."""

import base64
import hashlib
import html
import json
from importlib import resources
from typing import Any

from autograd.drawing.palette import DARK, LIGHT, Palette, dark_style
from autograd.drawing.stepper.graph import brief, write_svg
from autograd.drawing.stepper.inside import picture_inside
from autograd.drawing.stepper.story import Scene, Story
from autograd.drawing.svg import as_image

SCOPE = "stepgrad-stepper"
"""The class of the element that a stepper lives in."""


def script() -> str:
    """Return the module that walks through the markup: it exports ``mount``."""
    return _resource("stepper.js")


def style(theme: str = "auto") -> str:
    """Return the stylesheet, in the colours of a theme.

    On a page with steppers of several themes each has its own: the colours are for those on or
    in an element with this theme as its ``data-stepgrad-theme``.

    Args:
        theme: "light", "dark", or "auto", which follows the notebook or else the reader.
    """
    light, dark = _variables(LIGHT, "light"), _variables(DARK, "dark")
    wanted = f'[data-stepgrad-theme="{theme}"]'
    here = f":is(.{SCOPE}, .{SCOPE}-page):is({wanted}, {wanted} *)"
    rules = [_resource("stepper.css"), f"{here} {{{dark if theme == 'dark' else light}}}"]
    if theme == "auto":
        rules += [
            f"@media (prefers-color-scheme: dark) {{ {here} {{{dark}}} }}",
            f":is({_LIGHT_HOSTS}) {here} {{{light}}}",
            f":is({_DARK_HOSTS}) {here} {{{dark}}}",
        ]
    return "\n".join(rules)


_COLOURS = {
    "light": {
        "raised": "#f6f8fa",
        "line": "#d0d7de",
        "focus": "#b3207a",
        "link": "#0757b8",
        "good": "#116329",
        "positive": "#0550ae",
        "negative": "#9a2d00",
    },
    "dark": {
        "raised": "#161b22",
        "line": "#3d444d",
        "focus": "#ff8ac5",
        "link": "#79c0ff",
        "good": "#56d364",
        "positive": "#96cfff",
        "negative": "#ffba88",
    },
}
_LIGHT_HOSTS = '[data-jp-theme-light="true"], .vscode-light, [data-theme="light"]'
_DARK_HOSTS = '[data-jp-theme-light="false"], .vscode-dark, .dark, [data-theme="dark"]'


def markup(story: Story, direction: str = "LR", *, as_image: bool = False, theme: str = "") -> str:
    """Return the picture and the list of all steps, to be read without any script.

    Args:
        story: what to show.
        direction: "LR" or "TB".
        as_image: whether to draw the graph as an image: a notebook that isn't trusted keeps
            images, but takes SVG apart. The script makes SVG of it again.
        theme: an image follows the reader's preference if this is "auto".
    """
    steps = "\n".join(_step(story, scene, theme, direction) for scene in story.scenes)
    svg = write_svg(story, direction)
    picture = _image(svg, _title(story), theme) if as_image else svg
    return (
        f'<figure class="graph">\n{picture}\n</figure>\n'
        f"{_LEGEND}\n{_HINT}\n"
        f'<ol class="steps">\n{steps}\n</ol>'
    )


def _image(svg: str, title: str, theme: str) -> str:
    if theme == "auto":
        svg = svg.replace(">", f"><style>{dark_style('svg')}</style>", 1)
    return as_image(svg, title)


def data(story: Story) -> dict[str, Any]:
    """Return what the script needs besides the markup, ready for JSON."""
    computed, swept = story.turns("forward"), story.turns("backward")
    ways_back = {
        link: number
        for number, scene in enumerate(story.scenes)
        if scene.phase == "backward"
        for link in scene.links
    }
    return {
        "root": story.name(len(story.nodes) - 1),
        "nodes": [
            {
                "name": story.name(place),
                "kind": story.kind(place),
                "value": brief(node.data),
                "gradient": None if gradient is None else brief(gradient),
                "exact": None if gradient is None else repr(gradient),
                "computed": computed[place],
                "swept": swept.get(place),
            }
            for place, (node, gradient) in enumerate(zip(story.nodes, story.gradients, strict=True))
        ],
        "links": [ways_back.get(link) for link in range(len(story.links))],
        "steps": [
            {
                "phase": scene.phase,
                "node": scene.node,
                "links": list(scene.links),
                "sentence": scene.sentence,
            }
            for scene in story.scenes
        ],
    }


def fragment(story: Story, *, token: str, theme: str = "auto", direction: str = "LR") -> str:
    """Return a stepper for a notebook's output.

    Args:
        story: what to show.
        token: letters and digits that no other stepper on the page has.
        theme: "auto", "light" or "dark".
        direction: "LR" or "TB".
    """
    return (
        f"{_element(story, token, theme, direction, as_image=True)}\n"
        f'<script type="module">\n{_script(token)}\n</script>'
    )


def page(story: Story, *, theme: str = "auto", direction: str = "LR") -> str:
    """Return a page that needs nothing but itself."""
    title = html.escape(_title(story))
    code = f"\n{_script('page', alone=True)}\n"
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    images = "; img-src data:" if any(scene.inside for scene in story.scenes) else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'{images}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
</head>
<body class="{SCOPE}-page" data-stepgrad-theme="{theme}">
<main>
<h1>{title}</h1>
{_element(story, "page", theme, direction)}
</main>
<script type="module">{code}</script>
</body>
</html>
"""


def _title(story: Story) -> str:
    return f"Backpropagation through {story.name(len(story.nodes) - 1)}, step by step"


def _element(
    story: Story, token: str, theme: str, direction: str, *, as_image: bool = False
) -> str:
    return (
        f'<div class="{SCOPE}" data-stepper="{token}" data-stepgrad-theme="{theme}" '
        'data-lm-suppress-shortcuts="true" '
        f'role="group" aria-label="{html.escape(_title(story))}">\n'
        f"<style>\n{style(theme)}\n</style>\n"
        f"{markup(story, direction, as_image=as_image, theme=theme)}\n"
        f'<script type="application/json">{_json(data(story))}</script>\n'
        "</div>"
    )


def _script(token: str, *, alone: bool = False) -> str:
    options = "{ alone: true }" if alone else "{}"
    return (
        f"{script()}\n"
        f"""for (const element of document.querySelectorAll('[data-stepper="{token}"]')) {{\n"""
        f"  mountOnce(element, {options});\n"
        "}"
    )


def _json(content: Any) -> str:
    """Write data so that no label in it can end the script element."""
    return json.dumps(content).replace("<", "\\u003c")


def _inside(heading: str, picture: str, name: str) -> str:
    """Return what a compiled function does in one call, folded."""
    heading = f"Inside {heading}"
    content = f"<p>{_TOO_LARGE}</p>"
    if picture:
        image = as_image(picture, heading)
        words = html.escape(_INSIDE.format(name))
        content = f'<div class="picture" tabindex="0">{image}</div><p>{words}</p>'
    return f'<details class="inside"><summary>{html.escape(heading)}</summary>{content}</details>'


def _step(story: Story, scene: Scene, theme: str, direction: str) -> str:
    parts = [f'<p class="sentence">{html.escape(scene.sentence)}</p>']
    if scene.equation:
        parts.append(f'<div class="equation">{scene.equation}</div>')
    if scene.inside and scene.node is not None:
        node, name = story.nodes[scene.node], story.name(scene.node)
        picture = picture_inside(node, story.names, theme or "auto", direction)
        parts.append(_inside(scene.inside, picture, name))
    if scene.check:
        parts.append(_check(scene))
    if scene.chain and scene.node is not None:
        name = html.escape(story.name(scene.node))
        root = html.escape(story.name(len(story.nodes) - 1))
        parts.append(
            f'<details class="chain" data-place="{scene.node}">'
            f"<summary>The whole chain rule, from {root} back to {name}</summary>"
            f'<div class="equation">{scene.chain}</div></details>'
        )
    if scene is story.scenes[-1]:
        parts.append(_table(story))
    return f'<li class="{scene.phase}">\n{"".join(parts)}\n</li>'


_MARKS = {"agrees": "✓", "disagrees": "✗", "unknown": "–"}


def _check(scene: Scene) -> str:
    text = scene.check[:1].upper() + scene.check[1:]
    mark = _MARKS[scene.verdict]
    return f'<p class="check {scene.verdict}"><b>{mark}</b> {html.escape(text)}.</p>'


def _table(story: Story) -> str:
    """Return the gradients that one wants in the end: those of the leaves."""
    root = html.escape(story.name(len(story.nodes) - 1))
    rows = [
        f"<tr><th scope='row'>{html.escape(story.name(place))}</th>"
        f"<td>{brief(node.data)}</td><td>{brief(gradient)}</td></tr>"
        for place, (node, gradient) in enumerate(zip(story.nodes, story.gradients, strict=True))
        if node.is_leaf and gradient is not None
    ]
    return (
        '<div class="results"><table><thead><tr><th scope="col">leaf</th>'
        f'<th scope="col">value</th><th scope="col">∂{root}/∂leaf</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _variables(palette: Palette, scheme: str) -> str:
    """Return a palette as CSS variables."""
    kinds = {f"kind-{name}": colour for name, colour in palette.kinds.items()}
    shades = {f"shade-{number}": colour for number, colour in enumerate(palette.shades)}
    colours = {
        "background": palette.background,
        "text": palette.text,
        "muted": palette.muted,
        "edge": palette.edge,
        "alarm": palette.alarm,
        "alarm-edge": palette.alarm_edge,
        "alarm-text": palette.alarm_text,
        "warning": palette.warning,
        **kinds,
        **shades,
        **_COLOURS[scheme],
    }
    written = "".join(f" --{name}: {colour};" for name, colour in colours.items())
    return f" color-scheme: {scheme};{written} "


_INSIDE = (
    "Here gradients are those of {0} alone: where an input goes in, its gradient is the local "
    "derivative of the call."
)
_TOO_LARGE = "There is nothing to see, or too much for a picture: its listing shows it as text."
_LEGEND = (
    '<details class="legend"><summary>How to read the picture</summary><p>'
    "In each box: the name and the operation, the value (data), the gradient (grad), ▲ if "
    "positive, ▼ if negative. A number such as × 3 at an edge is the local derivative, by which "
    "the gradient is multiplied on its way back. Parameters have a folded corner, inputs two "
    "plugs, constants a dashed outline, the output a double one. A thick arrow carries what the "
    "step is about: on the way back its colour tells the sign, and it is dashed for a negative "
    "gradient.</p></details>"
)
_HINT = (
    '<p class="hint">To walk through these steps one by one, let the scripts run: '
    "in Jupyter, trust the notebook.</p>"
)
