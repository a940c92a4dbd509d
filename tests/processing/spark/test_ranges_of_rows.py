"""Ranges of rows: they cover a track, begin where batches do, and are about as long as asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.spark.tracks import ranges


@pytest.mark.parametrize(
    ("rows", "target", "unit", "expected"),
    [
        (0, 10.0, 4, [(0, 0)]),
        (3, 10.0, 4, [(0, 3)]),
        (20, 10.0, 4, [(0, 8), (8, 16), (16, 20)]),
        (9, 0.5, 4, [(0, 4), (4, 8), (8, 9)]),
        (15, 10.0, 4, [(0, 15)]),
        (16, 10.0, 4, [(0, 8), (8, 16)]),
    ],
)
def test_ranges_by_hand(rows: int, target: float, unit: int, expected: list[tuple[int, int]]) -> None:
    assert list(ranges(rows, target, unit)) == expected


@given(st.integers(1, 5000), st.floats(0.1, 6000.0), st.integers(1, 900))
def test_every_row_is_in_one_range_that_begins_at_a_multiple(rows: int, target: float, unit: int) -> None:
    found = list(ranges(rows, target, unit))
    assert [row for start, stop in found for row in range(start, stop)] == list(range(rows))
    assert all(start % unit == 0 for start, _ in found)
    if len(found) == 1:
        assert rows <= max(unit, target + unit / 2, 1.5 * target)
    else:
        assert all(stop - start <= max(unit, target + unit / 2) for start, stop in found)
