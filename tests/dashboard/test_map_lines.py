"""Runs, outlines and frames of beams in the map, by hand and against the plain way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard import detail
from dashboard.geometry import MapLine
from dashboard.views.beam_lines import Runs, along, casing_of, find_runs, lines_of
from dashboard.views.map_frame import Frame, Sight, joined, within
from dashboard.views.map_marks import ends, outlines, stroke

STRAIGHT = MapLine(np.array([0.0, 10_000.0]), np.array([0.0, 10_000.0]), np.zeros(2))


def test_runs_are_stretches_of_one_rank_and_a_gap_is_in_none() -> None:
    x = np.array([1.0, 3.0, 5.0, 7.0, 15.0, 17.0])
    runs = find_runs(x, np.array([2, 2, 4, 4, 4, 1], np.int8), (0.0, 20.0, 10))
    assert runs.edges.tolist() == [[0.0, 4.0], [4.0, 8.0], [14.0, 16.0], [16.0, 18.0]]
    assert runs.ranks.tolist() == [2, 4, 4, 1]


def test_a_rare_rank_keeps_its_colour_from_afar() -> None:
    x = np.arange(1.0, 2000.0, 2.0)
    rank = np.ones(1000, np.int8)
    rank[501] = 4
    runs = find_runs(x, rank, (0.0, 2000.0, 20))
    assert runs.ranks.tolist() == [1, 4, 1]
    assert runs.edges.tolist() == [[0.0, 1000.0], [1000.0, 1100.0], [1100.0, 2000.0]]


def test_from_afar_sureness_is_the_mean_of_what_is_known() -> None:
    x = np.arange(1.0, 24.0, 2.0)
    rank = np.array([2, 2, 7, 1, 2, 7, 7, 1, 1, 1, 1, 1], np.int8)
    runs = find_runs(x, rank, (0.0, 24.0, 3), mean=True)
    assert runs.ranks.tolist() == [4, 5, 1]


@given(st.integers(0, 10_000))
def test_runs_are_what_the_columns_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    segment = np.flatnonzero(rng.random(600) < rng.uniform(0.05, 1.0))
    x, rank = np.array(2.0 * segment + 1.0, np.float64), rng.integers(1, 5, len(segment)).astype(np.int8)
    low = float(rng.uniform(0, 1000))
    cells = detail.cells(low, low + float(rng.uniform(10, 900)), 2.0, int(rng.integers(5, 200)))
    runs = find_runs(x, rank, cells)
    start, end, bins = cells
    middles = start + (np.arange(bins) + 0.5) * (end - start) / bins
    drawn = np.zeros(bins, np.int64)
    for (begin, stop), value in zip(runs.edges, runs.ranks, strict=True):
        drawn[(middles > begin) & (middles < stop)] = value
    plain = [max(rank[(x >= a) & (x < b)], default=0) for a, b in _bins(start, end, bins)]
    assert drawn.tolist() == plain


def _bins(start: float, end: float, bins: int) -> list[tuple[float, float]]:
    edges = start + np.arange(bins + 1) * (end - start) / bins
    return list(pairwise(edges.tolist()))


def test_a_long_stretch_gets_points_in_between_and_a_hole_after_it() -> None:
    places = along(np.array([[0.0, 10.0], [20.0, 50.0]]), 10.0)
    assert np.array_equal(places, [0, 10, np.nan, 20, 30, 40, 50, np.nan], equal_nan=True)


def test_higher_ranks_are_drawn_over_lower_ones_and_the_casing_is_whole() -> None:
    runs = Runs(np.array([[0.0, 10.0], [10.0, 20.0], [30.0, 40.0]]), np.array([3, 1, 1]))
    data = lines_of(STRAIGHT, runs, ("#000001", "#000002", "#000003"), 1e9)
    assert data["colour"] == ["#000001", "#000003"]
    assert np.array_equal(data["xs"][0], [10, 20, np.nan, 30, 40, np.nan], equal_nan=True)
    casing = casing_of(STRAIGHT, runs, 1e9)
    assert np.array_equal(casing["xs"][0], [0, 20, np.nan, 30, 40, np.nan], equal_nan=True)


def test_intervals_too_close_or_too_short_to_see_are_joined_and_grown() -> None:
    intervals = np.array([[0.0, 10.0], [11.0, 20.0], [40.0, 41.0], [80.0, 90.0]])
    assert joined(intervals, 2.0, 5.0).tolist() == [[0.0, 20.0], [38.0, 43.0], [80.0, 90.0]]
    assert within(intervals, 15.0, 85.0).tolist() == [[15.0, 20.0], [40.0, 41.0], [80.0, 85.0]]


def test_a_zone_is_outlined_at_its_distance_in_pixels() -> None:
    sight = Sight(STRAIGHT, 0.0, 5_000.0, 2.0)
    loop = outlines(sight, np.array([[100.0, 300.0], [7000.0, 8000.0]]), 8.0)
    assert np.array_equal(loop["xs"][0], [100, 300, 300, 100, 100, np.nan], equal_nan=True)
    assert np.allclose(loop["ys"][0][:-1], [16, 16, -16, -16, 16])
    assert stroke(sight, np.array([[7000.0, 8000.0]]))["xs"] == []


def test_the_profile_ends_in_ticks_across_the_line() -> None:
    ticks = ends(STRAIGHT, (100.0, 200.0), 5.0)
    assert np.allclose(ticks["x0"], [100, 200])
    assert np.allclose(ticks["y0"], [-5, -5])
    assert np.allclose(ticks["y1"], [5, 5])
    assert ends(STRAIGHT, (float("nan"), 1.0), 5.0)["x0"] == []


def test_a_frame_sees_a_line_with_half_a_map_to_spare() -> None:
    line = MapLine(np.arange(0.0, 10_001.0, 100.0), np.arange(0.0, 10_001.0, 100.0), np.zeros(101))
    frame = Frame(5_000.0, 0.0, 1.0, 1000, 500)
    start, end = frame.in_sight(line)
    assert 3_800.0 <= start <= 4_000.0
    assert 6_000.0 <= end <= 6_200.0
    assert Frame(5_000.0, 90_000.0, 1.0, 1000, 500).in_sight(line) == (0.0, 0.0)
    assert Frame(5_050.0, 0.0, 0.01, 1000, 500).in_sight(line) == (5_040.0, 5_060.0)
    assert frame.serves(Frame(5_300.0, 100.0, 1.02, 1000, 500))
    assert not frame.serves(Frame(5_600.0, 0.0, 1.0, 1000, 500))
    assert not frame.serves(Frame(5_000.0, 0.0, 1.1, 1000, 500))


def test_a_name_keeps_clear_of_the_buttons_in_the_corner() -> None:
    frame = Frame(0.0, 0.0, 1.0, 800, 300)
    knots = np.array([-400.0, 0.0, 400.0])
    steep = MapLine(knots, np.array([240.0, 240.0, 240.0]), knots)
    free = MapLine(knots, np.array([-200.0, -200.0, -200.0]), knots)
    assert frame.place_of_name(steep, -400.0, 400.0) < 150.0 - 50.0
    assert frame.place_of_name(free, -400.0, 400.0) > 125.0
