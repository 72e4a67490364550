"""The folder of an unfinished run: a manifest and one file per finished tile, so that nothing is computed twice.

``scene_x4.tif.partial/`` lies beside the destination. A tile appears in it only when complete; the folder goes when the
output is complete. Killed at any moment, a run has lost no more than the tiles in flight.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.io.files import writing
from shsrd.spectral import SceneStatistics
from shsrd.upscaling.solver import Agreement
from shsrd.upscaling.survey import Survey

VERSION = 1
MANIFEST, SURVEY, LOCK = "manifest.json", "survey.npz", "lock"
Stored = NDArray[np.generic]


class NotResumableError(SceneError):
    """An interrupted run that was about something else, or is damaged: only starting again helps."""


@dataclass(frozen=True)
class Part:
    """A finished tile as it will be stored: numbers ``(band, s y, s x)`` of each output, and its agreement."""

    outputs: tuple[Stored, ...]
    agreement: Agreement


@dataclass(frozen=True)
class Spool:
    """The folder.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @classmethod
    def beside(cls, target: Path) -> Spool:
        """The folder that belongs to a destination."""
        return cls(target.with_name(target.name + ".partial"))

    @property
    def begun(self) -> bool:
        """Whether a run was interrupted here after its first pass."""
        return (self.folder / MANIFEST).exists()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the folder; it goes at the end if there is nothing in it to go on with.

        Raises:
            SceneError: another run is at work here.
        """
        with writing(self.folder):
            self.folder.mkdir(exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            if not _locked(lock):
                raise SceneError(f"{self.folder}: another run is at work on this destination; let it finish")
            try:
                yield
            finally:
                if not self.begun:
                    self._clear()

    def begin(self, manifest: dict[str, Any], seen: Survey) -> None:
        """Start a new run: nothing but a survey and a manifest, which is written last."""
        for place in self.folder.iterdir():
            if place.name != LOCK:
                place.unlink()
        with writing(self.folder):
            np.savez(self.folder / SURVEY, **_as_arrays(seen))
            self._write(MANIFEST, json.dumps(manifest, indent=2).encode())

    def manifest(self) -> dict[str, Any] | None:
        """What the run was; None if it was killed before that was known."""
        place = self.folder / MANIFEST
        if not place.exists():
            return None
        try:
            found = json.loads(place.read_text())
        except (json.JSONDecodeError, UnicodeDecodeError):
            found = None
        if not isinstance(found, dict) or found.get("version") != VERSION:
            raise NotResumableError(f"{place}: not a manifest of this version; start again with --overwrite")
        return found

    def survey(self) -> Survey:
        """What the first pass had found."""
        place = self.folder / SURVEY
        try:
            with np.load(place, allow_pickle=False) as arrays:
                return _from_arrays(dict(arrays))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile):
            raise NotResumableError(f"{place}: damaged; start again with --overwrite") from None

    def finished(self) -> set[int]:
        """Numbers of the tiles that need not be computed again."""
        names = (path.stem for path in self.folder.glob("tile-*.npz"))
        return {int(name.removeprefix("tile-")) for name in names}

    def keep(self, number: int, part: Part) -> None:
        """Put a finished tile away; it appears under its name only when complete."""
        arrays: dict[str, Any] = {}
        for n, stored in enumerate(part.outputs):
            arrays |= {f"output{n}": _shrunk(stored), f"shape{n}": np.array(stored.shape)}
        agreement = np.array([part.agreement.squares, part.agreement.count], np.float64)
        place = self._place(number)
        partial = place.with_suffix(".part")
        with writing(self.folder):
            with partial.open("wb") as file:
                np.savez(file, agreement=agreement, **arrays)
            partial.replace(place)

    def take(self, number: int) -> Part:
        """A finished tile."""
        place = self._place(number)
        try:
            with np.load(place, allow_pickle=False) as arrays:
                squares, count = arrays["agreement"]
                count_of_outputs = (len(arrays.files) - 1) // 2
                outputs = tuple(_grown(arrays[f"output{n}"], arrays[f"shape{n}"]) for n in range(count_of_outputs))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile):
            raise SceneError(f"{place}: damaged; delete it and run again with --resume") from None
        return Part(outputs, Agreement(float(squares), int(count)))

    def remove(self) -> None:
        """Forget the run; the folder goes when it is let go of."""
        (self.folder / MANIFEST).unlink(missing_ok=True)

    def _clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, number: int) -> Path:
        return self.folder / f"tile-{number:06d}.npz"

    def _write(self, name: str, content: bytes) -> None:
        partial = self.folder / (name + ".part")
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / name)


def _shrunk(stored: Stored) -> Stored:
    """One number where all are the same: a tile without data, of which a flight line has many."""
    first = stored[:1, :1, :1]
    same = stored == first
    return first if same.all() or (stored.dtype.kind == "f" and np.isnan(stored).all()) else stored


def _grown(kept: Stored, shape: NDArray[np.int64]) -> Stored:
    return kept if kept.size > 1 else np.full(shape, kept.ravel()[0])


def _locked(file: IO[str]) -> bool:
    """Take the lock, which ends with the process however it ends; where there are no such locks, say yes."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _as_arrays(seen: Survey) -> dict[str, Any]:
    statistics = {f"statistics.{key}": value for key, value in seen.statistics.state().items()}
    return {
        "usable": seen.usable,
        "range": np.array([seen.lowest, seen.highest]),
        "valid": seen.valid,
        "digest": np.array(seen.digest),
        **statistics,
    }


def _from_arrays(arrays: dict[str, Any]) -> Survey:
    state = {key.removeprefix("statistics."): value for key, value in arrays.items() if key.startswith("statistics.")}
    lowest, highest = arrays["range"].tolist()
    statistics = SceneStatistics.from_state(state)
    return Survey(arrays["usable"], statistics, lowest, highest, arrays["valid"], str(arrays["digest"]))
