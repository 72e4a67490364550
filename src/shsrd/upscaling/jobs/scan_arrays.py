"""Conversion of a ``SceneScan`` to arrays for ``scan.npz``, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from shsrd.spectral import SceneStatistics
from shsrd.upscaling.outliers import OutlierRules
from shsrd.upscaling.scan import SceneScan


def scan_to_arrays(scan: SceneScan) -> dict[str, Any]:
    """Arrays by key; statistics and outlier rules have a prefix."""
    statistics = {f"statistics.{key}": value for key, value in scan.statistics.state().items()}
    rules = {f"outlier_rules.{key}": value for key, value in scan.outliers.as_arrays().items()}
    return {
        "usable": scan.usable,
        "value_range": scan.extremes,
        "valid": scan.valid,
        "digest": np.array(scan.digest),
        "notes": np.array(scan.notes, str),
        **statistics,
        **rules,
    }


def scan_from_arrays(arrays: dict[str, Any]) -> SceneScan:
    """Scan of ``scan_to_arrays``; raises KeyError or TypeError for other arrays."""
    return SceneScan(
        usable=arrays["usable"],
        statistics=SceneStatistics.from_state(_with_prefix(arrays, "statistics.")),
        extremes=arrays["value_range"],
        valid=arrays["valid"],
        digest=str(arrays["digest"]),
        outliers=OutlierRules(**_with_prefix(arrays, "outlier_rules.")),
        notes=tuple(arrays["notes"].tolist()),
    )


def _with_prefix(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
