"""STAC item beside an output: describes it, and records the manifest that a later run compares."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io import write_json
from shsrd.io.file_checks import geolocation_path
from shsrd.io.targets import written_files
from shsrd.model import Model
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.jobs.manifest import digest_of, files_unchanged, manifest_difference, manifest_of
from shsrd.upscaling.report import Report, with_current_keys
from shsrd.version import __version__

StacItem = dict[str, Any]
_FINGERPRINT = "shsrd:fingerprint"
_NO_EFFECT = ("tile", "tile_size")  # on the pixels
_RENAMED_OPTIONS = {"frame": "basis", "cell": "block"}  # in records of earlier versions
MAX_LISTED_FILES = 100  # of an input; a Zarr store may have a million
_ASSETS = ("data", "uncertainty")


def item_path(target: Path) -> Path:
    """Path of the item of an output."""
    return target.with_name(target.name + ".json")


def check_item(job: Job) -> None:
    """Refuse to replace a file that is no item of shsrd.

    Raises:
        SceneError: there is one.
    """
    path = item_path(job.target)
    if job.origin is not None and not job.overwrite and path.exists() and read_item(job.target) is None:
        raise SceneError(
            f"{path}: exists already and is no item of shsrd; choose another name or allow overwriting (--overwrite)"
        )


def write_item(job: Job, outputs: tuple[SceneMetadata, ...], manifest: Mapping[str, Any], report: Report) -> None:
    """Write the STAC item of a finished run; without ``job.origin``, delete the item of the replaced output.

    Args:
        job: the run, whose targets exist.
        outputs: metadata of each.
        manifest: of the run.
        report: of the run.
    """
    if job.origin is None:
        if read_item(job.target) is not None:
            item_path(job.target).unlink()
        return
    from shsrd.io.stac.write import item_of

    files = dict(zip(_ASSETS, zip(job.targets, outputs, strict=True), strict=False))
    properties = _report_properties(report) | _manifest_properties(manifest) | _processing(job, report)
    write_json(item_of(files, job.origin, scale=job.scale, properties=properties), item_path(job.target))


def _report_properties(report: Report) -> dict[str, Any]:
    """Report by property; numbers that JSON cannot hold become null."""
    values = report.as_json().items()
    return {f"shsrd:{k}": None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values}


def _manifest_properties(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Manifest by property, with file names in place of paths: folders may be moved."""
    files = [[Path(name).name, size, changed] for name, size, changed in manifest["input"]["files"]]
    if len(files) > MAX_LISTED_FILES:
        _, sizes, changes = zip(*files, strict=True)
        files = [[f"{len(files)} files", sum(sizes), max(changes)]]
    return {
        "shsrd:input": {"files": files, "digest": manifest["input"]["digest"]},
        "shsrd:options": manifest["options"],
        "shsrd:opening": {key: value for key, value in manifest["opening"].items() if value is not None},
        "shsrd:writing": manifest["writing"],
    }


def _processing(job: Job, report: Report) -> dict[str, Any]:
    kind = "posterior mean" if report.steps == 0 else f"{report.samples} posterior samples of {report.steps} steps"
    lineage = (
        f"super-resolved x{report.scale} from {job.source.name} by shsrd {__version__}: {kind} in the {report.basis} "
        f"basis, weights {report.model} ({report.fingerprint})"
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
    """True if a JSON document is an item written by shsrd."""
    return isinstance(item, dict) and _FINGERPRINT in (item.get("properties") or {})


def mismatch_reason(record: StacItem, job: Job, model: Model) -> str | None:
    """Reason for which a finished output is not the result of a job; None if it is.

    Pixels are compared only if the input's files have other names, sizes or times than recorded.

    Args:
        record: item of the output.
        job: the run.
        model: its weights.

    Raises:
        SceneError: the input cannot be read.
        OSError: the input or the output cannot be read.
    """
    manifest = manifest_of(job, "", model.fingerprint)
    now = manifest | {key.removeprefix("shsrd:"): value for key, value in _manifest_properties(manifest).items()}
    kept = _recorded_manifest(record, now["options"])
    found = manifest_difference(kept, now, ignored=_NO_EFFECT)
    if found is not None:
        return found
    if not files_unchanged(kept, now) and digest_of(job) != kept["input"]["digest"]:
        return "the input has changed"
    return _changed_output(record, job)


def _recorded_manifest(record: StacItem, options: Mapping[str, Any]) -> dict[str, Any]:
    """Manifest in an item; ``options`` are those of this version."""
    found = record["properties"]
    return {
        "input": found.get("shsrd:input", {"files": [], "digest": ""}),
        "scale": found.get("shsrd:scale"),
        "model": found[_FINGERPRINT],
        "options": _current_options(found.get("shsrd:options", {}), options),
        "opening": found.get("shsrd:opening", {}),
        "writing": found.get("shsrd:writing", {}),
    }


def _current_options(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded options under the names that they have in this version."""
    renamed = {old: new for old, new in _RENAMED_OPTIONS.items() if new in now}
    current = {renamed.get(key, key): value for key, value in recorded.items()}
    return current | ({"basis": "pca"} if current.get("basis") == "eigen" else {})


def _changed_output(record: StacItem, job: Job) -> str | None:
    """Sentence on the first file of an output that was changed; bytes are compared if it is younger than the item."""
    assets = {Path(asset["href"]).name: asset for asset in record.get("assets", {}).values()}
    written = item_path(job.target).stat().st_mtime_ns
    beside = [geolocation_path(target) for target in job.targets if geolocation_path(target).name in assets]
    for file in [*(file for target in job.targets for file in written_files(target)), *beside]:
        if not file.exists():
            return f"{file.name} is missing"
        if not file.is_file():
            continue
        asset, status = assets.get(file.name, {}), file.stat()
        if asset.get("file:size") != status.st_size or (status.st_mtime_ns > written and _changed(file, asset)):
            return f"{file.name} was changed afterwards"
    return None


def _changed(file: Path, asset: Mapping[str, Any]) -> bool:
    from shsrd.io.stac.write import checksum

    return checksum(file) != asset.get("file:checksum")
