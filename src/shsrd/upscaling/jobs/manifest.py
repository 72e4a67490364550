"""Is it the same input and the same question? What a resumed run compares before it goes on."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shsrd.cube import SceneError
from shsrd.io import open_source
from shsrd.io.compression import DEFAULT, is_tiff
from shsrd.io.sources import Options
from shsrd.io.targets import files_read
from shsrd.upscaling.correction import match_bicubic_psf
from shsrd.upscaling.jobs.tile_cache import VERSION, NotResumableError
from shsrd.upscaling.scan import survey

if TYPE_CHECKING:
    from shsrd.upscaling.jobs.upscale_file import Job

_MANIFEST_DEFAULTS = {"compress": DEFAULT}  # what manifests leave out where it is so, and those of other formats do
_FREE = {"device", "model"}  # where it is computed may change; weights are compared by their fingerprint


class InputChangedError(SceneError):
    """The input was overwritten while it was read."""


@dataclass(frozen=True)
class InputState:
    """The input's files at one moment, by what the system keeps of them.

    Attributes:
        files: device, inode, size, and times of the last change of content and of anything (ns), by path.
    """

    files: dict[Path, tuple[int, ...]]

    @classmethod
    def of(cls, source: Path) -> InputState:
        """Now; files that are not there are left out."""
        found: dict[Path, tuple[int, ...]] = {}
        for file in files_read(source):
            with suppress(OSError):
                status = file.stat()
                found[file] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return cls(found)

    def check(self, job: Job, digest: str) -> None:
        """Refuse the result of a run whose input was overwritten meanwhile.

        Pixels are read again only where files are not the same as at this moment. Files that were deleted since then
        cannot have spoiled anything: what was read of them had been there.

        Raises:
            InputChangedError: the input has other pixels now than the ``digest`` of the first pass tells.
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
    """Digest of the input's pixels as the network sees them now.

    Raises:
        SceneError: the input cannot be read.
    """
    with closing(open_source(job.source, **job.opening)) as measured:
        return survey(match_bicubic_psf(measured, job.asked, job.scale), []).digest


def manifest_of(job: Job, digest: str, fingerprint: str) -> dict[str, Any]:
    """What identifies a run.

    Args:
        job: what was asked for.
        digest: of the input's pixels.
        fingerprint: of the weights.
    """
    tiff = any(is_tiff(target) for target in job.targets)
    compress = job.compress if tiff and job.compress is not None else DEFAULT
    return {
        "version": VERSION,
        "input": {"files": stamps(files_read(job.source)), "digest": digest},
        "scale": job.scale,
        "model": fingerprint,
        "options": {key: value for key, value in job.asked.model_dump(mode="json").items() if key not in _FREE},
        "opening": Options.of(**job.opening).as_json(),
        "writing": {} if compress == DEFAULT else {"compress": compress},
        "targets": [str(target.resolve()) for target in job.targets],
    }


def stamps(files: list[Path]) -> list[list[Any]]:
    """Path, size in bytes and time of the last change (ns) of every file."""
    found = []
    for file in files:
        status = file.stat()
        found.append([str(file.resolve()), status.st_size, status.st_mtime_ns])
    return found


def check_manifest(kept: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with another question.

    Args:
        kept: manifest of the interrupted run.
        now: of this one; its digest need not be known yet.

    Raises:
        NotResumableError: what differs.
    """
    found = difference(kept, now)
    if found is not None:
        raise NotResumableError(f"cannot resume: {found}; give the same, or --overwrite to start again")
    if kept["targets"] != now["targets"]:
        raise NotResumableError("cannot resume: other files to write than before; give the same, or --overwrite")


def difference(kept: dict[str, Any], now: dict[str, Any], *, ignored: Collection[str] = ()) -> str | None:
    """In what one manifest asks something else than another, input and targets aside; None if in nothing.

    Args:
        kept: the older one.
        now: the newer one.
        ignored: options that may differ.
    """
    if kept["model"] != now["model"] or kept["scale"] != now["scale"]:
        return "other weights than before (--model)"
    before, asked = (_asked(told) for told in (kept, now))
    for key in sorted(before.keys() | asked.keys()):
        if before.get(key) != asked.get(key) and key not in ignored:
            return f"--{key.replace('_', '-')} was {before.get(key)} and is {asked.get(key)} now"
    return None


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    return {
        **told["options"],
        **_without_none(told.get("opening", {})),
        **_MANIFEST_DEFAULTS,
        **told.get("writing", {}),
    }


def _without_none(opening: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in opening.items() if value is not None}


def files_unchanged(kept: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the input's files have the sizes and times they had; if not, pixels must be compared."""
    return bool(kept["input"]["files"] == now["input"]["files"])
