"""Compiled functions on a cluster, with Dask."""
