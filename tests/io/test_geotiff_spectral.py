"""Wavelengths of a GeoTIFF from several places: units that differ, disagreement, dimensions of a NetCDF before."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from shsrd.io import open_cube, save_cube

NM = [450.0, 500.0, 550.0, 600.0, 650.0, 700.0]
STORED = np.arange(100, 100 + 6 * 4 * 5, dtype=np.uint16).reshape(6, 4, 5)
PLACE = Affine(10, 0, 500000, 0, -10, 5000000)


@pytest.fixture
def write(tmp_path):
    def make(*, tags=None, imagery=None, names=(), common=None, stored=STORED, **options):
        path = tmp_path / "scene.tif"
        size = {"count": len(stored), "height": 4, "width": 5, "dtype": stored.dtype.name}
        with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", transform=PLACE, **size, **options) as dataset:
            for band in dataset.indexes:
                dataset.update_tags(band, **(tags[band - 1] if tags else {}))
                dataset.update_tags(band, ns="IMAGERY", **(imagery[band - 1] if imagery else {}))
                if names:
                    dataset.set_band_description(band, names[band - 1])
            dataset.update_tags(**(common or {}))
            dataset.write(stored)
        return path

    return make


def tagged(units, numbers=NM):
    return [
        {"wavelength": repr(n)} | ({} if u is None else {"wavelength_units": u})
        for n, u in zip(numbers, units, strict=True)
    ]


def test_units_may_differ_between_bands(write):
    """VNIR in nanometres beside SWIR in micrometres."""
    tags = tagged(["Nanometers"] * 3 + ["Micrometers"] * 3, [*NM[:3], 0.6, 0.65, 0.7])
    tags = [tag | {"fwhm": "10" if band < 3 else "0.01"} for band, tag in enumerate(tags)]
    scene = open_cube(write(tags=tags))
    assert scene.wavelength_nm.tolist() == NM
    assert scene.fwhm_nm.tolist() == [10.0] * 6
    assert scene.notes == ()


def test_a_unit_that_some_bands_do_not_name_is_noted(write):
    scene = open_cube(write(tags=tagged(["nm"] * 5 + [None])))
    assert scene.wavelength_nm.tolist() == NM
    assert scene.notes == ("1 of 6 bands name no unit of wavelength; that of the others (nm) is assumed.",)


def test_units_that_are_none_are_noted(write):
    scene = open_cube(write(tags=tagged(["nm"] * 5 + ["parsec"])))
    assert scene.wavelength_nm is None
    assert "differ between bands (nm, parsec)" in scene.notes[0]


def test_unit_in_the_singular_or_in_the_number(write):
    tags = [{"WAVELENGTH": str(nm), "WAVELENGTH_UNIT": "nm"} for nm in NM]
    assert open_cube(write(tags=tags)).notes == ()
    scene = open_cube(write(tags=[{"wavelength": f"{nm / 1000:.2f} um"} for nm in NM]))
    assert scene.wavelength_nm.tolist() == NM
    assert scene.notes == ()


def imagery(shift=0.0):
    return [{"CENTRAL_WAVELENGTH_UM": f"{(nm + shift) / 1000:.3f}"} for nm in NM]


def test_places_that_agree_are_not_noted(write):
    scene = open_cube(write(tags=tagged(["nm"] * 6), imagery=imagery(), names=[f"{nm:.0f} nm" for nm in NM]))
    assert scene.wavelength_nm.tolist() == NM
    assert scene.notes == ()


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"imagery": imagery(100)}, "IMAGERY tags"),
        ({"names": [f"{nm + 100:.0f} nm" for nm in NM]}, "band names"),
        ({"common": {"wavelength": "{550, 600, 650, 700, 750, 800}"}}, "the list for all bands"),
    ],
)
def test_disagreement_is_noted(write, told, where):
    scene = open_cube(write(tags=tagged(["nm"] * 6), **told))
    assert scene.wavelength_nm.tolist() == NM
    assert [note for note in scene.notes if "450 nm" in note] == [
        f"Band 1 has 450 nm in tags of the bands and 550 nm in {where}; tags of the bands are used."
    ]


def test_names_that_tell_only_some_wavelengths_refuse_nothing(write):
    scene = open_cube(write(names=["coastal 443nm", "490", "560", "665", "705", "842"]))
    assert scene.wavelength_nm is None
    assert scene.notes == ("only 1 of 6 bands have a wavelength in their names: none is used.",)


@pytest.mark.parametrize("each", [True, False])
def test_files_that_gdal_made_of_netcdf(write, each):
    common = {"NETCDF_DIM_EXTRA": "{wavelength}", "wavelength#units": "um"}
    common["NETCDF_DIM_wavelength_VALUES"] = "{" + ",".join(str(nm / 1000) for nm in NM) + "}"
    tags = [{"NETCDF_DIM_wavelength": str(nm / 1000), "NETCDF_VARNAME": "r"} for nm in NM] if each else None
    scene = open_cube(write(common=common, tags=tags))
    assert scene.wavelength_nm == pytest.approx(NM, rel=1e-12)
    assert scene.notes == ()


def test_other_dimensions_are_no_wavelengths(write):
    tags = [{"NETCDF_DIM_time": str(band)} for band in range(6)]
    assert open_cube(write(tags=tags, common={"time#units": "days since 2000-01-01"})).wavelength_nm is None


def test_a_map_info_of_another_grid_is_noted_and_not_written_again(write, tmp_path):
    stale = "{UTM, 1, 1, 499000, 5000000, 5, 5, 33, North, WGS-84}"
    scene = open_cube(write(common={"map_info": stale}))
    assert scene.transform == PLACE
    assert len(scene.notes) == 1
    assert "contradicts the transform (origin 500000, 5000000, pixel 10, -10)" in scene.notes[0]
    save_cube(scene, tmp_path / "again.tif")
    again = open_cube(tmp_path / "again.tif")
    assert (again.transform, again.notes, dict(again.headers)) == (PLACE, (), {})


def test_a_map_info_of_the_same_grid_is_fine(write):
    scene = open_cube(write(common={"map_info": "{UTM, 1.5, 1.5, 500005, 4999995, 10, 10, 33, North, WGS-84}"}))
    assert scene.notes == ()


@pytest.mark.parametrize("name", ["mask", "Data mask", "dataMask"])
def test_a_mask_by_name_is_no_band(write, name):
    stored = STORED.copy()
    stored[:, :, :2] = 0
    mask = np.where(stored[:1] == 0, 0, 1).astype(np.uint16)
    scene = open_cube(write(stored=np.concatenate([stored, mask]), names=[*"abcdef", name]))
    assert scene.pixels.shape == (6, 4, 5)
    assert np.isnan(scene.pixels[:, :, :2]).all()
    assert np.isfinite(scene.pixels[:, :, 2:]).all()
