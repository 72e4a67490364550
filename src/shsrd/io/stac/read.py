"""Scenes named by STAC: an Item, an ItemCollection or a static Catalog in a local JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pystac
from pystac.stac_io import DefaultStacIO

from shsrd.cube import SceneError
from shsrd.io.file_checks import read_errors
from shsrd.io.stac.origin import Origin

_NO_SCENE = (".json", ".geojson", ".xml", ".png", ".jpg", ".jpeg", ".html", ".txt", ".csv", ".hdr", ".pdf", ".md5")
_AUXILIARY_ROLES = {"thumbnail", "overview", "metadata", "visual", "uncertainty", "data-mask"}


@dataclass(frozen=True)
class ItemScene:
    """A scene of an item.

    Attributes:
        name: id of the item.
        origin: what is known of it; ``origin.file`` is the scene.
    """

    name: str
    origin: Origin


def scenes_of(path: Path, asset: str | None = None) -> Iterator[ItemScene | tuple[str, SceneError]]:
    """Scenes of a STAC file, in its order; in place of one that cannot be used, its name and why.

    Args:
        path: the JSON file.
        asset: name of the assets to take. By default the one with role ``data``; of several, or of none, the one that
            lists most bands, then the largest.

    Raises:
        SceneError: a file that is no STAC.
    """
    with read_errors(path, "STAC"):
        items = list(_items(path))
    for item, folder in items:
        try:
            yield ItemScene(item.id, _origin(item, folder, asset))
        except SceneError as error:
            yield item.id, error


def _items(path: Path) -> Iterator[tuple[pystac.Item, Path]]:
    """Items, and the folder to which their assets are relative."""
    if not path.is_file():
        raise SceneError(f"{path}: no such file; check the path")
    file = path.resolve()
    content = json.loads(file.read_text(encoding="utf-8"))
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "FeatureCollection":
        for item in pystac.ItemCollection.from_file(str(file), stac_io=_LocalIO()):
            yield item, file.parent
    elif kind == "Feature":
        yield pystac.Item.from_file(str(file), stac_io=_LocalIO()), file.parent
    elif kind in ("Catalog", "Collection"):
        yield from _catalogued(file)
    else:
        raise SceneError(f"{path}: no STAC Item, ItemCollection or Catalog in this file; give one, or a scene")


def _catalogued(file: Path) -> Iterator[tuple[pystac.Item, Path]]:
    try:
        for item in pystac.Catalog.from_file(str(file), stac_io=_LocalIO()).get_items(recursive=True):
            own = item.get_self_href()
            yield item, file.parent if own is None else Path(own).parent
    except pystac.STACError as error:
        if isinstance(error.__cause__, SceneError):  # pystac wraps what our reader says
            raise error.__cause__ from None
        raise


class _LocalIO(DefaultStacIO):
    """Reads local files and nothing else: a catalogue makes nobody's machine talk to others."""

    def read_text_from_href(self, href: str) -> str:
        file = local_path(href, Path())
        if not file.is_file():
            raise SceneError(f"{file}: a catalogue names this file, but there is none; copy the catalogue again")
        return file.read_text(encoding="utf-8")


def local_path(href: str, folder: Path) -> Path:
    """The file that an address means.

    Args:
        href: path, relative or absolute, or ``file://`` address.
        folder: to which relative ones are.

    Raises:
        SceneError: it is on another machine.
    """
    parts = urlsplit(href)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if href.startswith("/vsi") or "://" in href:
        raise SceneError(f"{href}: remote files are not read; download it first and name the local copy in the item")
    return folder / href


def _origin(item: pystac.Item, folder: Path, wanted: str | None) -> Origin:
    asset = _chosen(item, folder, wanted)
    file = local_path(asset.href, folder)
    own = item.get_self_href()
    known = dict(item.properties) | {key: asset.extra_fields[key] for key in ("gsd",) if key in asset.extra_fields}
    return Origin(own or str(file.resolve()), file, pystac.MediaType.GEOJSON if own else asset.media_type, known)


def _chosen(item: pystac.Item, folder: Path, wanted: str | None) -> pystac.Asset:
    if wanted is not None:
        if wanted not in item.assets:
            has = ", ".join(item.assets) or "none"
            raise SceneError(f"{item.id}: no asset {wanted!r} in this item (it has {has}); choose one with --asset")
        return item.assets[wanted]
    scenes = [asset for asset in item.assets.values() if _may_be_scene(asset)]
    chosen = [asset for asset in scenes if "data" in (asset.roles or ())] or scenes
    if not chosen:
        has = ", ".join(item.assets) or "none"
        raise SceneError(f"{item.id}: no asset of this item (it has {has}) looks like a scene; name one with --asset")
    return max(chosen, key=lambda asset: (_bands(asset), _size(asset, folder)))


def _may_be_scene(asset: pystac.Asset) -> bool:
    aside = _AUXILIARY_ROLES.intersection(asset.roles or ())
    return not aside and not urlsplit(asset.href).path.lower().endswith(_NO_SCENE)


def _bands(asset: pystac.Asset) -> int:
    lists: list[Any] = [asset.extra_fields.get(key) for key in ("bands", "eo:bands", "raster:bands")]
    return max(len(listed) if isinstance(listed, Sequence) else 0 for listed in lists)


def _size(asset: pystac.Asset, folder: Path) -> int:
    size = asset.extra_fields.get("file:size")
    if isinstance(size, int):
        return size
    try:
        return local_path(asset.href, folder).stat().st_size
    except (SceneError, OSError):
        return 0
