"""Fixtures for every room."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

_REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Affine 3 would like ``@``, which affine 2 does not know; both are supported."""
    config.addinivalue_line("filterwarnings", "ignore:Use `@` matmul:PendingDeprecationWarning")
    settings.register_profile("shsrd", deadline=None)  # shared machines are slow now and then
    settings.load_profile("shsrd")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scenes: ``SHSRD_DATA``, else ``../shared/data`` beside the repository.

    Without it the test is skipped, or fails where ``SHSRD_REQUIRE_DATA=1`` says that the data must be there.
    """
    folder = Path(os.environ.get("SHSRD_DATA") or _REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        reason = f"no shared data at {folder}; set SHSRD_DATA to the folder of real scenes"
        if os.environ.get("SHSRD_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def edge_images():
    """Images ``(4 side, 4 side)`` of half planes with random direction, place and height, one a square of 64 pixels."""

    def make(side: int = 128, seed: int = 0):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:64, :64] - 31.5
        image = np.empty((4 * side, 4 * side))
        for row in range(0, 4 * side, 64):
            for column in range(0, 4 * side, 64):
                angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(-4, 4)
                low, step = rng.uniform(0, 1), 0.3 + rng.uniform(0, 1)
                image[row : row + 64, column : column + 64] = low + step * (
                    np.sin(angle) * y + np.cos(angle) * x > shift
                )
        return image

    return make
