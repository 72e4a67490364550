"""ENVI files: header and image."""
