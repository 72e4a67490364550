import numpy as np
import pytest


@pytest.fixture
def make_cube():
    """Smooth, spectrally low-rank cubes ``(band, y, x)`` of known rank."""

    def make(bands=7, rows=20, columns=24, *, rank=3, noise=0.0, seed=0):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:rows, 0:columns] / 10
        maps = np.stack([np.sin(y * rng.uniform(0.5, 3) + k) * np.cos(x * rng.uniform(0.5, 3)) for k in range(rank)])
        spectra = rng.normal(size=(bands, rank)) * 0.5 ** np.arange(rank)
        cube = 2 + np.einsum("bk,kyx->byx", spectra, maps) + noise * rng.normal(size=(bands, rows, columns))
        return cube.astype(np.float32)

    return make
