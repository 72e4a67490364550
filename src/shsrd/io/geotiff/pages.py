"""A TIFF with one band a page (stacks of ImageJ, exports of snapshot cameras), seen as one image of many bands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from shsrd.cube import SceneError
from shsrd.io.file_checks import check_size
from shsrd.io.gdal_open import bits_of, open_page

_MAX_PAGES = 4096
_MAX_NAME_LENGTH = 60


def stack_pages(dataset: Any, path: Path) -> tuple[Any, tuple[str, ...]]:
    """The file itself, or all its pages as bands where it has one band a page; and notes on pages that are not read.

    Args:
        dataset: the open first page.
        path: the file.

    Raises:
        SceneError: more pages than any scene has bands, or pages that the file cannot hold.
    """
    names = dataset.subdatasets
    if len(names) < 2:
        return dataset, ()
    if dataset.count > 1:
        return dataset, (f"the file has {len(names)} pages: the first one with its {dataset.count} bands is read.",)
    if len(names) > _MAX_PAGES:
        raise SceneError(f"{path}: {len(names)} pages, at most {_MAX_PAGES} are read; stack them as bands of one image")
    pages = [_Page.of(path, name) for name in names]
    alike = [page for page in pages if page.kind == pages[0].kind]
    if len(alike) < 2:
        return dataset, (f"the file has {len(names)} pages of different sizes: the first one is read.",)
    check_size(path, len(alike) * dataset.width * dataset.height * bits_of(dataset) // 8)
    left = len(names) - len(alike)
    notes = (f"{left} of {len(names)} pages are of another size or type: left out of the scene.",) if left else ()
    return Pages(path, dataset, alike), notes


class _Page:
    """One page: GDAL's name of it, what it must have in common with the others, and its own name."""

    def __init__(self, name: str, dataset: Any) -> None:
        self.name = name
        self.kind = (dataset.shape, dataset.count, dataset.dtypes[0])
        text = dataset.descriptions[0] or dataset.tags().get("TIFFTAG_IMAGEDESCRIPTION", "")
        plain = text.isprintable() and len(text) <= _MAX_NAME_LENGTH and not text.startswith(("{", "<", "ImageJ"))
        self.text = text if plain else ""

    @classmethod
    def of(cls, path: Path, name: str) -> _Page:
        """A page by GDAL's name."""
        with closing(open_page(path, name)) as dataset:
            return cls(name, dataset)


class Pages:
    """Stack of pages with the interface of a rasterio dataset; other attributes are those of the first page.

    Pages are opened one after the other when they are read: a process may not have as many files open.
    """

    def __init__(self, path: Path, first: Any, pages: Sequence[_Page]) -> None:
        self._path, self._first, self._pages = path, first, pages
        self.count = len(pages)
        self.indexes = tuple(range(1, self.count + 1))
        self.dtypes = (first.dtypes[0],) * self.count
        self.descriptions = tuple(page.text for page in pages)
        self.colorinterp = (ColorInterp.gray,) * self.count
        self.scales, self.offsets = (first.scales * self.count, first.offsets * self.count)
        self.nodatavals = first.nodatavals * self.count
        self.block_shapes = first.block_shapes * self.count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)

    def tags(self, band: int = 0, ns: str | None = None) -> dict[str, str]:
        """Tags of the first page; a page has none as a band, but the layout of its numbers."""
        layout = ns == "IMAGE_STRUCTURE"
        return dict(self._first.tags(1 if band else 0, ns=ns)) if layout or not band else {}

    def get_tag_item(self, name: str, ns: str, *, bidx: int) -> str | None:
        """One item of GDAL's metadata of a page."""
        with closing(open_page(self._path, self._pages[bidx - 1].name)) as dataset:
            found = dataset.get_tag_item(name, ns, bidx=1)
            return None if found is None else str(found)

    def read(self, indexes: Sequence[int] | int | None = None, *, window: Window) -> NDArray[np.generic]:
        """Stored numbers ``(band, y, x)`` of some bands, ``(y, x)`` of one."""
        if isinstance(indexes, int):
            return self._page(indexes, window)
        return np.stack([self._page(band, window) for band in indexes or self.indexes])

    def _page(self, band: int, window: Window) -> NDArray[np.generic]:
        with closing(open_page(self._path, self._pages[band - 1].name)) as dataset:
            return np.asarray(dataset.read(1, window=window))
