"""STAC items: reading and writing."""
