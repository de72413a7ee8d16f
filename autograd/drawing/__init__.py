"""Pictures of computation graphs, and walks through them."""

from autograd.drawing.picture import Picture, draw
from autograd.drawing.render import RenderingError
from autograd.drawing.stepper import Stepper, stepper

__all__ = ["Picture", "RenderingError", "Stepper", "draw", "stepper"]
