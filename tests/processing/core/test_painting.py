"""Painting label events over auto-labels equals painting them one by one, segment by segment."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.painting import Strokes, paint


def strokes(*rows: tuple[int, float, float, int, int]) -> Strokes:
    ident, start, end, label, analyst = np.array(rows, float).reshape(-1, 5).T
    return Strokes(
        ident.astype(np.int64), start, end, label.astype(np.int8), analyst.astype(np.int32), ("ada", "bo", "cy")
    )


def test_later_events_cover_earlier_ones_and_intervals_are_half_open() -> None:
    x = np.array([1.0, 3.0, 5.0, 7.0, 9.0])
    found = paint(x, [0, 0, 1, 2, -1], strokes((4, 1.0, 7.0, 2, 1), (9, 5.0, 6.0, 0, 0)))
    assert found.label.tolist() == [2, 2, 0, 2, -1]
    assert found.source.tolist() == [1, 1, 1, 0, 0]
    assert found.analyst.tolist() == [1, 1, 0, -1, -1]
    assert found.event_id.tolist() == [4, 4, 9, -1, -1]


def test_no_events_leave_the_auto_labels() -> None:
    auto = np.array([0, 1, 2, -1], np.int8)
    found = paint(np.arange(4.0), auto, strokes())
    assert found.label.tolist() == auto.tolist()
    assert found.label is not auto
    assert (found.event_id == -1).all()


_PLACE = st.integers(0, 60).map(lambda place: place / 2)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_PLACE, unique=True, max_size=30).map(sorted),
    st.lists(st.tuples(_PLACE, _PLACE, st.integers(-1, 2), st.integers(0, 2)), max_size=12),
)
def test_painting_equals_brute_force(places: list[float], drawn: list[tuple[float, float, int, int]]) -> None:
    rows = [(10 + k, min(a, b), max(a, b) + 0.25, label, who) for k, (a, b, label, who) in enumerate(drawn)]
    found = paint(places, np.zeros(len(places), np.int8), strokes(*rows))
    for k, x in enumerate(places):
        covering = [row for row in rows if row[1] <= x < row[2]]
        expected = covering[-1] if covering else (-1, 0, 0, 0, -1)
        assert (found.event_id[k], found.label[k], found.analyst[k]) == (expected[0], expected[3], expected[4])
        assert found.source[k] == bool(covering)
