"""Squares: complete, in order, and never more of the scene in memory than one row of tiles."""

import numpy as np
import pytest

from shsrd.io.block_buffer import BLOCK_SIZE, BlockBuffer

SHAPE = (2, 3 * BLOCK_SIZE + 100, 2 * BLOCK_SIZE + 30)


@pytest.mark.parametrize("side", [BLOCK_SIZE // 2, BLOCK_SIZE, 2 * BLOCK_SIZE, 700])
def test_squares_come_whole_and_in_order(side):
    scene = np.arange(np.prod(SHAPE), dtype=np.int32).reshape(SHAPE)
    got, places, held = np.zeros_like(scene), [], []

    def give(square, row, column):
        got[:, row : row + square.shape[1], column : column + square.shape[2]] = square
        places.append((row, column))

    squares = BlockBuffer(SHAPE, "int32", give)
    for row in range(0, SHAPE[1], side):
        for column in range(0, SHAPE[2], side):
            squares.write_block(scene[:, row : row + side, column : column + side], row, column)
            held.append(sum(whole.nbytes for whole, _ in squares._held.values()))
    assert np.array_equal(got, scene)
    assert places == [(r, c) for r in range(0, SHAPE[1], BLOCK_SIZE) for c in range(0, SHAPE[2], BLOCK_SIZE)]
    assert held[-1] == 0
    row_of_tiles = SHAPE[0] * max(side, BLOCK_SIZE) * SHAPE[2] * 4
    assert max(held) <= (0 if side == BLOCK_SIZE else row_of_tiles + row_of_tiles * BLOCK_SIZE // max(side, BLOCK_SIZE))


def test_a_tile_that_waits_is_a_copy():
    """The caller may use its memory again."""
    given = []
    squares = BlockBuffer(
        (1, BLOCK_SIZE, 2 * BLOCK_SIZE), "uint8", lambda square, row, column: given.append(int(square.max()))
    )
    tile = np.ones((1, BLOCK_SIZE, BLOCK_SIZE), np.uint8)
    squares.write_block(tile, 0, BLOCK_SIZE)  # not its turn
    tile[:] = 2
    squares.write_block(tile, 0, 0)
    assert given == [2, 1]
