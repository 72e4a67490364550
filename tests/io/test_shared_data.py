"""Every real file opens as it is, or is refused with one clear sentence. Truth was found by hand in each file."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from rasterio.crs import CRS

from shsrd.cube import SceneError, Storage
from shsrd.io import bounds, describe, open_cube, save_cube

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class Truth:
    """What a file holds: (bands, rows, columns), first and last wavelength, bands without data, bad bands."""

    shape: tuple[int, int, int]
    nm: tuple[float, float] | None
    storage: Storage
    empty: tuple[int, ...] = ()
    bad: int = 0
    epsg: int | None = None
    variable: str | None = None
    fwhm: float | None = None
    corner: tuple[float, float] | None = None


_DOUBLE, _INT16, _UINT16 = Storage("float64"), Storage("int16"), Storage("uint16")
_HYSU = Storage("int16", 1e-4, 0.0, 15000)
_ENMAP = Storage("int16", 1e-4, 0.0, -32768)
_NO_DATA_BANDS = tuple(range(129, 135))
_BAVARIA = Truth(
    (232, 50, 50),
    (424.709991, 2316.679932),
    Storage("int16", nodata=-9999),
    epsg=32633,
    corner=(340998.025, 5396656.747),
)
_EMIT = Truth(
    (285, 10, 10),
    (381.0055927, 2492.9238809),
    Storage("float32", nodata=-9999),
    bad=41,
    fwhm=8.415000000000001,
)
_ANG = Truth((425, 10, 10), (376.86, 2500.54), Storage("float32"), fwhm=5.57)
_CORN = Truth((580, 31, 43), (366.551, 1048.421), _UINT16)
_CUBUS = Truth((189, 25, 10), (426.820007, 2324.909912), Storage("float32"), fwhm=11.3871)
_JASPER = Truth((198, 100, 100), (399.369995, 2457.23999), Storage("int16", 1e-4), fwhm=9.53)
_FULL = Truth((135, 86, 123), (417.4, 902.79), _HYSU, epsg=32632, fwhm=4.76, corner=(669639.6, 5328106.0))
_SMALL = Truth((135, 12, 12), (417.4, 902.79), _HYSU, epsg=32632, fwhm=4.76, corner=(669667.6, 5328091.3))

OPEN = {
    "formats/Bavaria_farmland_LMU_Hyspex_subset.bsq": _BAVARIA,
    "formats/Bavaria_farmland_LMU_Hyspex_subset.hdr": _BAVARIA,
    "formats/Full.hdr": _FULL,
    "formats/Full.tif": _FULL,
    "formats/Small.hdr": _SMALL,
    "formats/Small.tif": _SMALL,
    "formats/NEON_D01_HARV_reflectance_crop.tif": Truth((426, 40, 40), None, _INT16, corner=(726491.0, 4699078.4)),
    "formats/a_hsi_img_for_VI_demo.mat": Truth((224, 90, 90), (365.910004, 2496.219971), _INT16),
    "formats/ang20170323t202244_rdn_7000-7010": _ANG,
    "formats/ang20170323t202244_rdn_7000-7010.hdr": _ANG,
    "formats/corn-kernel-hyperspectral.hdr": _CORN,
    "formats/corn-kernel-hyperspectral.raw": _CORN,
    "formats/cubus_gamsberg_subset": _CUBUS,
    "formats/cubus_gamsberg_subset.hdr": _CUBUS,
    "formats/emit20250324t221005_jpl_unmix_ex": _EMIT,
    "formats/emit20250324t221005_jpl_unmix_ex.hdr": _EMIT,
    "formats/enmap_potsdam_tile_128_128.tif": Truth(
        (224, 32, 32),
        (418.24, 2445.53),
        Storage("float32", 1e-4, 0.0, -32768),
        _NO_DATA_BANDS,
        6,
        32633,
        fwhm=6.99561,
        corner=(366015.0, 5806125.0),
    ),
    "formats/neonhs_ex.h5": Truth(
        (426, 30, 30),
        (383.5343017578125, 2511.89453125),
        Storage("int32", 1e-4, 0.0, -9999),
        epsg=32611,
        corner=(257000.0, 4112000.0),
    ),
    "formats/pavia_taef_v73.mat": Truth((102, 100, 100), None, _DOUBLE),
    "formats/salton_sea_roi.mat": Truth(
        (224, 51, 56),
        (365.9136593, 2496.2236593),
        _DOUBLE,
        (*range(107, 113), *range(153, 167)),
        20,
        variable="I",
    ),
    "hsi/eval/Pavia_lzw_v5.mat": Truth((102, 100, 100), None, _DOUBLE),
    "hsi/eval/enmap_potsdam_A.nc": Truth(
        (224, 64, 96),
        (418.24, 2445.53),
        _ENMAP,
        _NO_DATA_BANDS,
        0,
        32633,
        fwhm=6.99561,
        corner=(364095.0, 5809965.0),
    ),
    "hsi/eval/hydice_80x100x162.mat": Truth((162, 80, 100), None, _UINT16),
    "hsi/eval/jasperRidge2_R198.hdr": _JASPER,
    "hsi/eval/jasperRidge2_R198.img": _JASPER,
    "hsi/train/abu-airport-1.mat": Truth((205, 100, 100), None, _UINT16),
    "hsi/train/abu-airport-2.mat": Truth((205, 100, 100), None, _DOUBLE),
    "hsi/train/abu-airport-3.mat": Truth((205, 100, 100), None, _DOUBLE),
    "hsi/train/abu-beach-1.mat": Truth((188, 150, 150), None, _DOUBLE),
    "hsi/train/abu-beach-2.mat": Truth((193, 100, 100), None, _DOUBLE),
    "hsi/train/abu-beach-3.mat": Truth((188, 100, 100), None, _DOUBLE),
    "hsi/train/abu-urban-1.mat": Truth((204, 100, 100), None, _DOUBLE),
    "hsi/train/abu-urban-2.mat": Truth((207, 100, 100), None, _DOUBLE),
    "hsi/train/abu-urban-3.mat": Truth((191, 100, 100), None, _DOUBLE),
    "hsi/train/enmap_potsdam_B.npz": Truth(
        (224, 64, 128), (418.24, 2445.53), _ENMAP, _NO_DATA_BANDS, 0, 32633, fwhm=6.99561
    ),
    "hsi/train/enmap_potsdam_C.npz": Truth(
        (224, 128, 64), (418.24, 2445.53), _ENMAP, _NO_DATA_BANDS, 0, 32633, fwhm=6.99561
    ),
}
REFUSED = {
    "README.md": "not a format we know",
    "formats/SOURCE_readme.txt": "not a format we know",
    "formats/salton_sea_roi.mat": "(I 51x56x224, rgb 51x56x3); name one with --variable",
    "cave_train/balloons_ms": "no band images",  # packed as JPEG XL, one has to unpack it first
    "natural/test/set5/img_001_SRF_4_HR.png": "single picture",
    "natural/test/set5": "no band images",
}


@pytest.mark.parametrize("name", OPEN)
def test_real_files_open(name, shared_data):
    truth = OPEN[name]
    scene = open_cube(shared_data / name, variable=truth.variable)
    assert scene.shape == truth.shape
    assert scene.storage == truth.storage
    assert (scene.wavelength_nm is None) == (truth.nm is None)
    if truth.nm is not None:
        assert (scene.wavelength_nm[0], scene.wavelength_nm[-1]) == truth.nm
    assert (scene.fwhm_nm is None) == (truth.fwhm is None)
    assert truth.fwhm is None or scene.fwhm_nm[0] == truth.fwhm
    assert tuple(np.flatnonzero(~scene.valid.any(axis=(1, 2)))) == truth.empty
    assert scene.valid.any(axis=(1, 2)).sum() * scene.shape[1] * scene.shape[2] == scene.valid.sum()
    assert (~scene.good_bands).sum() == truth.bad
    assert (scene.crs is None) == (truth.epsg is None)
    assert truth.epsg is None or CRS.from_wkt(scene.crs).to_epsg() == truth.epsg
    assert (scene.transform is None) == (truth.corner is None)
    assert truth.corner is None or (scene.transform.c, scene.transform.f) == truth.corner
    assert describe(scene)["shape"] == list(truth.shape)


@pytest.mark.parametrize("name", REFUSED)
def test_real_files_refused(name, shared_data):
    with pytest.raises(SceneError) as caught:
        open_cube(shared_data / name)
    assert "\n" not in str(caught.value)
    assert REFUSED[name] in str(caught.value)


def test_no_real_file_is_forgotten(shared_data):
    found = {
        str(p.relative_to(shared_data)) for f in ("formats", "hsi") for p in (shared_data / f).rglob("*") if p.is_file()
    }
    assert found <= {*OPEN, *REFUSED}


def test_one_scene_in_two_matlab_versions(shared_data):
    old, new = (open_cube(shared_data / name) for name in ("hsi/eval/Pavia_lzw_v5.mat", "formats/pavia_taef_v73.mat"))
    assert np.array_equal(old.pixels, new.pixels)


def test_dead_bands_keep_their_pixels(shared_data):
    dead = (open_cube(shared_data / "formats/a_hsi_img_for_VI_demo.mat").pixels == 0).all(axis=(1, 2))
    assert dead.sum() == 43
    emit = open_cube(shared_data / "formats/emit20250324t221005_jpl_unmix_ex")
    assert np.allclose(emit.pixels[~emit.good_bands], -0.01)


@pytest.mark.parametrize("suffix", [".hdr", ".tif"])
@pytest.mark.parametrize("name", [n for n in OPEN if n.startswith("formats/") and not n.endswith(".hdr")])
def test_real_scenes_survive_writing(name, suffix, shared_data, tmp_path):
    scene = open_cube(shared_data / name, variable=OPEN[name].variable)
    save_cube(scene, tmp_path / f"a{suffix}")
    again = open_cube(tmp_path / f"a{suffix}")
    assert np.array_equal(again.pixels, scene.pixels, equal_nan=True)
    assert again.storage == scene.storage
    assert dict(again.headers) == dict(scene.headers)
    assert again.band_names == scene.band_names
    assert np.array_equal(again.good_bands, scene.good_bands)
    for field in ("wavelength_nm", "fwhm_nm"):
        old, new = getattr(scene, field), getattr(again, field)
        assert (old is None and new is None) or np.array_equal(old, new)
    assert (again.crs is None) == (scene.crs is None)
    assert again.crs is None or CRS.from_wkt(again.crs) == CRS.from_wkt(scene.crs)
    assert (scene.transform is None and again.transform is None) or np.allclose(
        bounds(again), bounds(scene), rtol=0, atol=1e-9
    )


def test_a_real_cave_scene(shared_data, tmp_path):
    """A packed training scene, restored to the archive's layout by the rule of ``unpack_cave.py``."""
    imagecodecs = pytest.importorskip("imagecodecs")
    folder = tmp_path / "balloons_ms"
    folder.mkdir()
    samples = {}
    for packed in sorted((shared_data / "cave_train/balloons_ms").glob("*.jxl")):
        roots = imagecodecs.jpegxl_decode(packed.read_bytes()).astype(np.float64) / 511
        samples[packed.stem] = np.rint(roots**2 * 65535).astype(np.uint16)
        Image.fromarray(samples[packed.stem]).save(folder / f"{packed.stem}.png", compress_level=1)
    scene = open_cube(folder)
    assert scene.shape == (31, 512, 512)
    assert np.allclose(scene.pixels[6], samples["balloons_ms_07"] / 65535, atol=1e-7)
