"""Containers of named arrays (HDF5, NetCDF, Zarr): finding the scene, its axes, bands and georeferencing."""
