"""Where results go: never onto what they are made from, never two onto one file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from shsrd.cube import SceneError


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
    from shsrd.io.targets import files_of, files_read

    read = files_read(source)
    for target in targets:
        if any(_same(file, other) for file in files_of(target) for other in read):
            raise SceneError(f"{target}: writing it would replace the source {source}; choose another destination")
    for first, second in combinations(targets, 2):
        if any(_same(file, other) for file in files_of(first) for other in files_of(second)):
            raise SceneError(f"{second}: two results would be written to this file; choose different names")
    for target in targets:
        check_target(target, overwrite=overwrite)


def _same(first: Path, second: Path) -> bool:
    return first.resolve() == second.resolve() or (first.exists() and second.exists() and first.samefile(second))
