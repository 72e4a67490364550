"""Tables of scores for the terminal and for Markdown, with the best of each column in bold."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from shsrd.datasets import PublishedResult
from shsrd.metrics import Scores

COLUMNS: Mapping[str, tuple[str, int, bool]] = {  # heading, decimals, whether more is better
    "mpsnr": ("MPSNR ↑", 2, True),
    "psnr_cube": ("cube PSNR ↑", 2, True),
    "mssim": ("MSSIM ↑", 4, True),
    "sam_deg": ("SAM ° ↓", 3, False),
    "ergas": ("ERGAS ↓", 3, False),
    "cc": ("CC ↑", 4, True),
    "rmse": ("RMSE ↓", 4, False),
    "consistency": ("consist. ↓", 6, False),
}


@dataclass(frozen=True)
class Row:
    """Row of a table.

    Attributes:
        method: its name.
        figures: score by name as in ``shsrd.metrics.DEFINITIONS``; missing ones are shown as a dash.
        source: of the scores.
    """

    method: str
    figures: Mapping[str, float]
    source: str = ""


def score_row(method: str, scores: Scores, *, source: str = "measured here") -> Row:
    """Row of measured scores; NaN are left out."""
    return Row(method, {name: value for name, value in asdict(scores).items() if not math.isnan(value)}, source)


def published_row(printed: PublishedResult) -> Row:
    """Row of a published result, with its source."""
    figures = {name: float(getattr(printed, name)) for name in ("mpsnr", "mssim", "sam_deg", "ergas")}
    return Row(printed.method, figures, printed.source)


def table(rows: Sequence[Row], *, title: str = "") -> Table:
    """Rich table of scores.

    Args:
        rows: at least one.
        title: of the table.
    """
    names, cells = _cells(rows, "[bold]{}[/bold]")
    sourced = any(row.source for row in rows)
    drawn = Table(title=title or None, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    drawn.add_column("method")
    for name in names:
        drawn.add_column(COLUMNS[name][0], justify="right", no_wrap=True)
    if sourced:
        drawn.add_column("source", overflow="fold")
    for row, values in zip(rows, cells, strict=True):
        drawn.add_row(row.method, *values, *([row.source] if sourced else []))
    return drawn


def scene_table(scenes: Mapping[str, Sequence[Row]]) -> Table:
    """Rich table with one row per scene and one line per method; the best score of each scene is bold.

    Args:
        scenes: at least one; rows by name of the scene. Sources are not shown.
    """
    names = [name for name in COLUMNS if any(name in row.figures for rows in scenes.values() for row in rows)]
    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_lines=True)
    drawn.add_column("scene", overflow="fold")
    drawn.add_column("method", no_wrap=True)
    for name in names:
        drawn.add_column(COLUMNS[name][0], justify="right", no_wrap=True)
    for scene, rows in scenes.items():
        _, cells = _cells(rows, "[bold]{}[/bold]", names)
        lines = [[escape(row.method), *values] for row, values in zip(rows, cells, strict=True)]
        drawn.add_row(escape(scene), *("\n".join(column) for column in zip(*lines, strict=True)))
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """Markdown table of scores.

    Example:
        >>> print(markdown([Row("bicubic", {"mpsnr": 34.72}), Row("ours", {"mpsnr": 39.1})]))
        | method | MPSNR ↑ | source |
        |---|---:|---|
        | bicubic | 34.72 |  |
        | ours | **39.10** |  |
    """
    names, cells = _cells(rows, "**{}**")
    lines = [
        ["method", *(COLUMNS[name][0] for name in names), "source"],
        *([row.method, *values, row.source] for row, values in zip(rows, cells, strict=True)),
    ]
    drawn = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    drawn.insert(1, "|---|" + "---:|" * len(names) + "---|")
    return "\n".join(drawn)


def _cells(rows: Sequence[Row], bold: str, names: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Names of the columns (by default those of any row), and the text of every cell."""
    if not rows:
        raise ValueError("a table needs at least one row")
    names = list(names) or [name for name in COLUMNS if any(name in row.figures for row in rows)]
    best = {name: _best(rows, name) for name in names}
    cells = []
    for row in rows:
        line = []
        for name in names:
            text = _text(name, row.figures.get(name))
            line.append(bold.format(text) if len(rows) > 1 and row.figures.get(name) == best[name] else text)
        cells.append(line)
    return names, cells


def _best(rows: Sequence[Row], name: str) -> float:
    values = [row.figures[name] for row in rows if name in row.figures]
    if not values:
        return math.nan
    return max(values) if COLUMNS[name][2] else min(values)


def _text(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{COLUMNS[name][1]}f}"
