"""The folder of an unfinished run: a manifest and one file per finished tile, so that nothing is computed twice.

``scene_x4.tif.partial/`` lies beside the destination. A tile appears in it only when complete; the folder goes when the
output is complete. Killed at any moment, a run has lost no more than the tiles in flight.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.io.file_checks import writing
from shsrd.io.file_locks import acquire_lock
from shsrd.spectral import SceneStatistics
from shsrd.upscaling.outliers import OutlierRules
from shsrd.upscaling.reconstruction import ConsistencyStats
from shsrd.upscaling.scan import SceneScan

VERSION = 4
MANIFEST, SURVEY, LOCK = "manifest.json", "survey.npz", "lock"
Stored = NDArray[np.generic]
_TILE = re.compile(r"tile-(\d{6,})\.npz")
_OURS = re.compile(rf"({re.escape(MANIFEST)}|{re.escape(SURVEY)}|{_TILE.pattern})(\.part)?|tile-\d{{6,}}\.part|{LOCK}")
_MANIFEST = {"input": dict, "scale": int, "model": str, "options": dict, "opening": dict, "targets": list}  # at least


class NotResumableError(SceneError):
    """An interrupted run that was about something else, or is damaged: only starting again helps."""


@dataclass(frozen=True)
class Part:
    """A finished tile as it will be stored: numbers ``(band, s y, s x)`` of each output, and its agreement."""

    outputs: tuple[Stored, ...]
    agreement: ConsistencyStats


@dataclass(frozen=True)
class TileCache:
    """The folder.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @classmethod
    def beside(cls, target: Path) -> TileCache:
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
            SceneError: another run is at work here, or the folder is somebody else's.
        """
        self.check_ownership()
        with writing(self.folder):
            self.folder.mkdir(exist_ok=True)
            lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not acquire_lock(lock):
                raise SceneError(f"{self.folder}: another run is at work on this destination; let it finish")
            try:
                yield
            finally:
                if not self.begun:
                    self._clear()
        finally:
            os.close(lock)

    def check_ownership(self) -> None:
        """Refuse a folder (or file) of this name that no run has made: it would be emptied.

        Raises:
            SceneError: there is one.
        """
        if not os.path.lexists(self.folder):
            return
        if not self.folder.is_dir():
            raise SceneError(f"{self.folder}: finished tiles go into a folder of this name; move what has it now")
        lock, names = self.folder / LOCK, [path.name for path in self.folder.iterdir()]
        ours = lock.is_file() and lock.stat().st_size == 0
        if not ours and self._read_manifest() is not None:
            ours = all(_OURS.fullmatch(name) for name in names)
        if names and not ours:
            raise SceneError(
                f"{self.folder}: finished tiles go into a folder of this name, and this one is somebody else's; "
                "rename it or choose another name for the output"
            )

    def begin(self, manifest: dict[str, Any], seen: SceneScan) -> None:
        """Start a new run: nothing but a survey and a manifest, which is written last."""
        with writing(self.folder):
            self._delete_files()
            np.savez(self.folder / SURVEY, **_as_arrays(seen))
            told = manifest | {"survey": self._survey_digest()}
            self._write(MANIFEST, json.dumps(told, indent=2).encode())

    def manifest(self) -> dict[str, Any] | None:
        """What the run was; None if it was killed before that was known."""
        place = self.folder / MANIFEST
        if not place.exists():
            return None
        found = self._read_manifest()
        if found is None or found["version"] != VERSION:
            raise NotResumableError(f"{place}: not a manifest of this version; start again with --overwrite")
        if not all(isinstance(found.get(key), kind) for key, kind in _MANIFEST.items()):
            raise NotResumableError(f"{place}: damaged; start again with --overwrite")
        return found

    def _read_manifest(self) -> dict[str, Any] | None:
        """What looks like a manifest, whatever its version."""
        try:
            found = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) and "version" in found else None

    def survey(self) -> SceneScan:
        """What the first pass had found.

        Raises:
            NotResumableError: it is not what was put there.
        """
        place = self.folder / SURVEY
        try:
            if self._survey_digest() != (self._read_manifest() or {}).get("survey"):
                raise ValueError("another survey than that of the manifest")
            with np.load(place, allow_pickle=False) as arrays:
                return _from_arrays(dict(arrays))
        except Exception:  # damaged archives raise anything
            raise NotResumableError(f"{place}: damaged; start again with --overwrite") from None

    def _survey_digest(self) -> str:
        return blake2b((self.folder / SURVEY).read_bytes(), digest_size=16).hexdigest()

    def finished(self) -> set[int]:
        """Numbers of the tiles that need not be computed again."""
        names = (_TILE.fullmatch(path.name) for path in self.folder.glob("tile-*.npz"))
        return {int(name[1]) for name in names if name is not None}

    def size(self) -> int:
        """Bytes of the finished tiles; none where there is no folder yet."""
        try:
            return sum(path.stat().st_size for path in self.folder.iterdir() if _TILE.fullmatch(path.name))
        except OSError:
            return 0

    def keep(self, number: int, part: Part) -> None:
        """Put a finished tile away; it appears under its name only when complete."""
        arrays: dict[str, Any] = {}
        for n, stored in enumerate(part.outputs):
            arrays[f"output{n}"] = _collapse_constant(stored)
        agreement = np.array(astuple(part.agreement), np.float64)
        place = self._place(number)
        partial = place.with_suffix(".part")
        with writing(self.folder):
            with partial.open("wb") as file:
                np.savez(file, agreement=agreement, **arrays)
            partial.replace(place)

    def take(self, number: int, kinds: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> Part:
        """A finished tile.

        Args:
            number: of the tile.
            kinds: shape and type of each output of it.

        Raises:
            SceneError: it is not what was put there.
        """
        place = self._place(number)
        try:
            with np.load(place, allow_pickle=False) as arrays:
                outputs = tuple(_grown(arrays[f"output{n}"], *kind) for n, kind in enumerate(kinds))
                return Part(outputs, ConsistencyStats.of(arrays["agreement"].tolist()))
        except Exception:  # damaged archives raise anything
            raise SceneError(f"{place}: damaged; delete it and run again with --resume") from None

    def remove(self) -> None:
        """Forget the run; the folder goes when it is let go of."""
        (self.folder / MANIFEST).unlink(missing_ok=True)

    def _clear(self) -> None:
        """Delete what is ours, and the folder if it is empty then."""
        with suppress(OSError):
            self._delete_files()
            (self.folder / LOCK).unlink()
            self.folder.rmdir()

    def _delete_files(self) -> None:
        """Delete all files of ours but the lock, the manifest first: what is left without it counts for nothing."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for place in self.folder.iterdir():
            if _OURS.fullmatch(place.name) and place.name != LOCK and not place.is_dir():
                place.unlink()

    def _place(self, number: int) -> Path:
        return self.folder / f"tile-{number:06d}.npz"

    def _write(self, name: str, content: bytes) -> None:
        partial = self.folder / (name + ".part")
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / name)


def _collapse_constant(stored: Stored) -> Stored:
    """One number where all are the same: a tile without data, of which a flight line has many."""
    first = stored[:1, :1, :1]
    same = stored == first
    return first if same.all() or (stored.dtype.kind == "f" and np.isnan(stored).all()) else stored


def _grown(kept: Stored, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Stored:
    if kept.dtype != dtype or (kept.shape != shape and kept.size != 1):
        raise ValueError(f"a tile of {kept.dtype} {kept.shape} in place of {dtype} {shape}")
    return kept if kept.shape == shape else np.full(shape, kept.ravel()[0])


def _as_arrays(seen: SceneScan) -> dict[str, Any]:
    statistics = {f"statistics.{key}": value for key, value in seen.statistics.state().items()}
    suspicion = {f"suspicion.{key}": value for key, value in seen.suspicion.as_arrays().items()}
    return {
        "usable": seen.usable,
        "extremes": seen.extremes,
        "valid": seen.valid,
        "digest": np.array(seen.digest),
        "notes": np.array(seen.notes, str),
        **statistics,
        **suspicion,
    }


def _from_arrays(arrays: dict[str, Any]) -> SceneScan:
    def those_of(name: str) -> dict[str, Any]:
        return {key.removeprefix(name): value for key, value in arrays.items() if key.startswith(name)}

    return SceneScan(
        usable=arrays["usable"],
        statistics=SceneStatistics.from_state(those_of("statistics.")),
        extremes=arrays["extremes"],
        valid=arrays["valid"],
        digest=str(arrays["digest"]),
        suspicion=OutlierRules(**those_of("suspicion.")),
        notes=tuple(arrays["notes"].tolist()),
    )
