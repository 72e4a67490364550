"""Scenes in self-describing containers (HDF5, NetCDF, Zarr): array, wavelengths and georeference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shsrd.cube import SceneMetadata, Storage
from shsrd.io.container.axes import Axes, find_axes
from shsrd.io.container.axis_names import named_axes
from shsrd.io.container.band_variables import stack_band_variables
from shsrd.io.container.georeferencing import read_georeference
from shsrd.io.container.group import HEADERS, Array, Container
from shsrd.io.container.named_arrays import choose_array
from shsrd.io.container.packing import Packing, packing_of
from shsrd.io.container.spectral_axis import band_metadata, candidate_band_counts
from shsrd.io.container.squeeze import squeeze_to_3d
from shsrd.io.sources import StoredSource, array_reader


def source_from_container(
    container: Container, *, dataset: str | None, wavelengths: str | None, axes: str | None
) -> StoredSource:
    """The scene of a container, read when asked for.

    The axis order comes from ``axes``, else from the names of the axes, else from the number of wavelengths,
    else it is ``(y, x, band)``.

    Args:
        container: the container.
        dataset: path or unique last name of the scene; or what the names of its bands begin with.
        wavelengths: path or unique last name of the list of wavelengths.
        axes: order of the axes, such as ``"byx"``.

    Raises:
        SceneError: no scene, several scenes, or contents that contradict each other.
    """
    container, stacked = stack_band_variables(container, dataset)
    name = _scene(container, dataset)
    scene = _with_three_axes(container, name)
    found = _axes_of(container, name, scene, wavelengths=wavelengths, axes=axes)
    order = found.order
    bands, rows, columns = (scene.shape[axis] for axis in order)
    listed = band_metadata(container, name, bands=bands, axis=scene.dims[order[0]], requested=wavelengths)
    georeference = read_georeference(container, name, scene, order)
    packing = packing_of(scene)
    metadata = SceneMetadata(
        (bands, rows, columns),
        wavelength_nm=listed.lists.wavelength_nm,
        fwhm_nm=listed.lists.fwhm_nm,
        good_bands=listed.good,
        band_names=listed.names,
        crs=georeference.crs,
        transform=georeference.transform,
        storage=packing.storage,
        headers=_headers(container, scene),
        source=container.source,
        notes=(*stacked, *found.notes, *listed.notes, *georeference.notes, *packing.notes),
    )
    return replace(_source(packing, order, metadata), name=name)


def _with_three_axes(container: Container, name: str) -> Array:
    """Checked array of the scene without spare axes of one entry."""
    array = container.arrays[name]
    array.check()
    return array.squeezed(squeeze_to_3d(array.shape, array.dims, name=name, source=container.source))


def _scene(container: Container, dataset: str | None) -> str:
    shapes = {path: array.shape for path, array in container.arrays.items() if array.dtype.kind in "iufbcV"}
    wanted = None if dataset is None else container.resolve_path(dataset)
    return choose_array(shapes, wanted=wanted, option="dataset", source=container.source)


def _axes_of(container: Container, name: str, scene: Array, *, wavelengths: str | None, axes: str | None) -> Axes:
    """At which axes band, y and x lie; without words the first list of wavelengths that fits one axis tells."""
    spoken = axes or named_axes(scene.dims)
    counts = [] if spoken else candidate_band_counts(container, name, wavelengths)
    bands = next((count for count in counts if count in scene.shape), None)
    return find_axes(scene.shape, bands=bands, axes=spoken, source=container.source)


def _source(packing: Packing, order: tuple[int, int, int], metadata: SceneMetadata) -> StoredSource:
    """The source of packed numbers; bands with their own scales come as float32."""
    source = source_of_array(packing.array, order, metadata)
    if not packing.bands:
        return source
    own = [replace(packing.storage, scale=scale, offset=offset) for scale, offset in packing.bands]
    if len(own) != metadata.shape[0]:
        said = f"{len(own)} scale factors for {metadata.shape[0]} bands; stored numbers are used as they are."
        plain = replace(packing.storage, scale=1.0, offset=0.0)
        return replace(source, metadata=metadata.replace(storage=plain).with_notes(said))
    unscaled = metadata.with_notes("The bands have different scale factors; the pixels come as float32 without them.")
    return replace(source, metadata=unscaled.replace(storage=Storage("float32")), band_storage=own)


def source_of_array(scene: Array, order: Sequence[int], metadata: SceneMetadata) -> StoredSource:
    """A source of one array of a container; whole chunks are the cheapest rows.

    Args:
        scene: the array, checked.
        order: at which of its axes band, y and x lie.
        metadata: what is known of it.

    Raises:
        SceneError: numbers that cannot be pixels.
    """
    numbers = array_reader(scene.read_block, order, dtype=scene.dtype, source=metadata.source)
    step = 1 if scene.chunks is None else scene.chunks[order[1]]
    return StoredSource(metadata, numbers, min(step, metadata.shape[1]))


def _headers(container: Container, scene: Array) -> dict[str, str]:
    """The file's own attributes, and our own JSON of header keys; bookkeeping (leading underscore) stays behind."""
    plain = {k: str(v) for k, v in container.attributes.items() if not k.startswith("_") and np.size(v) == 1}
    own = plain.pop(HEADERS, scene.attributes.get(HEADERS))
    return plain if own is None else {str(k): str(v) for k, v in json.loads(own).items()}
