"""Pictures of computation graphs."""

from autograd.drawing.picture import Picture, draw
from autograd.drawing.render import RenderingError

__all__ = ["Picture", "RenderingError", "draw"]
