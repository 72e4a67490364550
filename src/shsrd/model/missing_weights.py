"""Messages for missing weights: a mistyped path, a folder, or a training that has none yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

MOST = 4  # neighbours that are named


def missing_weights(source: str | Path, bundled: Sequence[str]) -> str:
    """Why there is no such weight file and what to do, in one sentence.

    Args:
        source: what was asked for, neither a bundled name nor a file.
        bundled: names of the weights in the package.
    """
    path = Path(source)
    known = ", ".join(bundled) or "none bundled"
    if path.is_dir():
        inside = sorted(path.glob("*.safetensors"))
        named = [str(file) for file in inside if file.name != "checkpoint.safetensors"][:MOST]
        if named:
            return f"{path} is a folder; give the file: {' or '.join(named)}"
        return _unfinished_run(path) or f"no model {str(source)!r}: give a .safetensors file or one of: {known}"
    if path.suffix != ".safetensors" and path.parent == Path():
        return f"no model {str(source)!r}: give a .safetensors file or one of: {known}"
    unfinished = _unfinished_run(path.parent)
    if unfinished is not None:
        return unfinished
    others = [str(file) for file in _nearby_weights(path)]
    instead = f"there are {', '.join(others)}" if others else f"give another file or one of: {known}"
    return f"{path}: no such file; {instead}"


def _nearby_weights(path: Path) -> list[Path]:
    """Weight files beside the one that is missing, or of runs beside its run."""
    beside = [file for file in sorted(path.parent.glob("*.safetensors")) if file.name != "checkpoint.safetensors"]
    return (beside or sorted(path.parent.parent.glob("*/best.safetensors")))[:MOST]


def _unfinished_run(run: Path) -> str | None:
    """Sentence on a training without weights; None if the folder is no training."""
    try:
        settings = json.loads((run / "config.json").read_text())
        steps, every, stage = settings["steps"], settings["validate_every"], settings["stage"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if next(run.glob("best.safetensors"), None) is not None:
        return None
    first = f"its first ones come after {min(steps, every)} steps" if settings.get("validation") else "at its end only"
    return f"{run}: this training has no weights yet ({first}); run `shsrd {stage}` with its config again to go on"
