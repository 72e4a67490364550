"""Products in HDF5 that are recognised by their contents; a new one is an entry of ``PRODUCTS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py

from shsrd.io.products.prisma import is_prisma, open_prisma
from shsrd.io.products.tanager import is_tanager, open_tanager
from shsrd.io.sources import StoredSource


@dataclass(frozen=True)
class Hdf5Product:
    """Reader of one kind of product.

    Attributes:
        matches: returns True if an open file is such a product.
        open: opens its scene, by the open file and the path.
    """

    matches: Callable[[h5py.File], bool]
    open: Callable[[h5py.File, Path], StoredSource]


PRODUCTS = (Hdf5Product(is_prisma, open_prisma), Hdf5Product(is_tanager, open_tanager))


def open_product(file: h5py.File, path: Path) -> StoredSource | None:
    """Scene of an open product, or None if it is none of ``PRODUCTS``."""
    product = next((product for product in PRODUCTS if product.matches(file)), None)
    return None if product is None else product.open(file, path)
