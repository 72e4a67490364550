"""Names of earlier versions that the command line still takes, for one release; the help shows the new ones only."""

from __future__ import annotations

from collections.abc import Sequence

COMMANDS = {"pack": "prepare-data"}
OPTIONS = {
    "--frame": "--basis",
    "--cell": "--block",
    "--photon": "--shot-noise",
    "--uncorrected": "--assume-bicubic",
    "--estimated": "--estimate-fwhm",
    "--rehearsal": "--replay",
    "--rehearsal-share": "--replay-share",
    "--knee": "--charbonnier-eps",
    "--draws": "--noise-samples",
}
VALUES = {("--basis", "eigen"): "pca"}


def current_names(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command with its options, and their values, under the names of this version."""
    current: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        name = OPTIONS.get(name, name)
        if equals:
            current.append(f"{name}={VALUES.get((name, value), value)}")
        else:
            current.append(VALUES.get((current[-1], name), name) if current else name)
    return current
