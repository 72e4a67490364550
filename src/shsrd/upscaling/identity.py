"""Is it the same input and the same question? What a resumed run compares before it goes on."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.spool import VERSION, NotResumableError

_FREE = {"device", "model"}  # where it is computed may change; weights are compared by their fingerprint


def manifest_of(
    files: list[Path], digest: str, options: UpscaleOptions, fingerprint: str, targets: list[Path], scale: int
) -> dict[str, Any]:
    """What identifies a run.

    Args:
        files: that the input consists of.
        digest: of its pixels.
        options: asked for.
        fingerprint: of the weights.
        targets: files to be written.
        scale: factor.
    """
    return {
        "version": VERSION,
        "input": {"files": stamps(files), "digest": digest},
        "scale": scale,
        "model": fingerprint,
        "options": {key: value for key, value in options.model_dump(mode="json").items() if key not in _FREE},
        "targets": [str(target.resolve()) for target in targets],
    }


def stamps(files: list[Path]) -> list[list[Any]]:
    """Path, size in bytes and time of the last change (ns) of every file."""
    found = []
    for file in files:
        status = file.stat()
        found.append([str(file.resolve()), status.st_size, status.st_mtime_ns])
    return found


def check_same(kept: dict[str, Any], now: dict[str, Any]) -> None:
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
    before, asked = (told["options"] | _spoken(told.get("opening", {})) for told in (kept, now))
    for key in sorted(before.keys() | asked.keys()):
        if before.get(key) != asked.get(key) and key not in ignored:
            return f"--{key.replace('_', '-')} was {before.get(key)} and is {asked.get(key)} now"
    return None


def _spoken(opening: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in opening.items() if value is not None}


def same_files(kept: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the input's files have the sizes and times they had; if not, pixels must be compared."""
    return bool(kept["input"]["files"] == now["input"]["files"])
