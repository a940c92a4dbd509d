"""Selections are segment ids, whatever order or shape they come in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.selection import Selection

IDS = st.lists(st.integers(0, 200), min_size=1, max_size=60)


def test_runs_are_half_open_and_apart() -> None:
    chosen = Selection.of("G", "gt1l", [7, 5, 6, 10, 11, 5])
    assert chosen == Selection("G", "gt1l", ((5, 8), (10, 12)))
    assert chosen.segments == 5
    assert chosen.metres(2.0) == 10.0
    assert chosen.bounds(2.0) == (10.0, 24.0)
    strokes = chosen.strokes(1, "cloud", 2.0)
    assert [(stroke.x_start, stroke.x_end, stroke.label) for stroke in strokes] == [(10.0, 16.0, 1), (20.0, 24.0, 1)]


def test_nothing_selected_is_none() -> None:
    assert Selection.of("G", "gt1l", np.zeros(0, np.int64)) is None


@given(IDS)
def test_it_contains_what_it_was_made_of(ids: list[int]) -> None:
    chosen = Selection.of("G", "b", ids)
    assert chosen is not None
    assert np.array_equal(np.flatnonzero(chosen.contains(np.arange(220))), np.unique(ids))
    track = np.arange(0, 220, 3)
    assert np.array_equal(track[chosen.rows(track)], np.intersect1d(track, ids))
    assert Selection.from_descriptor(chosen.descriptor()) == chosen


@given(IDS, IDS)
def test_united_holds_both(first: list[int], second: list[int]) -> None:
    one, other = Selection.of("G", "b", first), Selection.of("G", "b", second)
    assert one is not None
    assert other is not None
    assert one.united(other) == Selection.of("G", "b", [*first, *second])


def test_of_two_tracks_the_new_one_counts() -> None:
    one, other = Selection("G", "gt1l", ((1, 2),)), Selection("G", "gt2l", ((5, 9),))
    assert one.united(other) == other


@pytest.mark.parametrize(
    "broken",
    [
        *(None, {}, {"granule": "G", "beam": "b"}),
        *({"granule": "G", "beam": "b", "runs": runs} for runs in ([], [[4, 4]], [[5, 9], [1, 3]], [[1, 5], [4, 9]])),
        {"granule": "G", "beam": "b", "runs": [[0, float("inf")]]},
    ],
)
def test_what_is_no_descriptor_is_refused(broken: object) -> None:
    with pytest.raises(ValueError, match="no selection"):
        Selection.from_descriptor(broken)
