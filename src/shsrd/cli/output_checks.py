"""Checks of output paths: no input is overwritten, no two outputs share a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def check_targets(source: Path, targets: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse targets that could not be written or would replace the source, before anything is computed.

    Args:
        source: scene file or CAVE folder to be read.
        targets: files to be written.
        overwrite: whether existing ones may be replaced; the source never is.

    Raises:
        SceneError: see above; the message names the file.
    """
    from shsrd.io import check_target
    from shsrd.io.targets import check_distinct_targets

    check_distinct_targets(source, targets)
    for target in targets:
        check_target(target, overwrite=overwrite)
