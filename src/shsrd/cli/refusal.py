"""What is said when something cannot be done."""

from __future__ import annotations

from pydantic import ValidationError


def sentence(error: Exception) -> str:
    """One line for a person: what is wrong and what to do."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"]).replace("_", "-")
        return f"--{option}: {first['msg'].lower()} (given: {first.get('input')!r})"
    if isinstance(error, MemoryError):
        return "not enough memory for this scene; crop it or use a machine with more"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or 'cannot be used').lower()}; check the path and the rights"
    return " ".join(str(error).split())
