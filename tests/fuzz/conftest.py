"""What a hostile file must not do."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile.target import lay_bait
from hostile.verdict import fault_of_message

from shsrd.cube import SceneError
from shsrd.io import open_cube


@pytest.fixture
def bait(tmp_path) -> Path:
    """Readable files that nothing may open."""
    folder = tmp_path / "bait"
    folder.mkdir()
    lay_bait(folder)
    return folder


@pytest.fixture
def refused() -> Callable[..., str]:
    """Open a scene that must be refused, soon, in one plain sentence; gives the sentence."""

    def refuse(path: Path, **options: str) -> str:
        began = time.perf_counter()
        with pytest.raises(SceneError) as caught:
            open_cube(path, **options)
        assert time.perf_counter() - began < 5
        assert fault_of_message(str(caught.value), path) is None
        return str(caught.value)

    return refuse
