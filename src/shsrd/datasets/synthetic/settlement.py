"""Settlement of the synthetic scene: streets, a main road with cars, gabled houses, halls with yards.

Lengths are metres.
"""

import math
from dataclasses import dataclass

import numpy as np

from shsrd.datasets.synthetic.canvas import INDEX, Canvas, Grid, Mask, Place, cloud, rectangle, turned

HOUSE_ROOFS = ("red_tile", "red_tile", "red_tile", "brown_tile", "brown_tile", "metal", "membrane")
HALL_ROOFS = ("metal", "membrane", "gravel", "blue_paint", "concrete")
CAR_PAINTS = ("metal", "membrane", "blue_paint", "asphalt", "red_tile")
SUN = (0.82, 0.57)  # towards the sun, (y down, x right): from the south-south-east
SHADOW_PER_HEIGHT = 0.85  # sun at 50 degrees


@dataclass(frozen=True)
class SitePlan:
    """The plan of a scene, fixed before anything is painted.

    Attributes:
        angle: direction of the street grid in radians.
        urban: where houses stand.
        industrial: where halls stand.
        wooded: where trees stand close.
    """

    angle: float
    urban: Mask
    industrial: Mask
    wooded: Mask


def paint_settlement(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    """Streets, main road, halls and houses, in the order in which one covers the other."""
    _streets(canvas, ground, rng)
    _main_road(canvas, ground, rng)
    _halls(canvas, ground, rng)
    _houses(canvas, ground, rng)


def shadow_offset(height: float) -> tuple[float, float]:
    """Offset (y, x) from the foot of an object of this height to the tip of its shadow."""
    return -SUN[0] * height * SHADOW_PER_HEIGHT, -SUN[1] * height * SHADOW_PER_HEIGHT


def water_or_sand(canvas: Canvas) -> Mask:
    """Mask of the river, the pond and their sand, without buildings and woods."""
    mask: Mask = np.isin(canvas.cover, (INDEX["clear_water"], INDEX["turbid_water"], INDEX["sand"]))
    return mask


def _streets(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    """Gardens with streets around blocks of 44 x 62 m."""
    place = canvas.everywhere()
    dry = ~water_or_sand(canvas)
    alteration = (0.35 + 0.4 * cloud(canvas, 12, rng)).astype(np.float32)
    light = (1 + 0.08 * cloud(canvas, 2, rng, roughness=1)).astype(np.float32)
    canvas.paint(place, ground.urban & dry, "lawn", light=light, alteration=alteration)
    v, u = turned(place.y, place.x, ground.angle)
    street = np.minimum(np.abs(v % 44 - 22), np.abs(u % 62 - 31))
    canvas.paint(place, ground.urban & dry & (street < 4.2), "concrete", alteration=0.3 * alteration)
    canvas.paint(place, ground.urban & dry & (street < 2.9), "asphalt", light=light, alteration=0.3)


def _main_road(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    """One main road with kerb, worn wheel tracks, markings and cars; it crosses the river on a bridge."""
    place = canvas.everywhere()
    height, width = canvas.size_m
    v, u = turned(place.y - height / 2, place.x - width * float(rng.uniform(0.35, 0.65)), ground.angle)
    distance = u - 9 * np.sin(v / 70)
    away = np.abs(distance)
    grain = (1 + 0.05 * cloud(canvas, 1.5, rng, roughness=0.8)).astype(np.float32)
    canvas.paint(place, away < 5.6, "gravel", light=grain)
    worn = np.clip(np.cos(2 * np.pi * away / 3.4), 0, 1).astype(np.float32)
    canvas.paint(place, away < 4.2, "asphalt", light=grain, alteration=0.5 * worn)
    canvas.paint(place, np.abs(away - 3.8) < 0.12, "membrane", alteration=0.5)
    canvas.paint(place, (away < 0.14) & (v % 9 < 5), "membrane", alteration=0.5)
    lanes = np.argwhere(np.abs(away - 2.0) < canvas.step)
    for row, column in rng.permutation(lanes)[: max(1, round(height / 22))]:
        spot = ((float(row) + 0.5) * canvas.step, (float(column) + 0.5) * canvas.step)
        _car(canvas, rng, place=spot, angle=ground.angle)


def _car(canvas: Canvas, rng: np.random.Generator, *, place: tuple[float, float], angle: float) -> None:
    spot = canvas.near(place, 4)
    if spot is not None:
        body = rectangle(4.4, 1.8, angle)
        canvas.cast(place, 4, body, shadow_offset(1.5))
        canvas.paint(spot, body(spot), str(rng.choice(CAR_PAINTS)), alteration=float(rng.random()))
        canvas.paint(spot, rectangle(1.0, 1.6, angle)(spot), "photovoltaic")


def _lots(canvas: Canvas, angle: float, depth: float, width: float) -> list[tuple[float, float]]:
    """Centres (y, x) of a grid of lots turned by ``angle`` that covers the canvas."""
    reach = math.hypot(*canvas.size_m)
    v = (np.arange(-reach // depth, reach // depth + 1) + 0.5) * depth
    u = (np.arange(-reach // width, reach // width + 1) + 0.5) * width
    y, x = (axis.ravel() for axis in turned(*np.meshgrid(v, u, indexing="ij"), -angle))
    inside = (y > 0) & (x > 0) & (y < canvas.size_m[0]) & (x < canvas.size_m[1])
    return [(float(a), float(b)) for a, b in zip(y[inside], x[inside], strict=True)]


def _is_free_lot(canvas: Canvas, zone: Mask, centre: tuple[float, float], radius: float) -> bool:
    """Return True if a lot lies in its zone, outside water and the main road."""
    place = canvas.near(centre, radius)
    if place is None or not zone[place.window].mean() > 0.9:
        return False
    taken = [INDEX[name] for name in ("clear_water", "turbid_water", "sand", "gravel")]
    return not np.isin(canvas.cover[place.window], taken).any()


def _houses(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    """Gabled houses, four to a block; shadows first, so that no roof lies under its neighbour's."""
    houses = []
    for centre in _lots(canvas, ground.angle, 22, 15.5):
        size, turn = rng.uniform((7.5, 9), (10, 12.5)), rng.integers(2) * np.pi / 2 + rng.normal(0, 0.03)
        roof, alteration, height = str(rng.choice(HOUSE_ROOFS)), float(rng.random()), float(rng.uniform(5, 9))
        if rng.random() < 0.88 and _is_free_lot(canvas, ground.urban, centre, 5):
            houses.append((centre, size, ground.angle + turn, roof, alteration))
            canvas.cast(centre, 9, rectangle(size[0], size[1], ground.angle + turn), shadow_offset(height))
    for centre, size, angle, roof, alteration in houses:
        place = canvas.near(centre, 9)
        if place is not None:
            _gable(canvas, place, size, angle=angle, roof=roof, alteration=alteration)


def _gable(canvas: Canvas, place: Place, size: Grid, *, angle: float, roof: str, alteration: float) -> None:
    """A pitched roof: one side towards the sun, one away, a ridge, a chimney, sometimes solar panels."""
    v, u = turned(place.y, place.x, angle)
    facing = math.cos(angle) * SUN[0] - math.sin(angle) * SUN[1]
    rows = 1 + 0.04 * np.sin(2 * np.pi * v / 0.7)
    light = ((1 + 0.28 * facing * np.sign(v)) * rows + 0 * u).astype(np.float32)
    mask = rectangle(size[0], size[1], angle)(place)
    canvas.paint(place, mask, roof, light=light, alteration=alteration)
    canvas.paint(place, mask & (np.abs(v) < 0.2), "brown_tile", light=1.1)
    canvas.paint(place, (np.abs(v - 1) < 0.45) & (np.abs(u - 2) < 0.45), "concrete")
    sunny = np.sign(facing) * v
    if alteration > 0.75:
        canvas.paint(place, (np.abs(sunny - 2) < 1.2) & (np.abs(u + 1.2) < 2.2), "photovoltaic")


def _halls(canvas: Canvas, ground: SitePlan, rng: np.random.Generator) -> None:
    """Walled yards of 36 x 46 m: a large flat roof with roof lights, and rows of parked cars beside it."""
    for centre in _lots(canvas, ground.angle, 37, 47):
        place = canvas.near(centre, 30)
        roof, alteration = str(rng.choice(HALL_ROOFS)), float(rng.random())
        if place is None or not _is_free_lot(canvas, ground.industrial, centre, 12):
            continue
        grain = (1 + 0.04 * rng.standard_normal((place.y.size, place.x.size))).astype(np.float32)
        canvas.paint(
            place, rectangle(36, 46, ground.angle)(place), "concrete", light=grain, alteration=0.3 * alteration
        )
        _flat_roof(canvas, ground, centre, roof=roof, alteration=alteration)
        stalls = turned(np.arange(-14, 15, 3.0), np.full(10, 17.0), -ground.angle)
        for y, x in zip(*stalls, strict=True):
            if rng.random() < 0.6:
                spot = (centre[0] + float(y), centre[1] + float(x))
                _car(canvas, rng, place=spot, angle=ground.angle)


def _flat_roof(canvas: Canvas, ground: SitePlan, centre: tuple[float, float], *, roof: str, alteration: float) -> None:
    """A hall of 29 x 26 m to the left of its yard: seams every 2.4 m, strips of roof light."""
    shift = turned(np.zeros(1, np.float32), np.full(1, -6, np.float32), -ground.angle)
    middle = (centre[0] + float(shift[0][0]), centre[1] + float(shift[1][0]))
    outline = rectangle(29, 26, ground.angle)
    canvas.cast(middle, 20, outline, shadow_offset(9))
    place = canvas.near(middle, 20)
    if place is None:
        return
    v, u = turned(place.y, place.x, ground.angle)
    seams = (1 + 0.05 * np.sign(np.sin(2 * np.pi * u / 2.4)) + 0 * v).astype(np.float32)
    canvas.paint(place, outline(place), roof, light=seams, alteration=alteration)
    strips = outline(place) & (np.abs(v % 7 - 3.5) < 0.6) & (np.abs(u) < 9)
    canvas.paint(place, strips, "photovoltaic" if alteration > 0.5 else "membrane", alteration=1.0)
