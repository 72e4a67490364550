"""Header keys that count pixels follow the grid, or are dropped with a note."""

import pytest

from shsrd.cube import SceneMetadata


def moved(headers, *, how="finer"):
    metadata = SceneMetadata((2, 20, 24), headers=headers)
    return {
        "finer": lambda: metadata.finer(4),
        "coarser": lambda: metadata.coarser(4),
        "cut": lambda: metadata.subset(slice(8, 20), slice(4, 24)),
        "same": lambda: metadata.subset(slice(0, 20), slice(0, 24)),
    }[how]()


@pytest.mark.parametrize(
    ("how", "size", "start"), [("finer", 0.2, 401), ("coarser", 3.2, 26), ("cut", 0.8, 105), ("same", 0.8, 101)]
)
def test_pixel_size_and_start_follow(how, size, start):
    metadata = moved({"Pixel_Size": "{0.8, 0.8, units=meters}", "x start": "101", "GSD": "0.8 m"}, how=how)
    assert metadata.headers["Pixel_Size"] == f"{{{size}, {size}, units=meters}}".replace("{{", "{")
    assert float(metadata.headers["x start"]) == start
    assert metadata.headers["GSD"] == f"{size} m"
    assert metadata.notes == ()


def test_y_start_counts_rows():
    assert moved({"y start": "201"}, how="cut").headers == {"y start": "209"}
    assert moved({"y start": "1"}, how="finer").headers == {"y start": "1"}


@pytest.mark.parametrize("key", ["geo points", "rpc_info", "LINE_OFF", "read procedures", "x start", "pixel size"])
def test_what_cannot_be_counted_anew_is_dropped_with_a_note(key):
    metadata = moved({key: "{as the old one}", "sensor type": "Unknown"})
    assert dict(metadata.headers) == {"sensor type": "Unknown"}
    assert key in metadata.notes[0]
    assert moved({key: "{as the old one}"}, how="same").headers == {key: "{as the old one}"}


def test_map_info_that_stays_text_follows():
    text = "{State Plane, 3.0, 1.0, 100, 200, 8.0, 8.0, 3101, units=Feet}"
    assert moved({"map info": text}).headers["map info"] == (
        "{State Plane, 9.0, 1.0, 100, 200, 2.0, 2.0, 3101, units=Feet}"
    )
    assert (
        moved({"map info": text}, how="cut").headers["map info"].startswith("{State Plane, -1.0, -7.0, 100, 200, 8.0")
    )
    assert not moved({"map info": "{UTM}"}).headers


def test_layout_of_the_old_file_is_dropped_without_a_word():
    metadata = moved({"minor frame offsets": "{0, 0}"})
    assert (dict(metadata.headers), metadata.notes) == ({}, ())
