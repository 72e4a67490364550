"""No room: refused before anything is computed where it can be known, else one sentence and nothing left."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

from shsrd.cube import SceneError, SceneMetadata, Storage
from shsrd.io import WRITABLE_SUFFIXES, check_target, open_writer
from shsrd.io.targets import format_sizes

_CHILD = """
import json, resource, shutil, signal, sys
from pathlib import Path
import numpy as np
from shsrd.cube import Cube
from shsrd.io import save_cube
from shsrd.io.geotiff import cog, write

write.threads = cog.threads = lambda: 3  # whoever compresses, the failure must come through

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, suffixes = Path(sys.argv[1]), sys.argv[2:]
pixels = np.random.default_rng(0).random((3, 300, 1030)).astype(np.float32)
cube = Cube(pixels, wavelength_nm=np.array([400.0, 500, 600]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for suffix in suffixes:
    target, cog = folder / f"a{suffix}", suffix == ".cog.tif"
    compress = suffix.split(".")[1] if suffix in (".zstd.tif", ".none.tif") else None
    save_cube(cube, target, cog=cog, compress=compress)
    largest = max(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    before = {str(p): p.stat().st_mtime_ns for p in folder.rglob("*")}
    for limit in (100, 5000, largest // 2, largest - 700, largest - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            save_cube(cube, target, overwrite=True, cog=cog, compress=compress)
            said = "nothing"
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        same = {str(p): p.stat().st_mtime_ns for p in folder.rglob("*")} == before
        print(json.dumps([suffix, limit, said, same]))
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_disk_that_fills_up(tmp_path):
    """A limit on the size of files stands for the end of the disk: the write that crosses it fails."""
    suffixes = [
        ".cog.tif",
        ".zstd.tif",
        ".none.tif",
        *(s for s in WRITABLE_SUFFIXES if s not in (".hdr", ".bsq", ".dat", ".tiff")),
    ]
    command = [sys.executable, "-c", _CHILD, str(tmp_path), *suffixes]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(results) == 5 * len(suffixes)
    for suffix, limit, said, same in results:
        assert said.startswith(f"SceneError: {tmp_path}/a{suffix}: could not be written"), (limit, said)
        assert "\n" not in said
        assert same, (suffix, limit)
    assert "Traceback" not in run.stderr


_STORES = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from shsrd.cube import Cube, SceneError
from shsrd.io import save_cube

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, (_, hard) = Path(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)
cube = Cube(np.ones((3, 300, 1030), np.float32), wavelength_nm=np.array([400.0, 500, 600]))
for n in range(60):
    resource.setrlimit(resource.RLIMIT_FSIZE, ((1, 60, 100, 500)[n % 4], hard))
    try:
        save_cube(cube, folder / "a.zarr")
        sys.exit("it was written")
    except SceneError as error:
        assert "could not be written" in str(error)
    assert not list(folder.iterdir()), n
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_failed_store_leaves_nothing(tmp_path):
    """zarr raises while its other threads still write: one in thirty left its folder behind."""
    run = subprocess.run([sys.executable, "-c", _STORES, str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_too_little_free_space_is_refused(suffix, tmp_path, monkeypatch):
    metadata = SceneMetadata((10, 100, 100), storage=Storage("int16", nodata=-1))  # 200 kB
    share = 1.0 if suffix in (".hdr", ".img", ".bsq", ".dat") else 0.1
    if suffix == ".npy":
        share = 2.0  # float32 with NaN for no-data
    for free, refused in ((200_000 * share - 1, True), (200_000 * share, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**9, 0, int(free)))
        if refused:
            with pytest.raises(SceneError, match=rf"a{suffix}: needs .* are free; make room"):
                check_target(tmp_path / f"a{suffix}", metadata=metadata)
            with pytest.raises(SceneError, match="are free"):
                open_writer(tmp_path / f"a{suffix}", metadata)
        else:
            check_target(tmp_path / f"a{suffix}", metadata=metadata)
    check_target(tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_numpy_files_of_packed_numbers_are_as_large_as_their_float32(tmp_path, monkeypatch):
    metadata = SceneMetadata((10, 100, 100), storage=Storage("int16", 1e-4))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, 399_999))
    check_target(tmp_path / "a.img", metadata=metadata)
    with pytest.raises(SceneError, match=r"needs at least 400\.000 kB but only 399\.999 kB are free"):
        check_target(tmp_path / "a.npy", metadata=metadata)


@pytest.mark.parametrize(
    ("needed", "free", "told"),
    [
        (16_000_000, 9_000_000, ("16.0 MB", "9.0 MB")),
        (12_345, 0, ("12.3 kB", "0.0 kB")),
        (999, 998, ("999 bytes", "998 bytes")),
        (77e9, 1e6, ("77.0 GB", "0.0 GB")),
        (5e12, 4e12, ("5000.0 GB", "4000.0 GB")),
        (1_000_001, 1_000_000, ("1.000001 MB", "1.000000 MB")),
        (0, 0, ("0 bytes", "0 bytes")),
    ],
)
def test_sizes_are_told_in_units_that_fit(needed, free, told):
    assert format_sizes(int(needed), int(free)) == told


def test_what_a_format_cannot_hold_is_refused_before(tmp_path):
    large = SceneMetadata((50, 5000, 5000), storage=Storage("int16"))
    with pytest.raises(SceneError, match=r"a\.mat: MATLAB v5 holds at most 2 GiB; write a \.tif"):
        check_target(tmp_path / "a.mat", metadata=large)
    for suffix, dtype in ((".img", "int8"), (".tif", "float16")):
        with pytest.raises(SceneError, match=f"cannot store {dtype}"):
            check_target(tmp_path / f"a{suffix}", metadata=SceneMetadata((2, 2, 2), storage=Storage(dtype)))
    with pytest.raises(SceneError, match="does not fit uint16"):
        check_target(tmp_path / "a.tif", metadata=SceneMetadata((2, 2, 2), storage=Storage("uint16", nodata=-1.0)))
    assert np.size(list(tmp_path.iterdir())) == 0
