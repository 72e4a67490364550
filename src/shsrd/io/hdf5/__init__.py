"""HDF5 and NetCDF files: reading, and writing NetCDF 4."""
