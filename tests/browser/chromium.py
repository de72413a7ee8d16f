"""Where Chromium is, and what to do when it is nowhere."""

from __future__ import annotations

import importlib.util
import os
import shutil

VARIABLE = "STEPGRAD_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def find() -> str | None:
    """Return the path of a Chromium: the one named in the environment, else the first there is."""
    named = os.environ.get(VARIABLE)
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


PLAYWRIGHT_IS_HERE = importlib.util.find_spec("playwright") is not None
CAN_RUN = PLAYWRIGHT_IS_HERE and find() is not None
LEFT_OUT = not CAN_RUN and not os.environ.get("CI")  # there, it is an error
HOW_TO_GET_IT = (
    f"apt install chromium (or name one in {VARIABLE})"
    if PLAYWRIGHT_IS_HERE
    else "pip install --editable '.[dev]'"
)
