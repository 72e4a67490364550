"""Discovery of scenes by patterns, folders, files and catalogues; auxiliary files are left out."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shsrd.cube import SceneError
from shsrd.io.file_checks import GEOLOCATION_SUFFIX, RAW_SUFFIXES, is_zarr_store
from shsrd.io.stac.origin import Origin, origin_of_file

_SCENES = (".hdr", ".tif", ".tiff", ".nc", ".h5", ".he5", ".hdf5", ".mat", ".npz", ".npy")
_STAC = (".json", ".geojson")
_COMPANIONS = (".aux.xml", ".ovr", ".msk")
_UPSCALED = re.compile(r"(?P<stem>.+)_x\d+(_uncertainty)?(_loc)?")


@dataclass(frozen=True)
class SceneFile:
    """A scene to be worked on.

    Attributes:
        path: the file or folder; the JSON file where a catalogue's scene cannot be used.
        stem: what names of outputs begin with.
        origin: where it comes from.
        error: why it cannot be used, as far as that is known before opening it.
    """

    path: Path
    stem: str
    origin: Origin
    error: SceneError | None = None


@dataclass
class FoundScenes:
    """Result of :func:`find_scenes`.

    Attributes:
        scenes: in the order of the sources, each one once; those of a pattern or folder in alphabetical order.
        skipped: outputs of earlier runs that a pattern, folder or list had named too.
    """

    scenes: list[SceneFile] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


def find_scenes(sources: Sequence[str], *, asset: str | None = None) -> FoundScenes:
    """All scenes that are meant.

    Args:
        sources: patterns (``**`` means any folders), files, folders of scenes or that are a scene, STAC files.
        asset: see :func:`shsrd.io.stac.read.scenes_of`.

    Raises:
        SceneError: a source that means no scene at all.
    """
    scenes: dict[Path, SceneFile] = {}
    for source in sources:
        for scene in _scenes_of_source(source, asset):
            key = scene.path.resolve() if scene.error is None else Path(f"{scene.path}#{scene.stem}")
            scenes.setdefault(key, scene)
    ours = _outputs([scene.path for scene in scenes.values() if scene.error is None])
    found = FoundScenes()
    for scene in scenes.values():
        if scene.path in ours:
            found.skipped.append(scene.path)
        else:
            found.scenes.append(scene)
    if not found.scenes:
        only = "; they name outputs of earlier runs only" if found.skipped else ""
        raise SceneError(f"{', '.join(sources) or 'no sources'}: no scene to work on{only}; check path and pattern")
    return found


def _scenes_of_source(source: str, asset: str | None) -> Iterator[SceneFile]:
    """Scenes of one source."""
    path = Path(source)
    if glob.has_magic(source) and not path.exists():
        matched = [Path(name) for name in sorted(glob.glob(source, recursive=True))]  # noqa: PTH207  (absolute too)
        if not matched:
            raise SceneError(f"{source}: no file matches this pattern; check it, and the folder it starts from")
        literal = path.suffix if not glob.has_magic(path.suffix) else ""  # who names an ending means all such files
        paths = [candidate for candidate in matched if candidate.suffix == literal != "" or _may_be_scene(candidate)]
    elif path.is_dir() and not _is_scene(path):
        paths = [candidate for candidate in sorted(path.iterdir()) if _may_be_scene(candidate)]
        if not paths:
            raise SceneError(f"{source}: no scene in this folder; give a folder of scenes, or a pattern with **")
    else:
        paths = [path]
    for candidate in paths:
        if candidate.suffix.lower() in _STAC:
            yield from _catalogued(candidate, asset)
        elif not _is_auxiliary(candidate):
            scene = _image(candidate)
            yield SceneFile(scene, _stem(scene), origin_of_file(scene))


def _catalogued(path: Path, asset: str | None) -> Iterator[SceneFile]:
    from shsrd.io.stac.read import ItemScene, scenes_of

    for scene in scenes_of(path, asset):
        if isinstance(scene, ItemScene):
            yield SceneFile(scene.origin.file, _file_name(scene.name), scene.origin)
        else:
            name, fault = scene
            yield SceneFile(path, _file_name(name), origin_of_file(path), fault)


def _file_name(name: str) -> str:
    """The id of an item, without what file names may not hold."""
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "scene"


def _stem(path: Path) -> str:
    """The name without the ending of a format; other dots belong to it (ENVI images often have no ending)."""
    known = path.suffix.lower() in (*_SCENES, *RAW_SUFFIXES, ".zarr", ".xml")
    return path.stem if known else path.name


def _is_auxiliary(path: Path) -> bool:
    """Return True if a file is auxiliary to a scene, or belongs to an unfinished run."""
    if path.name.endswith(GEOLOCATION_SUFFIX) and any(
        _names_sidecar(path, ending) for ending in (*_SCENES, *RAW_SUFFIXES)
    ):
        return True
    hidden = any(part.endswith((".partial", ".part")) for part in path.parts)
    return hidden or path.name.lower().endswith(_COMPANIONS)


def _names_sidecar(sidecar: Path, ending: str) -> bool:
    """Return True if the scene with this ending names a file as its latitudes and longitudes."""
    scene = sidecar.with_name(sidecar.name.removesuffix(GEOLOCATION_SUFFIX) + ending)
    if ending == ".hdr" or not scene.is_file():
        return False
    from shsrd.io.geolocation_sidecar import find_geolocation_file

    try:
        return find_geolocation_file(scene) == sidecar
    except (ValueError, OSError):  # no scene that can be opened
        return False


def _may_be_scene(path: Path) -> bool:
    from shsrd.io.envi.read import find_header

    if _is_auxiliary(path):
        return False
    if path.is_dir():
        return _is_scene(path)
    return path.suffix.lower() in _SCENES or (_is_raw(path) and find_header(path) is not None)


def _is_raw(path: Path) -> bool:
    """An ENVI image has one of some endings, or none; a dot in its name then looks like an ending of more letters."""
    return path.suffix.lower() in RAW_SUFFIXES or path.with_name(path.name + ".hdr").is_file()


def _is_scene(folder: Path) -> bool:
    """Return True if a folder is one scene: a Zarr store, a product, or band images of one CAVE scene."""
    from shsrd.io.products.cave import is_cave_folder
    from shsrd.io.products.product_xml import metadata_in

    if is_zarr_store(folder):
        return True
    try:
        if metadata_in(folder) is not None:
            return True
    except SceneError:  # several products, or a damaged one: a folder of scenes
        return False
    inner = [candidate for candidate in folder.iterdir() if candidate.is_dir() and is_cave_folder(candidate)]
    return is_cave_folder(folder) and len(inner) <= 1


def _image(path: Path) -> Path:
    """The image of an ENVI header, so that the two are one scene; opening says what is wrong with others."""
    from shsrd.io.envi.header import read_header
    from shsrd.io.envi.read import find_image

    if path.suffix.lower() != ".hdr" or not path.is_file():
        return path
    try:
        return find_image(path, read_header(path))
    except (ValueError, OSError):
        return path


def _outputs(paths: Sequence[Path]) -> set[Path]:
    """Those that shsrd made: an item beside them says so, or they are named after a scene in their folder."""
    item_files = {asset for folder in {path.parent for path in paths} for asset in _item_files(folder)}
    stems = {(path.parent.resolve(), _stem(path)) for path in paths}
    made = set()
    for path in paths:
        match = _UPSCALED.fullmatch(_stem(path))
        named = match is not None and (path.parent.resolve(), match["stem"]) in stems
        if named or path.resolve() in item_files:
            made.add(path)
    return made


def _item_files(folder: Path) -> Iterator[Path]:
    """Files that items of ours in a folder name."""
    for candidate in folder.glob("*.json") if folder.is_dir() else ():
        try:
            item = json.loads(candidate.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(item, dict) and "shsrd:fingerprint" in (item.get("properties") or {}):
            for asset in item.get("assets", {}).values():
                yield (folder / asset["href"]).resolve()
