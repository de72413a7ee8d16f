"""Placeholder for the pytest plug-in."""
