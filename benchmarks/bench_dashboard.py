"""How quickly the page's server answers a move over 1 M segments, and paints a tile. Synthetic input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.harness import Row, best_of

_SEGMENTS = 1_000_000


def rows() -> Iterator[Row]:
    """Time from a move to the data being ready to send; the browser's own drawing comes on top."""
    yield from _detail_rows()
    yield _tile_row()


def _detail_rows() -> Iterator[Row]:
    from dashboard import detail

    rng = np.random.default_rng(1)
    x = 2.0 * np.arange(_SEGMENTS) + 1.0
    height = rng.normal(0.3, 0.2, _SEGMENTS).astype(np.float32)
    rank = rng.integers(2, 5, _SEGMENTS).astype(np.int8)
    view = detail.View((0.0, 2.0 * _SEGMENTS), (-0.5, 1.5), 2400, 300)
    detail.highest(x[:10], height[:10], rank[:10], view)
    note = "synthetic, one core"
    seconds = best_of(lambda: detail.thicken(detail.highest(x, height, rank, view), 1))
    yield Row("profile of 1 M segments to pixels", 1e3 * seconds, "ms", "<= 100 ms", seconds <= 0.1, note=note)
    seconds = best_of(lambda: detail.gather(x, height, 0.0, 2.0 * _SEGMENTS, 900))
    yield Row("line of 1 M segments to 900 means", 1e3 * seconds, "ms", "<= 50 ms", seconds <= 0.05, note=note)
    seconds = best_of(lambda: detail.column_ranks(x, rank, 0.0, 2.0 * _SEGMENTS, 2400))
    yield Row("class row of 1 M segments", 1e3 * seconds, "ms", "<= 50 ms", seconds <= 0.05, note=note)


def _tile_row() -> Row:
    from dashboard import tiles

    rng = np.random.default_rng(2)
    chunk = rng.integers(1, 10_000, (3, tiles.TILE, tiles.TILE)).astype(np.uint16)
    stretch = tiles.Stretch(0.05, 0.9)
    seconds = best_of(lambda: tiles.encode(tiles.colour(chunk, stretch)), 5)
    return Row("scene tile, 256 x 256, stretch and PNG", 1e3 * seconds, "ms", "<= 20 ms", seconds <= 0.02, note="noise")
