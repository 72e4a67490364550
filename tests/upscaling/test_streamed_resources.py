"""What streaming costs and shares: memory that does not grow with rows, one reader at a time, exactly one writer."""

import threading
import time
import tracemalloc
from dataclasses import replace

import pytest

from shsrd.cube import Storage
from shsrd.io import save_cube
from shsrd.io.geotiff.write import GeotiffSink
from shsrd.io.sources import StoredSource
from shsrd.upscaling import Job, UpscaleOptions, upscale_file

STORED = Storage("int16", 1e-4, 0.0, -9999.0)


@pytest.fixture
def make_job(make_scene, tmp_path):
    def make(*, suffix=".img", bands=5, rows=20, columns=16, block=8):
        save_cube(make_scene(bands=bands, rows=rows, columns=columns, storage=STORED), tmp_path / f"scene{suffix}")
        options = UpscaleOptions(device="cpu", precision="fp32", block=block, tile=block, basis="pca", self_check=False)
        return Job(tmp_path / f"scene{suffix}", tmp_path / "fine.tif", 2, options)

    return make


def peak_bytes(job, model):
    tracemalloc.start()
    upscale_file(replace(job, overwrite=True), model=model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_rows(make_job, make_model, monkeypatch, tmp_path):
    """Four times as many rows, no more memory; the self-check, left out here, looks at four windows at most."""
    monkeypatch.setattr("shsrd.upscaling.scan.STRIDE", 32)
    peaks = []
    for rows in (32, 256, 1024):  # the first run also imports
        job = make_job(bands=20, rows=rows, columns=32, block=32)
        peaks.append(peak_bytes(job, make_model()))
        (tmp_path / "scene.img").unlink()
        (tmp_path / "scene.hdr").unlink()
    assert peaks[2] < 1.2 * peaks[1]
    assert peaks[2] < 20 * 2048 * 64 * 4  # bytes of the output as it is computed


def test_nobody_shares_a_dataset(make_job, make_model, monkeypatch):
    """Pixels of an open file are read by one thread at a time, and every output has one that writes."""
    job = make_job(suffix=".tif")
    busy, overlaps, writers = threading.Lock(), [], {}
    read, write_block = StoredSource.read, GeotiffSink.write_block

    def watched_read(self, rows, columns):
        free = busy.acquire(blocking=False)
        overlaps.append(not free)
        time.sleep(0.002)  # long enough to be met by another
        pixels = read(self, rows, columns)
        if free:
            busy.release()
        return pixels

    def watched_write(self, stored, row, column):
        writers.setdefault(id(self), set()).add(threading.get_ident())
        return write_block(self, stored, row, column)

    monkeypatch.setattr(StoredSource, "read", watched_read)
    monkeypatch.setattr(GeotiffSink, "write_block", watched_write)
    upscale_file(replace(job, uncertainty=job.target.with_name("deviation.tif")), model=make_model())
    assert len(overlaps) > 6
    assert not any(overlaps)
    assert len(writers) == 2
    assert all(len(threads) == 1 for threads in writers.values())


def test_the_output_has_its_name_only_when_complete(make_job, make_model):
    job, seen = make_job(), []

    def progress(done, total):
        seen.append((done == total, job.target.exists()))

    upscale_file(job, model=make_model(), progress=progress)
    assert job.target.exists()
    assert len(seen) == 6
    assert not any(exists for _, exists in seen)
