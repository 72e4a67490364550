"""Tile cache: a folder with the manifest, the scan and one file per finished tile of an unfinished run.

``scene_x4.tif.partial/`` lies beside the target. A tile appears in it only when complete; the folder is deleted when
the output is complete. A run that is killed loses no more than the tiles in flight.
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
from shsrd.io.file_checks import write_errors
from shsrd.io.file_locks import acquire_lock
from shsrd.upscaling.jobs.scan_arrays import scan_from_arrays, scan_to_arrays
from shsrd.upscaling.reconstruction import ConsistencyStats
from shsrd.upscaling.scan import SceneScan

VERSION = 5
MANIFEST, SCAN, LOCK = "manifest.json", "scan.npz", "lock"
StoredPixels = NDArray[np.generic]
_TILE = re.compile(r"tile-(\d{6,})\.npz")
_OWN_FILES = re.compile(  # survey.npz: of versions before 5
    rf"({re.escape(MANIFEST)}|(scan|survey)\.npz|{_TILE.pattern})(\.part)?|tile-\d{{6,}}\.part|{LOCK}"
)
_REQUIRED_KEYS = {"input": dict, "scale": int, "model": str, "options": dict, "opening": dict, "targets": list}


class NotResumableError(SceneError):
    """Interrupted run of another job, or a damaged one; it can only be started again."""


@dataclass(frozen=True)
class EncodedTile:
    """Finished tile in the number types of the outputs.

    Attributes:
        outputs: stored values ``(band, s y, s x)`` for each output.
        consistency: statistics of the consistency error.
    """

    outputs: tuple[StoredPixels, ...]
    consistency: ConsistencyStats


@dataclass(frozen=True)
class TileCache:
    """Folder with the finished tiles of an unfinished run.

    Attributes:
        folder: its path.
    """

    folder: Path

    @classmethod
    def for_target(cls, target: Path) -> TileCache:
        """Cache beside a target, whether or not it exists."""
        return cls(target.with_name(target.name + ".partial"))

    @property
    def is_started(self) -> bool:
        """True if a run was interrupted here after its first pass."""
        return (self.folder / MANIFEST).exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create and lock the folder for a ``with`` block; delete it at the end unless it holds a started run.

        Raises:
            SceneError: another run has the lock, or the folder belongs to something else.
        """
        self.check_ownership()
        with write_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not acquire_lock(lock):
                raise SceneError(f"{self.folder}: another run is at work on this destination; let it finish")
            try:
                yield
            finally:
                if not self.is_started:
                    self._delete_folder()
        finally:
            os.close(lock)

    def check_ownership(self) -> None:
        """Refuse a folder or file of this name that no run has created.

        Raises:
            SceneError: there is one.
        """
        if not os.path.lexists(self.folder):
            return
        if not self.folder.is_dir():
            raise SceneError(f"{self.folder}: finished tiles go into a folder of this name; move what has it now")
        if any(self.folder.iterdir()) and not self._has_own_lock() and not self._has_own_files():
            raise SceneError(
                f"{self.folder}: finished tiles go into a folder of this name, and this one is somebody else's; "
                "rename it or choose another name for the output"
            )

    def _has_own_lock(self) -> bool:
        lock = self.folder / LOCK
        return lock.is_file() and lock.stat().st_size == 0

    def _has_own_files(self) -> bool:
        names = [path.name for path in self.folder.iterdir()]
        return self._read_manifest() is not None and all(_OWN_FILES.fullmatch(name) for name in names)

    def start(self, manifest: dict[str, Any], scan: SceneScan) -> None:
        """Begin a new run: delete older files, write the scan and, last, the manifest."""
        with write_errors(self.folder):
            self._delete_files()
            np.savez(self.folder / SCAN, **scan_to_arrays(scan))
            content = manifest | {"scan": self._scan_digest()}
            self._write(MANIFEST, json.dumps(content, indent=2).encode())

    def manifest(self) -> dict[str, Any] | None:
        """Manifest of the interrupted run; None if it was killed before writing one.

        Raises:
            NotResumableError: it is damaged, or of another version.
        """
        path = self.folder / MANIFEST
        if not path.exists():
            return None
        found = self._read_manifest()
        if found is None or found["version"] != VERSION:
            raise NotResumableError(f"{path}: not a manifest of this version; start again with --overwrite")
        if not all(isinstance(found.get(key), kind) for key, kind in _REQUIRED_KEYS.items()):
            raise NotResumableError(f"{path}: damaged; start again with --overwrite")
        return found

    def _read_manifest(self) -> dict[str, Any] | None:
        """Content of a manifest of any version; None if the file is none."""
        try:
            found = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) and "version" in found else None

    def scan(self) -> SceneScan:
        """Result of the first pass.

        Raises:
            NotResumableError: the file was changed or damaged.
        """
        path = self.folder / SCAN
        try:
            if self._scan_digest() != (self._read_manifest() or {}).get("scan"):
                raise ValueError("another scan than that of the manifest")
            with np.load(path, allow_pickle=False) as arrays:
                return scan_from_arrays(dict(arrays))
        except Exception:  # damaged archives raise anything
            raise NotResumableError(f"{path}: damaged; start again with --overwrite") from None

    def _scan_digest(self) -> str:
        return blake2b((self.folder / SCAN).read_bytes(), digest_size=16).hexdigest()

    def finished(self) -> set[int]:
        """Numbers of the tiles in the cache."""
        names = (_TILE.fullmatch(path.name) for path in self.folder.glob("tile-*.npz"))
        return {int(name[1]) for name in names if name is not None}

    def size(self) -> int:
        """Bytes of the finished tiles; 0 if there is no folder."""
        try:
            return sum(path.stat().st_size for path in self.folder.iterdir() if _TILE.fullmatch(path.name))
        except OSError:
            return 0

    def store(self, number: int, tile: EncodedTile) -> None:
        """Write a finished tile; it appears under its name only when complete."""
        arrays: dict[str, Any] = {f"output{n}": _collapse_constant(stored) for n, stored in enumerate(tile.outputs)}
        arrays["consistency"] = np.array(astuple(tile.consistency), np.float64)
        path = self._tile_path(number)
        partial = path.with_suffix(".part")
        with write_errors(self.folder):
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            partial.replace(path)

    def load(self, number: int, kinds: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> EncodedTile:
        """Read a finished tile.

        Args:
            number: of the tile.
            kinds: shape and number type of each of its outputs.

        Raises:
            SceneError: the file is damaged, or holds another shape or type.
        """
        path = self._tile_path(number)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                outputs = tuple(_expand_constant(arrays[f"output{n}"], *kind) for n, kind in enumerate(kinds))
                return EncodedTile(outputs, ConsistencyStats.of(arrays["consistency"].tolist()))
        except Exception:  # damaged archives raise anything
            raise SceneError(f"{path}: damaged; delete it and run again with --resume") from None

    def remove(self) -> None:
        """Delete the manifest, so that the folder is deleted when ``locked`` ends."""
        (self.folder / MANIFEST).unlink(missing_ok=True)

    def _delete_folder(self) -> None:
        """Delete the files of the cache, and the folder if it is empty then."""
        with suppress(OSError):
            self._delete_files()
            (self.folder / LOCK).unlink()
            self.folder.rmdir()

    def _delete_files(self) -> None:
        """Delete the files of the cache except the lock; the manifest first, without which the rest is ignored."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if _OWN_FILES.fullmatch(path.name) and path.name != LOCK and not path.is_dir():
                path.unlink()

    def _tile_path(self, number: int) -> Path:
        return self.folder / f"tile-{number:06d}.npz"

    def _write(self, name: str, content: bytes) -> None:
        partial = self.folder / (name + ".part")
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / name)


def _collapse_constant(stored: StoredPixels) -> StoredPixels:
    """One value in place of a constant tile, such as one without data."""
    first = stored[:1, :1, :1]
    same = stored == first
    return first if same.all() or (stored.dtype.kind == "f" and np.isnan(stored).all()) else stored


def _expand_constant(stored: StoredPixels, shape: tuple[int, ...], dtype: np.dtype[Any]) -> StoredPixels:
    if stored.dtype != dtype or (stored.shape != shape and stored.size != 1):
        raise ValueError(f"a tile of {stored.dtype} {stored.shape} in place of {dtype} {shape}")
    return stored if stored.shape == shape else np.full(shape, stored.ravel()[0])
