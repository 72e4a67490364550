"""Zarr stores: reading and writing."""
