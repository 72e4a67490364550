"""Fixtures for every room."""

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[1]


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
