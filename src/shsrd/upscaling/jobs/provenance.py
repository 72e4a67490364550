"""The STAC item beside an output: what it is, and the record by which a later run knows that it is done."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io import write_json
from shsrd.io.file_checks import geolocation_path
from shsrd.io.targets import written_files
from shsrd.model import Model
from shsrd.upscaling.jobs.manifest import difference, digest_of, files_unchanged, manifest_of
from shsrd.upscaling.report import Report, with_current_keys
from shsrd.version import __version__

if TYPE_CHECKING:
    from shsrd.upscaling.jobs.upscale_file import Job

StacItem = dict[str, Any]
_OURS = "shsrd:fingerprint"
_FREE = ("tile", "tile_size")  # changes no pixel
_RENAMED_OPTIONS = {"frame": "basis", "cell": "block_size", "tile": "tile_size"}  # in records of earlier versions
_MOST_FILES = 100  # of an input that are named one by one; a Zarr store may have a million
_ASSETS = ("data", "uncertainty")


def item_path(target: Path) -> Path:
    """Where the item of an output lies."""
    return target.with_name(target.name + ".json")


def check_item(job: Job) -> None:
    """Refuse to replace a file that is no item of ours, before anything is computed.

    Raises:
        SceneError: there is one.
    """
    place = item_path(job.target)
    if job.origin is not None and not job.overwrite and place.exists() and read_item(job.target) is None:
        raise SceneError(
            f"{place}: exists already and is no item of shsrd; choose another name or allow overwriting (--overwrite)"
        )


def write_item(job: Job, outputs: tuple[SceneMetadata, ...], manifest: Mapping[str, Any], report: Report) -> None:
    """Write the STAC item of a finished job, if one is wanted; else remove that of what the output replaced.

    Args:
        job: whose outputs lie at their places.
        outputs: facts of each.
        manifest: what identifies the run.
        report: what was done.
    """
    if job.origin is None:
        if read_item(job.target) is not None:
            item_path(job.target).unlink()
        return
    from shsrd.io.stac.write import item_of

    files = dict(zip(_ASSETS, zip(job.targets, outputs, strict=True), strict=False))
    properties = _told(report) | _identity(manifest) | _processing(job, report)
    write_json(item_of(files, job.origin, scale=job.scale, properties=properties), item_path(job.target))


def _told(report: Report) -> dict[str, Any]:
    """The report; a number that JSON cannot write becomes null."""
    values = report.as_json().items()
    return {f"shsrd:{k}": None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values}


def _identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a later run compares. File names only: an item may be given away, and folders may be moved."""
    files = [[Path(name).name, size, changed] for name, size, changed in manifest["input"]["files"]]
    if len(files) > _MOST_FILES:
        _, sizes, changes = zip(*files, strict=True)
        files = [[f"{len(files)} files", sum(sizes), max(changes)]]
    return {
        "shsrd:input": {"files": files, "digest": manifest["input"]["digest"]},
        "shsrd:options": manifest["options"],
        "shsrd:opening": {key: value for key, value in manifest["opening"].items() if value is not None},
        "shsrd:writing": manifest["writing"],
    }


def _processing(job: Job, report: Report) -> dict[str, Any]:
    what = "posterior mean" if report.steps == 0 else f"{report.samples} posterior samples of {report.steps} steps"
    lineage = (
        f"super-resolved x{report.scale} from {job.source.name} by shsrd {__version__}: {what} in the {report.basis} "
        f"frame, weights {report.model} ({report.fingerprint})"
    )
    return {"processing:software": {"shsrd": __version__}, "processing:lineage": lineage}


def read_item(target: Path) -> StacItem | None:
    """STAC item beside an output, with present names of its properties; None if it is not of shsrd."""
    try:
        found: StacItem = json.loads(item_path(target).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not is_shsrd_item(found):
        return None
    return found | {"properties": with_current_keys(found["properties"], prefix="shsrd:")}


def is_shsrd_item(item: object) -> bool:
    """Whether a JSON document is an item that shsrd wrote."""
    return isinstance(item, dict) and _OURS in (item.get("properties") or {})


def mismatch_reason(record: StacItem, job: Job, model: Model) -> str | None:
    """In what a finished output is not the answer to a job; None if it is.

    Pixels are compared only where the input's files have other names, sizes or times than they had.

    Raises:
        SceneError: the input cannot be read.
        OSError: likewise.
    """
    told = record["properties"]
    input_ = told.get("shsrd:input", {"files": [], "digest": ""})
    manifest = manifest_of(job, "", model.fingerprint)
    kept = {
        "input": input_,
        "scale": told.get("shsrd:scale"),
        "model": told[_OURS],
        "options": _current_options(told.get("shsrd:options", {}), manifest["options"]),
        "opening": told.get("shsrd:opening", {}),
        "writing": told.get("shsrd:writing", {}),
    }
    now = manifest | _plain(_identity(manifest))
    found = difference(kept, now, ignored=_FREE)
    if found is not None:
        return found
    if not files_unchanged(kept, now) and digest_of(job) != input_["digest"]:
        return "the input has changed"
    return _changed_output(record, job)


def _current_options(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded options under the names that they have in this version."""
    renamed = {old: new for old, new in _RENAMED_OPTIONS.items() if new in now}
    return {renamed.get(key, key): value for key, value in recorded.items()}


def _plain(identity: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("shsrd:"): value for key, value in identity.items()}


def _changed_output(record: StacItem, job: Job) -> str | None:
    """Which file of the output is not as it was written; bytes are compared where it is younger than the item."""
    assets = {Path(asset["href"]).name: asset for asset in record.get("assets", {}).values()}
    told = item_path(job.target).stat().st_mtime_ns
    beside = [geolocation_path(target) for target in job.targets if geolocation_path(target).name in assets]
    for file in [*(file for target in job.targets for file in written_files(target)), *beside]:
        if not file.exists():
            return f"{file.name} is missing"
        if not file.is_file():
            continue
        asset, status = assets.get(file.name, {}), file.stat()
        if asset.get("file:size") != status.st_size or (status.st_mtime_ns > told and _changed(file, asset)):
            return f"{file.name} was changed afterwards"
    return None


def _changed(file: Path, asset: Mapping[str, Any]) -> bool:
    from shsrd.io.stac.write import checksum

    return checksum(file) != asset.get("file:checksum")
