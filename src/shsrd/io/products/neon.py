"""NEON reflectance files (HDF5): path of the scene, and bands of water vapour.

Layout: NEON.DOC.001211, "NEON Imaging Spectrometer Radiance to Reflectance", and the published tiles.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from shsrd.cube import SceneMetadata


def neon_dataset_path(file: h5py.File) -> str | None:
    """The path of the scene; tiles also hold a quality picture with three axes."""
    paths = [f"{site}/Reflectance/Reflectance_Data" for site in file]
    return next((path for path in paths if path in file), None)


def mask_water_bands(metadata: SceneMetadata, group: h5py.Group) -> SceneMetadata:
    """Bands within ``Band_Window_1/2_Nanometers`` of the scene's group (water vapour) are bad."""
    if metadata.wavelength_nm is None:
        return metadata
    good = np.array(metadata.good_bands)
    for number in (1, 2):
        window: Any = group.attrs.get(f"Band_Window_{number}_Nanometers")
        if window is not None and np.size(window) == 2:
            low, high = (float(edge) for edge in np.ravel(window))
            good &= ~((metadata.wavelength_nm >= low) & (metadata.wavelength_nm <= high))
    return metadata.replace(good_bands=good)
