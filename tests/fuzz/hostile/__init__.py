"""Hostile files: small real files, damaged by number, opened under limits. ``benchmarks/fuzz.py`` is the command."""
