"""A scene in a few lines, for a Python prompt or a notebook."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

WIDTH = 96  # characters of a line
_EPSG = re.compile(r'(?:ID|AUTHORITY)\["EPSG",\s*"?(\d+)"?\]\]?\s*$')
_NAMED = re.compile(r'^\w+\["([^"]*)"')


def summary(scene: Any) -> dict[str, str]:
    """Summary of a ``Cube`` or ``SceneMetadata`` as lines by name."""
    bands, rows, columns = scene.shape
    lines = {"source": scene.source, "shape": f"{bands} bands, {rows} x {columns} pixels"}
    if scene.wavelength_nm is not None:
        lines["wavelengths"] = f"{scene.wavelength_nm.min():g} to {scene.wavelength_nm.max():g} nm"
    bad = int(np.count_nonzero(~scene.good_bands))
    if bad:
        lines["bad bands"] = str(bad)
    lines["stored as"] = _storage(scene.storage)
    if scene.crs is not None or scene.transform is not None:
        lines["place"] = _georeference_text(scene)
    for name in ("geolocation", "control_points", "rpc"):
        if getattr(scene, name) is not None:
            lines[name.replace("_", " ")] = "yes"
    if scene.headers:
        lines["headers"] = f"{len(scene.headers)} keys"
    lines |= {f"note {number}": note for number, note in enumerate(scene.notes, start=1)}
    return lines


def repr_text(name: str, scene: Any) -> str:
    """The lines, no longer than ``WIDTH``."""
    lines = [f"{key:>14}: {value}" for key, value in summary(scene).items()]
    short = (line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in lines)
    return "\n".join([f"<shsrd.{name}>", *short])


def html_table(name: str, scene: Any) -> str:
    """The lines as an HTML table."""
    shown = ((html.escape(key), html.escape(value)) for key, value in summary(scene).items())
    cells = (f"<tr><th>{key}</th><td>{value}</td></tr>" for key, value in shown)
    return f"<table><caption>shsrd.{name}</caption>{''.join(cells)}</table>"


def _storage(storage: Any) -> str:
    parts = [storage.dtype]
    if (storage.scale, storage.offset) != (1.0, 0.0):
        parts.append(f"pixel = number x {storage.scale:g} + {storage.offset:g}")
    if storage.nodata is not None:
        parts.append(f"no-data {storage.nodata:g}")
    return ", ".join(parts)


def _georeference_text(scene: Any) -> str:
    parts = []
    if scene.crs is not None:
        code, named = _EPSG.search(scene.crs), _NAMED.search(scene.crs)
        parts.append(f"EPSG:{code[1]}" if code else named[1] if named else "a coordinate system of its own")
    if scene.transform is not None:
        t = scene.transform
        parts.append(f"upper left {t.c:.10g}, {t.f:.10g}, pixel {np.hypot(t.a, t.d):g} x {np.hypot(t.b, t.e):g}")
    return ", ".join(parts)
