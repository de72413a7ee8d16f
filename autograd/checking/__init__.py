"""Checking gradients: gradcheck, its report, and strategies for property tests."""

from autograd.checking.gradcheck import gradcheck
from autograd.checking.report import GradcheckError, Report

__all__ = ["GradcheckError", "Report", "gradcheck"]
