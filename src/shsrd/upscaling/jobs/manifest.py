"""Manifest of a run: input, weights and options, compared before a run is resumed or an output is skipped."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shsrd.cube import SceneError
from shsrd.io import open_source
from shsrd.io.compression import DEFAULT
from shsrd.io.file_checks import is_tiff
from shsrd.io.sources import OpenOptions
from shsrd.io.targets import files_read
from shsrd.upscaling.correction import match_bicubic_psf
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.jobs.tile_cache import VERSION, NotResumableError
from shsrd.upscaling.scan import scan_scene

_MANIFEST_DEFAULTS = {"compress": DEFAULT}  # left out of manifests
_NOT_COMPARED = {"device", "model"}  # any device will do; weights are compared by their fingerprint


class InputChangedError(SceneError):
    """Input overwritten while it was read."""


@dataclass(frozen=True)
class InputState:
    """File status of the input at one moment.

    Attributes:
        files: device, inode, size, modification time and change time (ns), by path.
    """

    files: dict[Path, tuple[int, ...]]

    @classmethod
    def of(cls, source: Path) -> InputState:
        """Present state; missing files are left out."""
        found: dict[Path, tuple[int, ...]] = {}
        for file in files_read(source):
            with suppress(OSError):
                status = file.stat()
                found[file] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return cls(found)

    def check(self, job: Job, digest: str) -> None:
        """Refuse the result of a run whose input was overwritten in the meantime.

        Pixels are read again only if the status of a file has changed. Files deleted since then do no harm.

        Args:
            job: the run.
            digest: of the pixels in the first pass.

        Raises:
            InputChangedError: the pixels have another digest now.
        """
        now = InputState.of(job.source).files
        if all(file in self.files and self.files[file] == state for file, state in now.items()):
            return
        try:
            same = digest_of(job) == digest
        except SceneError:
            same = False
        if not same:
            raise InputChangedError(f"{job.source}: was changed while it was read; the result is dropped, run again")


def digest_of(job: Job) -> str:
    """Digest of the input's pixels after the correction of their point spread function.

    Raises:
        SceneError: the input cannot be read.
    """
    with closing(open_source(job.source, **job.opening)) as measured:
        return scan_scene(match_bicubic_psf(measured, job.effective_options, job.scale), []).digest


def manifest_of(job: Job, digest: str, fingerprint: str) -> dict[str, Any]:
    """Manifest of a run.

    Args:
        job: the run.
        digest: of the input's pixels.
        fingerprint: of the weights.
    """
    tiff = any(is_tiff(target) for target in job.targets)
    compress = job.compress if tiff and job.compress is not None else DEFAULT
    return {
        "version": VERSION,
        "input": {"files": file_states(files_read(job.source)), "digest": digest},
        "scale": job.scale,
        "model": fingerprint,
        "options": {
            key: value
            for key, value in job.effective_options.model_dump(mode="json").items()
            if key not in _NOT_COMPARED
        },
        "opening": OpenOptions.of(**job.opening).as_json(),
        "writing": {} if compress == DEFAULT else {"compress": compress},
        "targets": [str(target.resolve()) for target in job.targets],
    }


def file_states(files: list[Path]) -> list[list[Any]]:
    """Path, size in bytes and modification time (ns) of every file."""
    found = []
    for file in files:
        status = file.stat()
        found.append([str(file.resolve()), status.st_size, status.st_mtime_ns])
    return found


def check_manifest(kept: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to resume a run with other weights, options or targets.

    Args:
        kept: manifest of the interrupted run.
        now: manifest of this run; the digest is not compared.

    Raises:
        NotResumableError: names the difference.
    """
    found = manifest_difference(kept, now)
    if found is not None:
        raise NotResumableError(f"cannot resume: {found}; give the same, or --overwrite to start again")
    if kept["targets"] != now["targets"]:
        raise NotResumableError("cannot resume: other files to write than before; give the same, or --overwrite")


def manifest_difference(kept: dict[str, Any], now: dict[str, Any], *, ignored: Collection[str] = ()) -> str | None:
    """First difference of two manifests in weights, scale or options; None if there is none.

    Args:
        kept: the older manifest.
        now: the newer one.
        ignored: names of options that may differ.
    """
    if kept["model"] != now["model"] or kept["scale"] != now["scale"]:
        return "other weights than before (--model)"
    before, after = _flat_options(kept), _flat_options(now)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and key not in ignored:
            return f"--{key.replace('_', '-')} was {before.get(key)} and is {after.get(key)} now"
    return None


def _flat_options(manifest: dict[str, Any]) -> dict[str, Any]:
    """Options of computing, reading and writing in one dictionary."""
    opening = {key: value for key, value in manifest.get("opening", {}).items() if value is not None}
    return {**manifest["options"], **opening, **_MANIFEST_DEFAULTS, **manifest.get("writing", {})}


def files_unchanged(kept: dict[str, Any], now: dict[str, Any]) -> bool:
    """True if the input's files have the same sizes and times in two manifests; otherwise pixels must be compared."""
    return bool(kept["input"]["files"] == now["input"]["files"])
