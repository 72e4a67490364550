"""Cloud optimised GeoTIFF: a GeoTIFF first, then GDAL's copy of it in the order that readers behind a network like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata
from shsrd.io.compression import DEFAULT, Compression, cog_options, threads
from shsrd.io.geotiff.write import TILE, GeotiffSink, check_complete, gdal_limits, overview_factors

_BLOCK_BYTES = 2**24  # GDAL before 3.11 knows only blocks that hold all bands: a reader of one band unpacks them


class CogSink:
    """A cloud optimised GeoTIFF; the plain one lies beside it until it is complete."""

    def __init__(
        self,
        part: Path,
        metadata: SceneMetadata,
        *,
        compress: Compression = DEFAULT,
        geolocation_tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._part, self._metadata, self._compress = part, metadata, compress
        self._domains = {"copy_src_mdd": "YES"} if geolocation_tags else {}
        self._plain = part.with_name(f"plain {part.name}")
        self._sink = GeotiffSink(
            self._plain, metadata, compress=compress, for_cog=True, geolocation_tags=geolocation_tags
        )

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self._sink.write_block(stored, row, column)

    def finish(self) -> None:
        """Complete the plain file, copy it, and make sure that the copy is whole."""
        self._sink.finish()
        with gdal_limits():
            rasterio.shutil.copy(
                self._plain,
                self._part,
                driver="COG",
                blocksize=block_size(self._metadata),
                overviews="FORCE_USE_EXISTING",
                bigtiff="IF_SAFER",
                num_threads=threads(),
                **cog_options(self._compress),
                **self._domains,
            )
            check_complete(self._part, overviews=len(overview_factors(self._metadata, longer_than=TILE)))

    def abort(self) -> None:
        """Close the plain file."""
        self._sink.abort()


def block_size(metadata: SceneMetadata) -> int:
    """Side of the square blocks, in pixels: as large as a plain GeoTIFF's unless many bands make them heavy."""
    bytes_a_pixel = metadata.shape[0] * np.dtype(metadata.storage.dtype).itemsize
    return next((side for side in (TILE, TILE // 2) if side**2 * bytes_a_pixel <= _BLOCK_BYTES), TILE // 4)
