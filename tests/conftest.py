"""Fixtures for every room."""

import os
from pathlib import Path

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
