"""Progress in lines: with a clock that the test turns."""

import numpy as np
import pytest

from shsrd.cli.job_progress import plan_message
from shsrd.cli.progress_log import ProgressLog, duration, size
from shsrd.io import save_cube
from shsrd.upscaling import ResourceEstimate


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return ProgressLog("tiles", clock=clock, every=10)


def test_first_tile_tells_how_long_it_will_take(clock, pace):
    clock.now = 100  # the first pass does not count
    pace.begun(0, 16)
    clock.now = 103
    assert pace.first(1, 16) == "the first of 16 tiles took 3.0 s, about 45 s to go"
    assert pace.first(2, 16) is None


def test_tiles_of_an_earlier_run_do_not_count(clock, pace):
    pace.begun(10, 16)
    clock.now = 4
    assert pace.first(11, 16) == "the first of 16 tiles took 4.0 s, about 20 s to go"


def test_one_tile_needs_no_estimate(pace):
    pace.begun(0, 1)
    assert pace.first(1, 1) is None
    assert pace.progress_line(1, 1) is None


def test_a_line_for_every_tenth(pace):
    pace.begun(0, 100)
    said = [line for done in range(1, 101) if (line := pace.progress_line(done, 100)) is not None]
    assert len(said) == 10
    assert said[0].startswith("tiles: 10 of 100") and said[-1] == "tiles: 100 of 100"


def test_never_silent_for_longer_than_asked(clock, pace):
    """Tiles of 70 s, looked at every second: no eleven seconds without a line, and no two lines in one second."""
    times = []
    pace.begun(0, 3)
    for second in range(1, 211):
        clock.now = float(second)
        lines = [pace.progress_line(second // 70, 3) if second % 70 == 0 else None, pace.tick()]
        times += [second for line in lines if line is not None]
    assert max(np.diff([0, *times])) <= 10
    assert min(np.diff(times)) >= 1


def test_before_tiles_it_reads(clock, pace):
    clock.now = 12
    assert pace.tick() == "tiles: reading the scene, 12 s"
    assert pace.tick() is None


def test_sizes_and_times_in_words():
    assert [duration(s) for s in (2.25, 45.2, 600, 9000)] == ["2.2 s", "45 s", "10.0 min", "2.5 h"]
    assert [size(b) for b in (900, 63_400_000, 1.24e9, 3e12)] == ["0.9 kB", "63 MB", "1.2 GB", "3000 GB"]


def test_announcement():
    said = plan_message(ResourceEstimate((198, 400, 400), 1, 63_360_000, True, 900_000_000))
    assert said.startswith("to be made: 198 bands of 400 x 400 pixels in 1 tile, up to 63 MB on disk")
    assert "900 MB of memory" in said


def test_upscale_says_size_and_notes_before_it_computes(shsrd, tmp_path, scene, tiny):
    np.save(tmp_path / "a.npy", np.tile(scene.pixels[:4], (1, 2, 2)).transpose(1, 2, 0))
    done = shsrd(
        "upscale", tmp_path / "a.npy", tmp_path / "b.npy", "--model", tiny, "--json", "--block", "16", "--tile", "16"
    )
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert lines[0].startswith("note: The order of the axes is a guess")
    assert lines[1].startswith("to be made: 4 bands of 128 x 160 pixels in 6 tiles, 328 kB on disk")
    assert lines[2].startswith("the first of 6 tiles took ")
    assert '"notes": [\n    "The order of the axes is a guess' in done.out
    refused = shsrd("upscale", tmp_path / "a.npy", tmp_path / "c.npy", "--model", tiny, "--strict")
    assert refused.code == 2 and "refused by --strict" in refused.err and not (tmp_path / "c.npy").exists()


def test_another_part_does_not_go_on(shsrd, tmp_path, source, tiny, monkeypatch):
    from shsrd.upscaling.jobs.tile_cache import TileCache

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(TileCache, "store", stopped)
    command = ["upscale", source, tmp_path / "b.tif", "--model", tiny, "--window", "0,0,8,8"]
    assert shsrd(*command).code == 130
    monkeypatch.undo()
    other = shsrd(*command[:-1], "0,0,8,9", "--resume")
    assert other.code == 2 and "cannot resume: --window was [0, 0, 8, 8] and is [0, 0, 8, 9] now" in other.err
    assert shsrd(*command, "--resume").code == 0


def test_upscale_all_names_the_scene_of_a_note(shsrd, tmp_path, scene, tiny):
    np.save(tmp_path / "a.npy", np.tile(scene.pixels[:4], (1, 2, 2)).transpose(1, 2, 0))
    save_cube(scene, tmp_path / "b.tif")
    done = shsrd("upscale-all", tmp_path / "a.npy", tmp_path / "b.tif", tmp_path / "out", "--model", tiny)
    assert done.code == 0, done.err
    assert done.err.count("note: ") == 1
    assert f"note: {tmp_path / 'a.npy'}: The order of the axes is a guess" in done.err
