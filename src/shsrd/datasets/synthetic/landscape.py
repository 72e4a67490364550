"""Landscape of the synthetic scene: fields, a river, woods, single trees and the settlement.

Lengths are metres. Everything follows from the canvas and one random generator; the density of things is
fixed, so a larger canvas holds more of them.
"""

import numpy as np

from shsrd.datasets.synthetic.canvas import INDEX, Canvas, Grid, Place, cloud, disc, turned
from shsrd.datasets.synthetic.settlement import SUN, SitePlan, paint_settlement, shadow_offset, water_or_sand

CROPS = ("cereal", "cereal", "meadow", "rapeseed", "stubble", "dry_soil", "wet_soil", "meadow", "stubble")
TREELESS = (
    "clear_water",
    "turbid_water",
    "asphalt",
    "concrete",
    "red_tile",
    "brown_tile",
    "metal",
    "membrane",
    "blue_paint",
    "gravel",
)


def paint_landscape(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint a whole landscape."""
    ground = _plan(canvas, rng)
    _fields(canvas, rng)
    _river(canvas, rng)
    _woodland_floor(canvas, ground, rng)
    paint_settlement(canvas, ground, rng)
    _trees(canvas, ground, rng)
    _relief(canvas, rng)


def _plan(canvas: Canvas, rng: np.random.Generator) -> SitePlan:
    settled = cloud(canvas, 140, rng, roughness=2.4)
    wild = cloud(canvas, 120, rng, roughness=2.2)
    urban = settled > np.quantile(settled, 0.66)
    industrial = settled < np.quantile(settled, 0.16)
    wooded = (wild > np.quantile(wild, 0.84)) & ~urban & ~industrial
    return SitePlan(float(rng.uniform(0.15, 0.6)), urban, industrial, wooded)


def _fields(canvas: Canvas, rng: np.random.Generator) -> None:
    """Parcels in strips of changing width, each with its crop, vigour, furrows and tramlines."""
    place = canvas.everywhere()
    v, u = turned(place.y, place.x, float(rng.uniform(-0.5, 0.5)))
    u = u - u.min()
    edges = np.cumsum(rng.uniform(22, 70, int(u.max() // 22) + 2))
    strip = np.searchsorted(edges, u)
    length = rng.uniform(45, 130, edges.size + 1)[strip]
    along = (v - v.min()) / length + rng.random(edges.size + 1)[strip]
    parcel = strip * 1000 + along.astype(int)
    crops = rng.integers(len(CROPS), size=parcel.max() + 1)[parcel]
    vigour = rng.uniform(-0.3, 0.6, parcel.max() + 1)[parcel]
    patches = 0.22 * cloud(canvas, 25, rng) + 0.08 * cloud(canvas, 2, rng, roughness=1.0)
    spacing = rng.uniform(1.4, 3.5, edges.size + 1)[strip]
    furrows = 0.10 * np.sin(2 * np.pi * u / spacing)
    alteration = (vigour + patches + furrows).astype(np.float32)
    light = (1 + 0.5 * furrows + 0.05 * cloud(canvas, 1.5, rng, roughness=0.8)).astype(np.float32)
    for index, crop in enumerate(CROPS):
        canvas.paint(place, crops == index, crop, light=light, alteration=alteration)
    _parcel_lines(canvas, place, u, edges[np.minimum(strip, edges.size - 1)] - u, along % 1 * length)


def _parcel_lines(canvas: Canvas, place: Place, u: Grid, to_edge: Grid, along: Grid) -> None:
    """Tramlines every 18 m, grassy balks between parcels, a farm track beside every strip."""
    tramline = np.abs(np.abs(u % 18 - 9) - 0.9) < 0.17
    canvas.paint(place, tramline & (along > 2), "dry_soil", alteration=0.6, light=0.9)
    canvas.paint(place, along < 1.2, "lawn", alteration=0.6)
    canvas.paint(place, to_edge < 3.4, "lawn", alteration=0.5)
    canvas.paint(place, np.abs(to_edge - 1.7) < 1.0, "dry_soil", alteration=0.1)


def _winding_line(canvas: Canvas, place: Place, rng: np.random.Generator, *, amplitude: float) -> tuple[Grid, Grid]:
    """Distance from, and length along, a winding line that crosses the scene near its middle."""
    height, width = canvas.size_m
    angle = float(rng.uniform(-0.4, 0.4))
    v, u = turned(place.y - height * float(rng.uniform(0.3, 0.7)), place.x - width / 2, angle)
    bend, slope = np.zeros_like(u), np.zeros_like(u)
    for wavelength in (260.0, 120.0, 55.0):
        size, phase = amplitude * wavelength / 260 * rng.uniform(0.5, 1), rng.uniform(0, 2 * np.pi)
        bend = bend + size * np.sin(2 * np.pi * u / wavelength + phase)
        slope = slope + size * 2 * np.pi / wavelength * np.cos(2 * np.pi * u / wavelength + phase)
    return (v - bend) / np.sqrt(1 + slope**2), u


def _river(canvas: Canvas, rng: np.random.Generator) -> None:
    """A winding river: meadow banks, sand bars, turbid shallows, clear depth; and one pond."""
    place = canvas.everywhere()
    distance, u = _winding_line(canvas, place, rng, amplitude=26)
    ragged = 1.6 * cloud(canvas, 18, rng)
    half = 6.5 + 2 * np.sin(u / 37) + ragged * 0.5
    away = np.abs(distance)
    rough = 1 + 0.08 * cloud(canvas, 3, rng)
    canvas.paint(place, away < half + 7 + ragged, "meadow", light=rough, alteration=0.2 * ragged)
    bar = (distance - half < 3 + 2.5 * np.sin(u / 23)) & (distance > 0)
    canvas.paint(place, bar, "sand", light=rough, alteration=np.clip(1 - (distance - half) / 4, 0, 1))
    ripples = (1 + 0.05 * cloud(canvas, 4, rng, roughness=1)).astype(np.float32)
    shallow = np.clip(0.5 + 0.3 * ragged, 0, 1)
    canvas.paint(place, away < half, "turbid_water", light=ripples, alteration=shallow)
    canvas.paint(place, away < half - 3.2 + 0.4 * ragged, "clear_water", light=ripples, alteration=shallow)
    height, width = canvas.size_m
    pond = canvas.near((height * float(rng.random()), width * float(rng.random())), 16)
    if pond is not None:
        canvas.paint(pond, disc(12, 0.09, 1.0)(pond), "wet_soil", alteration=0.5)
        canvas.paint(pond, disc(10.5, 0.09, 1.0)(pond), "clear_water", alteration=0.3)


def _woodland_floor(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    light = (0.62 + 0.12 * cloud(canvas, 3, rng)).astype(np.float32)
    canvas.paint(canvas.everywhere(), ground.wooded & ~water_or_sand(canvas), "broadleaf", light=light, alteration=0.2)


def _trees(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    """Close crowns in the woods, scattered ones in gardens and along the river, loose ones in fields."""
    height, width = canvas.size_m
    blocked = [INDEX[name] for name in TREELESS]
    conifer_stand = cloud(canvas, 40, rng) > 0.5
    for _ in range(round(min(height * width / 11, canvas.cover.size / 99))):
        y, x = rng.uniform((0, 0), (height - canvas.step / 2, width - canvas.step / 2)).tolist()
        radius, alteration, draw = rng.uniform((1.3, -0.2, 0), (4.2, 1, 1)).tolist()
        spot = int(y / canvas.step), int(x / canvas.step)
        density = 1.0 if ground.wooded[spot] else 0.06 if ground.urban[spot] else 0.006
        if draw < density and canvas.cover[spot] not in blocked:
            kind = "conifer" if conifer_stand[spot] else "broadleaf"
            _tree(canvas, (y, x), radius, kind=kind, alteration=alteration)


def _tree(canvas: Canvas, centre: tuple[float, float], radius: float, *, kind: str, alteration: float) -> None:
    """A domed crown, bright towards the sun, with the shadow it throws."""
    phase = 20 * radius  # no two crowns alike
    outline = disc(radius, 0.07, phase)
    canvas.cast(centre, radius * 1.2, outline, shadow_offset(2.2 * radius))
    place = canvas.near(centre, radius * 1.2)
    if place is None:
        return
    towards = (place.y * SUN[0] + place.x * SUN[1]) / radius
    leaves = 0.12 * np.sin(place.y * 4.1 + phase) * np.sin(place.x * 3.7 - phase)
    light = np.clip(0.88 + 0.34 * towards + leaves, 0.25, 1.4).astype(np.float32)
    canvas.paint(place, outline(place), kind, light=light, alteration=alteration)


def _relief(canvas: Canvas, rng: np.random.Generator) -> None:
    """Gentle slopes: everything turned towards the sun is brighter."""
    canvas.light *= np.clip(1 + 0.04 * cloud(canvas, 180, rng, roughness=3.0), 0.85, 1.15)
