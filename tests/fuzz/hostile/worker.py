"""The process that opens spoiled files: names of cases come in, one JSON line an outcome goes out.

    python -m hostile.worker SEEDS OUT [--start N] < names

It may die: the line before says which case it was at. Linux only (``/proc``, inotify).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

from hostile.cases import START, prepare
from hostile.seeds import read_seeds
from hostile.target import lay_bait
from hostile.verdict import try_scene, try_weights

SECONDS = 10
MIB = 2**20
ADDRESSES = 1536 * MIB  # that may be asked for beyond those of the imports
RESIDENT = 320 * MIB  # of memory that one case may touch; the seeds have less than 0.2 MiB
_OPEN, _CREATE = 0x20, 0x100


class Watch:
    """Tells whether anything in a folder was opened or made."""

    def __init__(self, folder: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._queue = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if library.inotify_add_watch(self._queue, bytes(folder), _OPEN | _CREATE) < 0:
            raise OSError(ctypes.get_errno(), "no watch on the bait")

    def seen(self) -> bool:
        """Since the last question."""
        try:
            return bool(os.read(self._queue, 2**16))
        except BlockingIOError:
            return False


def main() -> None:
    """Work through the names on standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=int, default=START)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(1000)
    seeds = {seed.name: seed for seed in read_seeds(options.seeds)}
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as work, options.out.open("a", buffering=1) as out:
        bait = Path(work, "bait")
        bait.mkdir()
        lay_bait(bait)
        watch = Watch(bait)
        _warm_up(options.seeds, seeds)
        _limit()
        for name in sys.stdin.read().split():
            out.write(json.dumps({"case": name}) + "\n")
            seed = seeds[name.partition(":")[0]]
            folder = Path(work, "case")
            target, told = prepare(name, seed, options.seeds, folder, bait, options.start)
            watch.seen()
            outcome = _timed(target.opens, seed.kind, seed.variable)
            if watch.seen():
                outcome |= {"outcome": f"opened a file outside; else {outcome['outcome']}"}
            out.write(json.dumps({"case": name, "damage": told[:300], **outcome}) + "\n")
            shutil.rmtree(folder)


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _warm_up(whole: Path, seeds: dict) -> None:
    """Every reader is imported and has its buffers before memory is counted."""
    for seed in seeds.values():
        outcome = _open(whole / seed.name / seed.opens, seed.kind, seed.variable)
        if outcome not in ("opened", "refused"):
            raise RuntimeError(f"the whole seed {seed.name}: {outcome}")


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _open(path: Path, kind: str, variable: str | None) -> str:
    return try_weights(path) if kind == "weights" else try_scene(path, variable)


def _timed(path: Path, kind: str, variable: str | None) -> dict:
    """Open under alarms that kill, because a hang inside a library hears nothing else.

    What counts is the processor's time, so that a busy machine is no hang; the clock is there for what only waits.
    """
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest use of memory so far
    before, began = _resident("VmRSS"), time.perf_counter()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(10 * SECONDS)
    outcome = _open(path, kind, variable)
    signal.alarm(0)
    signal.setitimer(signal.ITIMER_PROF, 0)
    touched = _resident("VmHWM") - before
    if touched > RESIDENT:
        outcome = f"touched {touched / MIB:.0f} MiB; else {outcome}"
    return {"outcome": outcome, "seconds": round(time.perf_counter() - began, 3), "mib": round(touched / MIB, 1)}


def _resident(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(name)).split()[1]) * 1024


if __name__ == "__main__":
    main()
