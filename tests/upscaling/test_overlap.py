"""What is said of two detectors that measured the same wavelengths, and what of ordinary scenes: nothing."""

import numpy as np
import pytest
from scipy.ndimage import fourier_shift, gaussian_filter

from shsrd.cube import Cube, MemorySource
from shsrd.upscaling.detector_overlap import overlap_notes, overlaps, phase_correlation_shift
from shsrd.upscaling.outliers import OutlierRules

VNIR, SWIR = 700 + 10.0 * np.arange(30), 905 + 12.0 * np.arange(20)


def image(rows=96, columns=120, seed=0):
    rng = np.random.default_rng(seed)
    return 0.4 + 0.1 * gaussian_filter(rng.standard_normal((rows, columns)), 1.5, mode="wrap") * 5


def moved(pixels, down, right):
    return np.fft.ifft2(fourier_shift(np.fft.fft2(pixels), (down, right))).real


def scene(*, gain=1.0, down=0.0, right=0.0, blur=0.0, noise=0.0, **size):
    """Both detectors see one landscape whose brightness rises with wavelength."""
    ground = image(**size)
    other = gaussian_filter(moved(ground, down, right), blur, mode="wrap") if blur else moved(ground, down, right)
    slopes = [(1 + (w - 900) / 1000)[:, None, None] for w in (VNIR, SWIR)]
    pixels = np.concatenate([ground * slopes[0], gain * other * slopes[1]])
    pixels = pixels + noise * np.random.default_rng(1).standard_normal(pixels.shape)
    return Cube(pixels.astype(np.float32), wavelength_nm=np.r_[VNIR, SWIR])


def notes_of(cube):
    return overlap_notes(MemorySource(cube), cube.usable_bands, OutlierRules())


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.3), (0.35, 0.0), (-0.5, 0.2), (0.12, -0.05)])
@pytest.mark.parametrize("more", [{}, {"blur": 0.8, "gain": 1.1}, {"noise": 0.01}], ids=str)
def test_the_shift_is_found_whatever_brightness_and_blur(down, right, more):
    cube = scene(down=down, right=right, **more)
    (overlap,) = overlaps(cube.metadata, cube.usable_bands)
    found = phase_correlation_shift([overlap.images(cube.pixels, cube.wavelength_nm)])
    np.testing.assert_allclose(found, (down, right), atol=0.03)


def test_the_sentence_has_figures_and_directions():
    (note,) = notes_of(scene(gain=1.04, right=0.3))
    assert note.startswith("At 905 to 990 nm, which VNIR and SWIR both measured, SWIR is 4")
    assert "% brighter than VNIR and lies" in note
    assert "0.30 pixel from it (+0.00 along y, +0.30 along x)" in note.replace("-0.00", "+0.00")
    assert "SWIR is 5 % darker than VNIR" in notes_of(scene(gain=0.95))[0]


def test_nothing_is_said_of_detectors_that_agree():
    assert notes_of(scene()) == ()
    assert notes_of(scene(gain=1.01, right=0.05, noise=0.005)) == ()


def test_large_scenes_and_those_with_holes():
    cube = scene(gain=1.1, down=0.4, rows=300, columns=420)
    pixels = cube.pixels.copy()
    pixels[:, 20:60, 30:80] = np.nan
    (note,) = notes_of(cube.replace(pixels=pixels))
    assert "10 % brighter" in note
    assert float(note.split("along y")[0].split("(")[1]) == pytest.approx(0.4, abs=0.05)


def test_what_cannot_be_compared_is_not():
    cube = scene(gain=1.2)
    assert notes_of(cube.replace(wavelength_nm=np.linspace(400, 1000, 50))) == ()
    apart = cube.replace(wavelength_nm=np.r_[VNIR - 300, SWIR])
    named = apart.replace(headers=apart.metadata.with_detectors(["a"] * 30 + ["b"] * 20).headers)
    assert notes_of(named) == ()  # two detectors without a common wavelength
    small = scene(gain=1.2, rows=8, columns=9)
    assert "20 % brighter" in notes_of(small)[0]
    assert "pixel" not in notes_of(small)[0]
    noise = np.random.default_rng(0).standard_normal(cube.shape).astype(np.float32)
    assert all("pixel" not in note for note in notes_of(cube.replace(pixels=noise)))
    assert notes_of(cube.replace(pixels=np.full(cube.shape, np.nan, np.float32))) == ()


def test_the_report_says_it(run):
    cube = scene(gain=1.1, right=0.4, rows=24, columns=30)
    report = run(cube, self_check=False).report
    assert any("10 % brighter than VNIR" in note for note in report.suspect_notes)
    assert not report.suspects_excluded  # nothing is missing in the consistency
