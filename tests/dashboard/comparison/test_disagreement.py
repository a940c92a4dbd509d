"""Stretches in which two models differ, drawn by hand."""

from __future__ import annotations

import numpy as np

from dashboard.comparison.disagreement import TrackDifference, differences, foremost, pairs_of, shares


def compared(first: str, second: str, ids: list[int] | None = None, sure: list[float] | None = None) -> TrackDifference:
    """Two models' classes as digits, one a segment of 2 m."""
    codes = [np.array([int(digit) for digit in text], np.int8) for text in (first, second)]
    segment = np.array(ids or list(range(100, 100 + len(first))), np.int64)
    sureness = np.array(sure or [0.5] * len(first), np.float32)
    return differences(("G", "gt1l"), 2.0, segment, (codes[0], codes[1]), sureness)


def test_a_stretch_ends_where_a_class_changes_or_both_agree() -> None:
    found = compared("0001122000", "0000112100")
    assert list(zip(found.first.tolist(), found.stop.tolist(), strict=True)) == [(103, 104), (105, 106), (107, 108)]
    assert found.labels.tolist() == [[1, 0], [2, 1], [0, 1]]
    assert (found.compared, found.differing, found.metres) == (10, 3, 6.0)
    assert found.pairs.tolist() == [[5, 1, 0], [1, 1, 0], [0, 1, 1]]


def test_a_stretch_ends_at_a_gap_of_the_track() -> None:
    found = compared("1111", "0000", ids=[10, 11, 60, 61])
    assert found.edges.tolist() == [[20.0, 24.0], [120.0, 124.0]]


def test_models_that_agree_have_no_stretch() -> None:
    found = compared("012", "012")
    assert (found.differing, found.share, len(found.first)) == (0, 0.0, 0)
    assert found.near(200.0, 1e6) is None
    assert foremost([found], 5, surest=False) == []


def test_the_longest_comes_first_or_where_both_are_sure_for_longest() -> None:
    one = compared("1111000", "0000000", sure=[0.6, 0.95, 0.6, 0.6, 0.6, 0.6, 0.6])
    other = compared("0220", "0000", sure=[0.5, 0.99, 0.9, 0.5])
    assert [stretch.metres for stretch in foremost([one, other], 9, surest=False)] == [8.0, 4.0]
    surest = foremost([one, other], 9, surest=True)
    assert [(stretch.sure_metres, stretch.labels) for stretch in surest] == [(4.0, (2, 0)), (2.0, (1, 0))]
    assert [stretch.labels for stretch in foremost([one, other], 9, surest=False, labels=(2, 0))] == [(2, 0)]
    assert len(foremost([one, other], 1, surest=False)) == 1
    assert pairs_of([one, other]).tolist() == [[5, 0, 0], [4, 0, 0], [2, 0, 0]]


def test_a_click_means_the_longest_stretch_within_reach() -> None:
    found = compared("1001110", "0000000")
    assert [found.near(x, 3.0) for x in (100.0, 300.0)] == [None, None]
    near, far = found.near(201.0, 1.0), found.near(201.0, 10.0)
    assert near is not None
    assert far is not None
    assert ((near.x_start, near.x_end), (far.x_start, far.x_end)) == ((200.0, 202.0), (206.0, 212.0))


def test_how_much_of_each_bin_stretches_fill() -> None:
    edges = np.array([[0.0, 5.0], [18.0, 22.0], [40.0, 41.0]])
    bounds = np.array([-10.0, 0.0, 10.0, 20.0, 30.0])
    np.testing.assert_allclose(shares(edges, bounds), [0.0, 0.5, 0.2, 0.2])
    assert shares(np.zeros((0, 2)), bounds).tolist() == [0.0] * 4
