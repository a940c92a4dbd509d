"""Windows of a pixel grid, and the tiles of a scene that lie along a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL = 32
"""Edge in pixels of the cells that make up a corridor. Cells do not depend on the tiles, so neither do statistics."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole pixels; ``row`` and ``col`` may be negative or reach past the grid."""

    row: int
    col: int
    height: int
    width: int

    @property
    def row_stop(self) -> int:
        return self.row + self.height

    @property
    def col_stop(self) -> int:
        return self.col + self.width

    @property
    def shape(self) -> tuple[int, int]:
        return (self.height, self.width)

    @property
    def empty(self) -> bool:
        return self.height <= 0 or self.width <= 0

    def expand(self, margin: int) -> Window:
        """This window with ``margin`` pixels more on every side."""
        return Window(self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin)

    def intersect(self, other: Window) -> Window:
        """The part shared with ``other``; empty (zero height or width) when there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = max(0, min(self.row_stop, other.row_stop) - row)
        width = max(0, min(self.col_stop, other.col_stop) - col)
        return Window(row, col, height, width)

    def clip(self, shape: tuple[int, int]) -> Window:
        """The part inside a grid of ``shape`` (rows, columns)."""
        return self.intersect(Window(0, 0, *shape))

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Slices that cut this window out of an array that holds ``outer``."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.height), slice(col, col + self.width)


def corridor(
    rows: NDArray[np.float64], cols: NDArray[np.float64], reach: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Cells of ``CELL`` pixels that any point comes within ``reach`` pixels of, along each axis.

    Parameters
    ----------
    rows, cols : (n,) float64 pixel coordinates of points; pixel (r, c) spans [r, r + 1) x [c, c + 1). NaN is skipped.
    shape : rows and columns of the scene.

    Returns
    -------
    (ceil(rows / CELL), ceil(cols / CELL)) bool
    """
    cells = np.zeros((-(-shape[0] // CELL), -(-shape[1] // CELL)), bool)
    good = np.isfinite(rows) & np.isfinite(cols)
    first_row, last_row = _cell_range(rows[good], reach)
    first_col, last_col = _cell_range(cols[good], reach)
    boxes = np.column_stack([first_row, last_row, first_col, last_col])
    boxes = boxes[(boxes[:, 1] >= 0) & (boxes[:, 3] >= 0)]
    # Neighbours along a track share their box; dropping them first spares the sort of a million rows.
    boxes = boxes[np.append(True, (boxes[1:] != boxes[:-1]).any(axis=1))[: len(boxes)]]
    boxes = np.unique(boxes, axis=0)
    for top, bottom, left, right in boxes.tolist():
        cells[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = True
    return cells


def _cell_range(at: NDArray[np.float64], reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, last = np.floor((at - reach) / CELL), np.floor((at + reach) / CELL)
    limit = 2.0**31
    return np.clip(first, -limit, limit).astype(np.int64), np.clip(last, -limit, limit).astype(np.int64)


def cell_mask(cells: NDArray[np.bool_], window: Window) -> NDArray[np.bool_]:
    """(height, width) bool: which pixels of a window inside the scene belong to a corridor's cells."""
    rows = np.arange(window.row, window.row_stop) // CELL
    cols = np.arange(window.col, window.col_stop) // CELL
    return cells[np.ix_(rows, cols)]


def corridor_tiles(cells: NDArray[np.bool_], shape: tuple[int, int], edge: int) -> list[Window]:
    """Windows that together cover a corridor, none overlapping, in row-major order.

    Each is the bounding box of the corridor inside one tile of a grid of ``edge`` pixels anchored at the scene's first
    pixel, where the blocks of a JPEG 2000 file begin too.
    """
    tiles = []
    for row in range(0, shape[0], edge):
        for col in range(0, shape[1], edge):
            box = _bounding_box(cells, Window(row, col, edge, edge).clip(shape))
            if not box.empty:
                tiles.append(box)
    return tiles


def _bounding_box(cells: NDArray[np.bool_], tile: Window) -> Window:
    """Smallest window inside ``tile`` that holds the tile's share of the corridor."""
    top, left = tile.row // CELL, tile.col // CELL
    part = cells[top : -(-tile.row_stop // CELL), left : -(-tile.col_stop // CELL)]
    rows, cols = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return Window(tile.row, tile.col, 0, 0)
    row, col = (top + int(rows[0])) * CELL, (left + int(cols[0])) * CELL
    height = (top + int(rows[-1]) + 1) * CELL - row
    width = (left + int(cols[-1]) + 1) * CELL - col
    return Window(row, col, height, width).intersect(tile)
