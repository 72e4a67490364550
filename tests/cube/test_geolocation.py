"""Latitude and longitude of a finer grid: exact where they are linear, whole where holes and the antimeridian are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shsrd.cube import Cube, GeographicLookupTable, Geolocation, SceneError, SceneMetadata

SHAPE = (6, 9)


def plane(corner, down, across, *, scale=1, shape=SHAPE):
    """Degrees of a linear field at the pixel centres of a grid ``scale`` times finer with the same outer corners."""
    rows, columns = (((np.arange(extent * scale) + 0.5) / scale - 0.5) for extent in shape)
    return corner + down * rows[:, None] + across * columns[None, :]


def turn(degrees):
    return (degrees + 180) % 360 - 180


def apart(first, second):
    """Distance of places in degrees, the short way round."""
    return np.maximum(np.abs(first[0] - second[0]), np.abs(turn(first[1] - second[1])))


def wild(seed=0, holes=0.3, shape=SHAPE):
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.random(shape), turn(179.4 + rng.random(shape))
    latitude[rng.random(shape) < holes] = np.nan
    return Geolocation.of(latitude, longitude)


steps = st.floats(-0.01, 0.01)
corners = st.one_of(st.floats(-180, 180), st.floats(179.95, 180))  # half of them about the antimeridian


@given(st.integers(1, 5), corners, steps, steps, steps, steps, st.integers(0, 40))
def test_linear_places_stay_linear_over_holes_edges_and_the_antimeridian(scale, corner, a, b, c, d, seed):
    known = np.ones(SHAPE, bool)
    known[1:4, 2:5] = np.random.default_rng(seed).random((3, 3)) < 0.5
    latitude, longitude = plane(40.0, a, b), turn(plane(corner, c, d))
    coarse = Geolocation.of(np.where(known, latitude, np.nan), longitude)
    fine = coarse.finer(scale).read_all()
    wanted = np.stack([plane(40.0, a, b, scale=scale), plane(corner, c, d, scale=scale)])
    there = known.repeat(scale, axis=0).repeat(scale, axis=1)
    assert np.array_equal(np.isfinite(fine), np.stack([there, there]))
    assert apart(fine[:, there], wanted[:, there]).max() < 1e-11
    assert np.abs(fine[1][there]).max() <= 180


@given(st.integers(2, 4), st.integers(0, 5), st.data())
def test_a_part_is_that_of_the_whole_to_the_last_bit(scale, seed, data):
    fine = wild(seed).finer(scale)
    whole, parts = fine.read_all(), []
    for extent in fine.shape:
        start = data.draw(st.integers(0, extent - 1))
        parts.append(slice(start, data.draw(st.integers(start + 1, extent))))
    assert np.array_equal(fine.read(*parts), whole[:, parts[0], parts[1]], equal_nan=True)


def test_more_than_one_square_is_read_as_one(monkeypatch):
    fine = wild(3).finer(4)
    whole = fine.read_all()
    monkeypatch.setattr("shsrd.cube.geolocation._SIDE", 5)
    assert np.array_equal(fine.read_all(), whole, equal_nan=True)
    assert len(list(fine.blocks())) > 1


def test_the_mean_of_the_fine_pixels_is_the_coarse_one_where_it_is_linear():
    """And so going there and back ends where it began."""
    coarse = Geolocation.of(plane(10.0, 0.01, 0.002), plane(20.0, -0.003, 0.02))
    again = coarse.finer(4).coarser(4)
    assert again.shape == SHAPE
    assert apart(again.read_all(), coarse.read_all()).max() < 1e-11


def test_curved_places_lie_between_their_neighbours():
    rows, columns = np.mgrid[:8, :8] / 10.0
    coarse = Geolocation.of(np.sin(rows + columns), np.cos(rows - columns))
    fine, known = coarse.finer(2).read_all(), coarse.read_all()
    inner = fine[:, 1:-1, 1:-1]
    for i in range(0, 14, 2):
        for j in range(0, 14, 2):
            corners = known[:, i // 2 : i // 2 + 2, j // 2 : j // 2 + 2].reshape(2, 4)
            cell = inner[:, i : i + 2, j : j + 2].reshape(2, 4)
            assert (cell >= corners.min(axis=1, keepdims=True) - 1e-12).all()
            assert (cell <= corners.max(axis=1, keepdims=True) + 1e-12).all()


def test_one_line_has_no_distance_to_the_next():
    fine = Geolocation.of(plane(1.0, 0, 0.1, shape=(1, 4)), plane(2.0, 0, 0.2, shape=(1, 4))).finer(3).read_all()
    assert np.array_equal(fine[:, 0], fine[:, 2])
    assert np.allclose(fine[0, 0], plane(1.0, 0, 0.1, shape=(1, 4), scale=3)[0], rtol=0, atol=1e-12)


def test_nowhere_at_all_stays_so():
    assert np.isnan(Geolocation.of(np.full(SHAPE, np.nan), np.zeros(SHAPE)).finer(2).read_all()).all()


def test_it_travels_with_the_scene():
    places = wild(1)
    cube = Cube(np.zeros((2, *SHAPE), np.float32), geolocation=places)
    assert cube.metadata.finer(3).geolocation.shape == (18, 27)
    assert np.array_equal(
        cube.crop(rows=4, columns=5).geolocation.read_all(), places.read_all()[:, :4, :5], equal_nan=True
    )
    again = Cube.from_xarray(cube.to_xarray()[:, 1:4, ::2]).geolocation.read_all()
    assert np.array_equal(again, places.read_all()[:, 1:4, ::2], equal_nan=True)
    with pytest.raises(SceneError, match="latitude and longitude"):
        cube.replace(pixels=cube.pixels[:, 1:])
    with pytest.raises(SceneError, match="latitude and longitude"):
        SceneMetadata((2, 9, 6), geolocation=places)
    with pytest.raises(ValueError, match="no tables of one grid"):
        Geolocation.of(np.zeros((2, 3)), np.zeros((3, 2)))


def test_held_tables_are_read_once():
    asked = []

    def read(rows, columns):
        asked.append((rows, columns))
        return np.zeros((2, rows.stop - rows.start, columns.stop - columns.start))

    held = Geolocation(SHAPE, read, GeographicLookupTable((3, 4), read)).loaded()
    before = len(asked)
    assert held.loaded() is held
    held.read_all()
    assert held.glt.read(slice(0, 3), slice(1, 4)).shape == (2, 3, 3)
    assert len(asked) == before > 0
