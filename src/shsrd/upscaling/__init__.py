"""Geometry, memory, tiles: from a low-resolution scene to a high-resolution one."""
