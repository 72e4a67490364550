"""The data of a queue: found where it lies or was carried to, and packed when a training first asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shsrd.training.config import TrainingError
from shsrd.training.data.pack import PHOTO_PACK, pack_photo_files, pack_scenes, photo_files
from shsrd.training.queue.scene_files import SUFFIX, expand_scene
from shsrd.training.queue.settings import DatasetSpec


class DatasetStore:
    """Data sets on this machine.

    Args:
        work: folder for packs, and for copies of what was carried here.
        root: where the folders of photos and scenes lie.
        on_message: gets one sentence at a time.
    """

    def __init__(self, work: Path, root: Path, on_message: Callable[[str], None]) -> None:
        self.packs, self.copies, self.root, self.on_message = work / "packs", work / "data", root, on_message

    def copy_transferred(self) -> None:
        """Copy what was carried here, so that the next call may carry something else."""
        for file in sorted(p for p in self.root.rglob("*") if p.is_file()):
            copy = self.copies / file.relative_to(self.root)
            if not copy.exists() or copy.stat().st_size != file.stat().st_size:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)

    def photos(self, data: DatasetSpec) -> dict[str, Path]:
        """Every photo of a set that is at hand, by source and name."""
        return {
            f"{source}/{name}": file
            for source in data.photos
            for place in (self.root, self.copies)
            for name, file in photo_files(place / source).items()
        }

    def transferred_scenes(self, name: str) -> dict[str, Path]:
        """Compressed scenes of a set that were carried here, by name."""
        folders = [place / f"{name}.scenes" for place in (self.root, self.copies)]
        return {file.stem: file for folder in folders for file in sorted(folder.glob(f"*{SUFFIX}"))}

    def scenes(self, data: DatasetSpec) -> list[Path]:
        """Scene files of a set where they lie originally."""
        if data.names is None:
            return [path for name in data.scenes for path in sorted(self.root.glob(name))]
        from shsrd.datasets import cave_scenes

        split = "validation" if data.names == "val" else data.names
        return [scene for name in data.scenes for scene in cave_scenes(self.root / name, split)]

    def missing(self, name: str, data: DatasetSpec) -> str | None:
        """Reason that a data set cannot be used yet; None if it can."""
        if self._packed(name, data):
            return None
        if data.photos:
            found, whole = len(self.photos(data)), data.files
        else:
            found, whole = len(self.transferred_scenes(name)), data.files
            if not found and whole is None:
                found = len(self.scenes(data))
        if not found:
            return f"nothing of {name!r} is here"
        if whole is not None and found < data.share * whole:
            return f"only {found} of {whole} files of {name!r} are here"
        return None

    def pack(self, name: str, data: DatasetSpec) -> None:
        """Pack a set, once; a pack stays as it is, whatever arrives later.

        Raises:
            TrainingError: nothing of it is here.
        """
        if self._packed(name, data):
            return
        self.on_message(f"packing {name}")
        unfinished = self.packs / f"{name}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        if data.photos:
            pack_photo_files(self.photos(data), unfinished)
        elif carried := self.transferred_scenes(name):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda file: expand_scene(file, unfinished), carried.values()))
        elif sources := self.scenes(data):
            pack_scenes(sources, unfinished, on_message=self.on_message)
        else:
            raise TrainingError(f"{self.root}: nothing of the data {name!r} found; give its folder with --data")
        unfinished.replace(self.packs / name)

    def _packed(self, name: str, data: DatasetSpec) -> bool:
        folder = self.packs / name
        return (folder / PHOTO_PACK).exists() if data.photos else folder.is_dir()
