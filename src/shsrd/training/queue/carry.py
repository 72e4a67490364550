"""One folder with all that a machine without a network needs: program, queue, state, and as much data as fits."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

import shsrd
from shsrd.model import bundled_models
from shsrd.model.weights import find_weights
from shsrd.training.config import TrainingError
from shsrd.training.data.pack import pack_scenes
from shsrd.training.queue.data import DatasetStore
from shsrd.training.queue.home import STATUS, QueueState
from shsrd.training.queue.scene_files import SUFFIX, compress_scene
from shsrd.training.queue.settings import WEIGHT_KEYS, Queue

FILE_OVERHEAD = 512  # bytes that an archive of the folder needs for each file beside its content


@dataclass
class TransferFolder:
    """The folder to carry, which takes files as long as they fit.

    Attributes:
        path: its place.
        limit: bytes that it may have.
        used: bytes that it has.
        left_out: files that did not fit, by data set.
    """

    path: Path
    limit: int
    used: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def fits(self, files: Mapping[str, Path]) -> bool:
        """Return True if all files fit; those transferred before count nothing."""
        new = [file for place, file in files.items() if not (self.path / "data" / place).exists()]
        return self.used + sum(file.stat().st_size + FILE_OVERHEAD for file in new) <= self.limit

    def take(self, source: Path, name: str, *, needed: bool = False) -> bool:
        """Copy a file to ``name`` if it fits.

        Raises:
            TrainingError: it is needed and does not fit.
        """
        size, target = source.stat().st_size + FILE_OVERHEAD, self.path / name
        if target.exists():
            return True
        if self.used + size > self.limit:
            if needed:
                raise TrainingError(f"{source} ({size / 2**20:.1f} MiB) does not fit; give a larger --limit")
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        self.used += size
        return True


def carry(
    queue: Queue,
    folder: TransferFolder,
    *,
    root: Path,
    home: Path,
    without: Sequence[Path] = (),
    on_message: Callable[[str], None],
) -> None:
    """Fill a new folder: program, queue, what earlier calls reached, and data in the order in which it is needed.

    Photos are copied as they are, scenes are packed and compressed. Sets that fit whole go before parts of larger
    ones; of these, the files taken are a fixed choice (by a hash of their names), and the rest is said.

    Args:
        queue: of which trainings that are not done are served.
        folder: new or empty.
        root: where photos and scenes lie.
        home: what earlier calls have reached.
        without: folders carried before to the same machine, whose data need not be carried again.
        on_message: gets one sentence at a time.

    Raises:
        TrainingError: the folder is in use.
    """
    if folder.path.exists() and any(folder.path.iterdir()):
        raise TrainingError(f"{folder.path} is not empty; give a new folder")
    reached = QueueState(home)
    open_ones = [training for training in queue.trainings if not reached.done(training.name)]
    _add_program(folder)
    _add_state(queue, reached, folder)
    for training in open_ones:
        for key in WEIGHT_KEYS:
            _add_weights(str(queue.settings(training).get(key)), folder)
    with tempfile.TemporaryDirectory() as scratch:
        store = DatasetStore(Path(scratch), root, on_message)
        sets = {data: None for training in open_ones for data in queue.sets(training)}
        files = {name: _files(name, queue, store, Path(scratch), without) for name in sets}
        _add_data([queue.sets(training) for training in open_ones], files, folder, without)
    totals = {name: len(found) for name, found in files.items()}
    _write_queue(queue, totals, folder)
    for name, count in folder.left_out.items():
        on_message(
            f"{name}: {count} of {totals[name]} files left out; carry them in a second folder, made with --without"
        )
    on_message(f"{folder.path}: {folder.used / 2**20:.1f} MiB")


def _add_program(folder: TransferFolder) -> None:
    package = Path(shsrd.__file__).parent
    for file in sorted(package.rglob("*")):
        if file.is_file() and file.suffix != ".safetensors" and "__pycache__" not in file.parts:
            folder.take(file, f"src/shsrd/{file.relative_to(package).as_posix()}", needed=True)


def _add_state(queue: Queue, reached: QueueState, folder: TransferFolder) -> None:
    """Add the status, training states, and weights that other trainings start from."""
    (folder.path / "home").mkdir(parents=True, exist_ok=True)
    if not (reached.folder / STATUS).exists():
        return
    folder.take(reached.folder / STATUS, f"home/{STATUS}", needed=True)
    parts = [part for status in reached.statuses.values() for part in status.parts]
    needed = {name for t in queue.trainings if not reached.done(t.name) for name in queue.needs(t)}
    weights = [f"{name}.safetensors" for name in sorted(needed) if reached.done(name)]
    for name in (*parts, *weights):
        if (reached.folder / name).exists():
            folder.take(reached.folder / name, f"home/{name}", needed=True)


def _add_weights(source: str, folder: TransferFolder) -> None:
    """Bundled weights from which a training starts."""
    if source in bundled_models():
        folder.take(find_weights(source), f"src/shsrd/model/weights/{source}.safetensors", needed=True)


def _files(name: str, queue: Queue, store: DatasetStore, scratch: Path, without: Sequence[Path]) -> dict[str, Path]:
    """Every file of a data set by its place below the data folder; scenes carried before are not packed again."""
    data = queue.data[name]
    found = store.photos(data) if data.photos else _scene_files(name, store.scenes(data), store, scratch, without)
    if not found:
        store.on_message(f"{name}: nothing of it found in {store.root}; give its folder with --data")
    return found


def _scene_files(
    name: str, sources: Sequence[Path], store: DatasetStore, scratch: Path, without: Sequence[Path]
) -> dict[str, Path]:
    found, new = {}, []
    for source in sources:
        place = f"{name}.scenes/{source.stem}{SUFFIX}"
        before = next((folder / "data" / place for folder in without if (folder / "data" / place).exists()), None)
        if before is None:
            new.append(source)
        found[place] = before or scratch / place
    if new:
        pack_scenes(new, scratch / "carried" / name, on_message=store.on_message)
    for source in new:
        pack = scratch / "carried" / name / f"{source.stem}.safetensors"
        compress_scene(pack, scratch / f"{name}.scenes" / f"{source.stem}{SUFFIX}")
        pack.unlink()
    return found


def _add_data(
    needs: Sequence[Sequence[str]], files: dict[str, dict[str, Path]], folder: TransferFolder, without: Sequence[Path]
) -> None:
    """Take whole sets as long as they fit, those of the first trainings first; then parts of the others."""
    missing = {
        name: {place: file for place, file in found.items() if not _already_transferred(place, without)}
        for name, found in files.items()
    }
    for names in needs:
        wanted = {place: file for name in names for place, file in missing[name].items()}
        if folder.fits(wanted):
            for place, file in wanted.items():
                folder.take(file, f"data/{place}")
    for names in needs:
        for name in names:
            for place in sorted(missing[name], key=lambda place: hashlib.sha256(place.encode()).hexdigest()):
                folder.take(missing[name][place], f"data/{place}")
    for name, found in missing.items():
        if count := sum(not (folder.path / "data" / place).exists() for place in found):
            folder.left_out[name] = count


def _already_transferred(place: str, folders: Sequence[Path]) -> bool:
    return any((folder / "data" / place).exists() for folder in folders)


def _write_queue(queue: Queue, totals: dict[str, int], folder: TransferFolder) -> None:
    """The queue file with every config in it, and the size of every set."""
    data = {}
    for name, known in queue.data.items():
        data[name] = known.model_dump(mode="json", exclude_defaults=True) | {"files": totals.get(name, known.files)}
    trainings = [
        {"name": training.name, "after": list(training.after), **queue.settings(training)}
        for training in queue.trainings
    ]
    (folder.path / "data").mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"data": data, "trainings": trainings}, sort_keys=False)
    (folder.path / "queue.yaml").write_text(text)
