"""Compiling: a function of scalars is traced, and run on whole batches at machine speed."""

from autograd.compiled.code import Code
from autograd.compiled.program import Program, compile
from autograd.compiled.trace import TracingError

__all__ = ["Code", "Program", "TracingError", "compile"]
