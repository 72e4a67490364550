"""MATLAB and NumPy files: which array, which axes, which wavelengths."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from shsrd.cube import SceneError, Storage
from shsrd.io import open_cube

YXB = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
PIXELS = YXB.transpose(2, 0, 1)
NM = np.array([400.0, 500, 600, 700, 800])


def write_v73(path, arrays):
    """As MATLAB does: axes the other way round, a 512-byte user block with its own signature."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.asarray(values).T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


WRITERS = {"v5": savemat, "v73": write_v73}


@pytest.mark.parametrize("version", WRITERS)
def test_matlab_is_rows_columns_bands(version, tmp_path):
    side = {"wl": NM / 1000, "bbl": np.array([1, 1, 0, 1, 1]), "truth": np.ones((3, 4))}
    WRITERS[version](tmp_path / "a.mat", {"scene": YXB, **side})
    scene = open_cube(tmp_path / "a.mat")
    assert np.array_equal(scene.pixels, PIXELS)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert scene.good_bands.tolist() == [True, True, False, True, True]
    assert scene.storage == Storage("int16")


@pytest.mark.parametrize("version", WRITERS)
def test_several_scenes_ask_for_a_name(version, tmp_path):
    WRITERS[version](tmp_path / "a.mat", {"I": YXB, "rgb": YXB[..., :3], "wl": NM})
    with pytest.raises(SceneError, match=r"I 3x4x5, rgb 3x4x3.*--variable") as caught:
        open_cube(tmp_path / "a.mat")
    assert "\n" not in str(caught.value)
    assert np.array_equal(open_cube(tmp_path / "a.mat", variable="I").pixels, PIXELS)
    for wrong in ("nothing", "wl"):
        with pytest.raises(SceneError, match=wrong):
            open_cube(tmp_path / "a.mat", variable=wrong)


def test_class_double_stored_as_integers_is_double(tmp_path):
    savemat(tmp_path / "a.mat", {"scene": YXB.astype(np.float64)})
    assert open_cube(tmp_path / "a.mat").storage.dtype == "float64"


def test_wavelengths_by_name_and_by_axis(tmp_path):
    savemat(tmp_path / "a.mat", {"scene": PIXELS, "centres": NM})
    scene = open_cube(tmp_path / "a.mat", wavelengths="centres")  # five numbers fit the first axis only
    assert np.array_equal(scene.pixels, PIXELS)
    assert np.array_equal(open_cube(tmp_path / "a.mat", axes="byx").pixels, PIXELS)
    with pytest.raises(SceneError, match="no wavelengths 'lambda'"):
        open_cube(tmp_path / "a.mat", wavelengths="lambda")
    with pytest.raises(SceneError, match="axes 'abc'"):
        open_cube(tmp_path / "a.mat", axes="abc")


def test_mismatched_wavelengths_are_left_out_and_said(tmp_path):
    savemat(tmp_path / "a.mat", {"scene": YXB, "wavelength": np.arange(400.0, 407.0)})
    scene = open_cube(tmp_path / "a.mat")
    assert scene.wavelength_nm is None
    assert any("wavelength has 7 values" in note for note in scene.notes)


def test_npz_with_metadata(tmp_path):
    metadata = {
        "wavelength_nm": NM,
        "fwhm_nm": NM / 100,
        "nodata": 7,
        "scale": 1e-4,
        "ulx": 365055,
        "epsg": 32633,
    }
    np.savez_compressed(tmp_path / "a.npz", cube=YXB, **metadata)
    scene = open_cube(tmp_path / "a.npz")
    assert np.allclose(scene.pixels, np.where(PIXELS == 7, np.nan, PIXELS * 1e-4), equal_nan=True)
    assert scene.storage == Storage("int16", 1e-4, 0.0, 7)
    assert scene.fwhm_nm.tolist() == (NM / 100).tolist()
    assert scene.headers == {"ulx": "365055"}
    assert "32633" in scene.crs


def test_npy_is_band_first(tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    assert np.array_equal(open_cube(tmp_path / "a.npy").pixels, PIXELS)
    np.save(tmp_path / "b.npy", YXB)
    assert np.array_equal(open_cube(tmp_path / "b.npy", axes="yxb").pixels, PIXELS)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_never_loaded(name, tmp_path):
    """An object whose unpickling would create a file does not get to do so."""

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    bomb = np.array([[[Bomb()]]], dtype=object)
    if name.endswith("npy"):
        np.save(tmp_path / name, bomb, allow_pickle=True)
    else:
        np.savez(tmp_path / name, cube=bomb)
    with pytest.raises(SceneError):
        open_cube(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_bands_of_icvl_are_wavelengths(tmp_path):
    savemat(tmp_path / "a.mat", {"rad": YXB, "bands": np.array([[400.0, 410, 420, 430, 440]])})
    scene = open_cube(tmp_path / "a.mat")
    assert scene.wavelength_nm.tolist() == [400, 410, 420, 430, 440]
    assert any("bands" in note for note in scene.notes)
