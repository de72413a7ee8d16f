"""Placeholder for the hypothesis plug-in."""
