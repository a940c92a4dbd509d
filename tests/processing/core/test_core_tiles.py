"""Windows and the tiles of a corridor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core.tiles import CELL, Window, cell_mask, corridor, corridor_tiles


def test_window_arithmetic() -> None:
    window = Window(-2, 3, 5, 4)
    assert window.expand(2) == Window(-4, 1, 9, 8)
    assert window.clip((10, 6)) == Window(0, 3, 3, 3)
    assert Window(0, 3, 3, 3).within(window) == (slice(2, 5), slice(0, 3))
    assert window.intersect(Window(50, 50, 2, 2)).empty


def test_corridor_reaches_the_cells_a_point_comes_near() -> None:
    cells = corridor(np.array([40.0, np.nan]), np.array([40.0, 5.0]), 10.0, (128, 128))
    expected = np.zeros((4, 4), bool)
    expected[0:2, 0:2] = True
    assert np.array_equal(cells, expected)


@pytest.mark.parametrize(("row", "col"), [(-500.0, 40.0), (40.0, 5000.0), (np.inf, 3.0), (1e300, 1e300)])
def test_points_far_outside_make_no_corridor(row: float, col: float) -> None:
    assert not corridor(np.array([row]), np.array([col]), 30.0, (128, 128)).any()


@given(
    seed=st.integers(0, 1000),
    height=st.integers(40, 700),
    width=st.integers(40, 700),
    edge=st.integers(33, 800),
    reach=st.floats(0.0, 90.0),
)
def test_tiles_never_overlap_and_cover_every_pixel_within_reach(
    seed: int, height: int, width: int, edge: int, reach: float
) -> None:
    rng = np.random.default_rng(seed)
    rows, cols = rng.uniform(-50, height + 50, 20), rng.uniform(-50, width + 50, 20)
    cells = corridor(rows, cols, reach, (height, width))
    times = np.zeros((height, width), int)
    for tile in corridor_tiles(cells, (height, width), edge):
        assert tile == tile.clip((height, width))
        assert tile.row // edge == (tile.row_stop - 1) // edge
        times[tile.within(Window(0, 0, height, width))] += 1
    assert times.max(initial=0) <= 1
    assert (times[cell_mask(cells, Window(0, 0, height, width))] == 1).all()
    for row, col in zip(rows, cols, strict=True):
        near = Window(int(np.floor(row - reach)), int(np.floor(col - reach)), int(2 * reach) + 1, int(2 * reach) + 1)
        assert (times[near.clip((height, width)).within(Window(0, 0, height, width))] == 1).all()


def test_a_tile_is_the_corridor_s_bounding_box() -> None:
    cells = np.zeros((8, 8), bool)
    cells[1, 2] = cells[3, 3] = True
    assert corridor_tiles(cells, (256, 256), 256) == [Window(CELL, 2 * CELL, 3 * CELL, 2 * CELL)]
    assert corridor_tiles(cells, (256, 100), 256) == [Window(CELL, 2 * CELL, 3 * CELL, 100 - 2 * CELL)]
