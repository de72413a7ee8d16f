"""Paths on a surface that grow step by step: as a GIF, and as a page with play and pause."""

import base64
import functools
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from autograd.files import write_whole
from autograd.optional import needed
from autograd.plotting import DARK, LIGHT, Bundle, Theme, as_png, suffix_of
from optim.path_picture import PathPicture, picture
from optim.paths import RUNNERS, Point, Surface

SUFFIXES = (".gif", ".html")
FRAMES, MILLISECONDS, LAST = 90, 80, 3000
"""How many frames a GIF has, how long each is shown, and the last."""

_GIF_DPI = 72
_EASE = 1.7  # the first steps are the longest, and shown the slowest


class PathAnimation:
    """Paths that grow step by step; it shows itself in a notebook and saves itself.

    Attributes:
        surface: where they are.
        paths: the points of each, by the names in `optim.paths.RUNNERS`.
        theme: the colours of the GIF.
    """

    def __init__(
        self, surface: Surface, paths: Mapping[str, Sequence[Point]], theme: Theme = LIGHT
    ) -> None:
        self.surface = surface
        self.paths = paths
        self.theme = theme

    @functools.cached_property
    def gif(self) -> bytes:
        """The content of a GIF file, which plays again and again."""
        frames = _frames(picture(self.surface, self.paths, self.theme))
        content = io.BytesIO()
        durations = [MILLISECONDS] * (len(frames) - 1) + [LAST]
        frames[0].save(
            content, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
        )
        return content.getvalue()

    @functools.cached_property
    def html(self) -> str:
        """A page that needs nothing else: no network, no other file."""
        light, dark = (picture(self.surface, self.paths, theme) for theme in (LIGHT, DARK))
        return _page(self.surface, light, dark)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the animation to a file, whole or not at all, and return its path.

        Args:
            path: a file name that ends in .gif or .html.

        Raises:
            ValueError: for any other suffix.
            ImportError: if matplotlib is not installed.
            OSError: if the file can't be written.
        """
        suffix = suffix_of(path, SUFFIXES)
        return write_whole(path, self.gif if suffix == ".gif" else self.html.encode())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        try:
            still = as_png(picture(self.surface, self.paths, self.theme).figure)
            frame = (
                '<iframe title="An animation of optimizers" width="100%" height="640" '
                f'style="border: 0" srcdoc="{html.escape(self.html)}"></iframe>'
            )
            shown = {"text/html": frame, "image/png": still, "text/plain": repr(self)}
            return shown, {"image/png": {"alt": f"the paths of {', '.join(self.paths)}"}}
        except Exception as error:  # a notebook shows the text instead
            return {"text/plain": f"{self!r} can't be drawn: {error}"}, {}

    def __repr__(self) -> str:
        """Say what the animation shows."""
        return f"<PathAnimation: the paths of {', '.join(self.paths)}>"


# The GIF ----------------------------------------------------------------------------------------


def _frames(drawn: PathPicture) -> list[Any]:
    """Return the frames as images of Pillow: the paths as they grow, at last with their names."""
    figure = drawn.figure
    canvas = needed("matplotlib.backends.backend_agg", "a GIF").FigureCanvasAgg(figure)
    figure.set_dpi(_GIF_DPI)
    canvas.draw()
    last = _image(canvas)
    # Of Pillow's methods, this one maps the ground to the same colour in all frames.
    octree = needed("PIL.Image", "a GIF", package="pillow").Quantize.FASTOCTREE
    palette = last.quantize(256, octree, dither=0)
    growing = _growing_lines(drawn)
    for artist in [*drawn.names, *(line for line, _, _ in growing)]:
        artist.set_visible(False)
    clock = drawn.above.text(
        0.98, 0.02, "", color=drawn.theme.ink, fontsize=15, fontweight="bold", ha="right",
        va="bottom", transform=drawn.above.transAxes, visible=False,
    )  # fmt: skip
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    for artist in [clock, *(line for line, _, _ in growing)]:
        artist.set_visible(True)
    frames = []
    for step in _steps_shown(max(len(path) for path in drawn.paths.values()) - 1):
        canvas.restore_region(ground)
        clock.set_text(f"step {step}")
        drawn.above.draw_artist(clock)
        for line, path, is_head in growing:
            seen = path[: step + 1]
            line.set_data(*zip(*(seen[-1:] if is_head else seen), strict=True))
            line.axes.draw_artist(line)
        frames.append(_image(canvas).quantize(palette=palette, dither=0))
    return [*frames, palette]


def _steps_shown(steps: int) -> list[int]:
    """Return the steps that have a frame, rising from 0 to the last.

    >>> shown = _steps_shown(1000)
    >>> shown[:5], shown[-2:]
    ([0, 2, 3, 5, 7], [981, 1000])
    """
    return sorted({round(steps * (k / FRAMES) ** _EASE) for k in range(FRAMES + 1)})


def _growing_lines(drawn: PathPicture) -> list[tuple[Any, Sequence[Point], bool]]:
    """Return each path's line and the mark at its head, with the path, on both axes."""
    growing: list[tuple[Any, Sequence[Point], bool]] = []
    for axes, paths in ((drawn.above, drawn.paths), (drawn.beside, drawn.heights)):
        lines = {line.get_label(): line for line in axes.lines}
        for name, path in paths.items():
            lines[name].set_marker("")
            growing.append((lines[name], path, False))
        for name, path in paths.items():
            look = RUNNERS[name].look
            [head] = axes.plot(
                [], [], marker=look.mark, color=look.color_on(drawn.theme), markersize=10,
                markeredgecolor=drawn.theme.ground, zorder=7,
            )  # fmt: skip
            growing.append((head, path, True))
    return growing


def _image(canvas: Any) -> Any:
    image = needed("PIL.Image", "a GIF", package="pillow")
    return image.fromarray(needed("numpy", "a GIF").asarray(canvas.buffer_rgba())).convert("RGB")


# The page ---------------------------------------------------------------------------------------


def _page(surface: Surface, light: PathPicture, dark: PathPicture) -> str:
    width, height = (round(72.0 * inches) for inches in light.figure.get_size_inches())
    names = ", ".join(light.paths)
    text = f"{surface.name}: the paths of {names}, step by step"
    return _PAGE.substitute(
        title=html.escape(text),
        width=width,
        height=height,
        ground_light=LIGHT.ground,
        ground_dark=DARK.ground,
        ink_light=LIGHT.ink,
        ink_dark=DARK.ink,
        light=_backdrop(light),
        dark=_backdrop(dark),
        panels="".join(
            _panel(number, axes, paths, light)
            for number, (axes, paths) in enumerate(
                ((light.above, light.paths), (light.beside, light.heights))
            )
        ),
        steps=max(len(path) for path in light.paths.values()) - 1,
    )


def _backdrop(drawn: PathPicture) -> str:
    """Return all but the paths and the names beside them, as an address with a PNG in it."""
    names = set(drawn.paths)
    lines = [
        line
        for axes in (drawn.above, drawn.beside)
        for line in axes.lines
        if line.get_label() in names
    ]
    for artist in [*drawn.names, *lines]:
        artist.set_visible(False)
    return "data:image/png;base64," + base64.b64encode(as_png(drawn.figure)).decode()


def _panel(number: int, axes: Any, paths: Mapping[str, Sequence[Point]], drawn: PathPicture) -> str:
    """Return the paths on some axes as SVG, cut off where the axes end."""
    scale = 72.0 / drawn.figure.dpi
    box = axes.bbox
    top = drawn.figure.bbox.height
    frame = [box.x0 * scale, (top - box.y1) * scale, box.width * scale, box.height * scale]
    x, y, width, height = (f"{number:.1f}" for number in frame)
    lines = "".join(_line(axes, name, path, scale, top) for name, path in paths.items())
    return (
        f'<clipPath id="panel{number}"><rect x="{x}" y="{y}" width="{width}" height="{height}"/>'
        f'</clipPath><g clip-path="url(#panel{number})">{lines}</g>'
    )


_DASHES = {"-": "none", "--": "7 3", "-.": "8 3 2 3", ":": "2 3"}


def _line(axes: Any, name: str, path: Sequence[Point], scale: float, top: float) -> str:
    look = RUNNERS[name].look
    points = [(x * scale, (top - y) * scale) for x, y in axes.transData.transform(path)]
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<g style="--light:{look.light};--dark:{look.dark}"><path class="way" d="M{way}" '
        f'stroke-dasharray="{_DASHES[look.dashes]}"/><path class="head" d="{_shape(look.mark)}" '
        f'transform="translate({x:.1f} {y:.1f})"><title>{html.escape(name)}</title></path></g>'
    )


def _shape(mark: str, radius: float = 5.0) -> str:
    """Return the outline of one of matplotlib's marks as SVG."""
    marker = needed("matplotlib.markers", "a plot").MarkerStyle(mark)
    outline = marker.get_path().transformed(marker.get_transform())
    [polygon, *_] = outline.to_polygons()
    scale = radius / abs(polygon).max()
    return "M" + "L".join(f"{x * scale:.2f} {-y * scale:.2f}" for x, y in polygon) + "Z"


_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;\
 style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ground: $ground_light; --ink: $ink_light; }
.way, .head { --color: var(--light); }
@media (prefers-color-scheme: dark) {
  :root { --ground: $ground_dark; --ink: $ink_dark; }
  .way, .head { --color: var(--dark); }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.4 sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 8px; }
.stage { position: relative; }
.stage img { display: block; width: 100%; height: auto; }
.stage svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.way { fill: none; stroke: var(--color); stroke-width: 1.6; stroke-linejoin: round; }
.head { fill: var(--color); stroke: var(--ground); stroke-width: 1; }
.controls { display: flex; gap: 12px; align-items: center; padding: 4px 8px; }
.controls[hidden] { display: none; }
.controls input { flex: 1; min-width: 60px; accent-color: #0072b2; }
.controls button { font: inherit; min-width: 6em; padding: 4px 12px; }
.controls output { min-width: 6em; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<main>
<div class="stage">
<picture>
<source srcset="$dark" media="(prefers-color-scheme: dark)">
<img src="$light" alt="$title" width="$width" height="$height">
</picture>
<svg viewBox="0 0 $width $height" aria-hidden="true">$panels</svg>
</div>
<div class="controls" hidden>
<button type="button" id="play">Pause</button>
<input type="range" id="slider" min="0" max="$steps" value="0" aria-label="step">
<output id="clock" for="slider">step 0</output>
</div>
</main>
<script>
"use strict";
const steps = $steps, seconds = 14, ease = 1.7;
const slider = document.getElementById("slider");
const button = document.getElementById("play");
const clock = document.getElementById("clock");
const lines = Array.from(document.querySelectorAll("svg g[style]"), group => {
  const [way, head] = group.children;
  return { way, head, points: way.getAttribute("d").slice(1).split("L") };
});
let playing = false, share = 0, before = null;

function show(step) {
  for (const { way, head, points } of lines) {
    const seen = points.slice(0, step + 1);
    way.setAttribute("d", "M" + seen.join("L"));
    head.setAttribute("transform", "translate(" + seen[seen.length - 1] + ")");
  }
  slider.value = step;
  clock.value = "step " + step;
}

function tick(now) {
  if (!playing) return;
  share = Math.min(1, share + (before === null ? 0 : now - before) / (1000 * seconds));
  before = now;
  show(Math.round(steps * share ** ease));
  if (share === 1) pause(); else requestAnimationFrame(tick);
}

function play() {
  if (share === 1) share = 0;
  playing = true;
  before = null;
  button.textContent = "Pause";
  requestAnimationFrame(tick);
}

function pause() {
  playing = false;
  button.textContent = share === 1 ? "Again" : "Play";
}

button.addEventListener("click", () => playing ? pause() : play());
slider.addEventListener("input", () => {
  share = (slider.value / steps) ** (1 / ease);
  pause();
  show(Number(slider.value));
});
document.querySelector(".controls").hidden = false;
if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
  share = 1;
  pause();
  show(steps);
} else {
  play();
}
</script>
</body>
</html>
""")
