"""SHSRD: super-resolution of a single hyperspectral image with a conditional diffusion model.

The names below are loaded when first used, so ``import shsrd`` stays light (no torch).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from shsrd.cube import Cube as Cube
    from shsrd.io import open_cube as open_cube
    from shsrd.io import save_cube as save_cube

_HOMES = {
    "Cube": "shsrd.cube",
    "open_cube": "shsrd.io",
    "save_cube": "shsrd.io",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'shsrd' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
