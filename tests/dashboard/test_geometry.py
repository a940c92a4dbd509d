from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.geometry import MapLine, even_odd, inside, knots, with_gaps

LINE = MapLine(np.array([0.0, 100.0, 250.0]), np.array([0.0, 60.0, 60.0]), np.array([0.0, 80.0, 230.0]))


@given(st.floats(0.0, 250.0))
def test_the_nearest_place_to_a_point_of_the_line_is_that_point(x_atc: float) -> None:
    (x,), (y,) = LINE.at(x_atc)
    back, away = LINE.nearest(float(x), float(y))
    assert abs(back - x_atc) < 1e-6
    assert away < 1e-6


def test_nearest_measures_across_and_holds_the_ends() -> None:
    assert LINE.nearest(90.0, 150.0) == (170.0, 30.0)
    back, away = LINE.nearest(60.0, 300.0)
    assert (back, away) == (250.0, 70.0)


def test_a_part_has_interpolated_ends() -> None:
    part = LINE.between(50.0, 175.0)
    assert part.x_atc.tolist() == [50.0, 100.0, 175.0]
    assert (part.x.tolist(), part.y.tolist()) == ([30.0, 60.0, 60.0], [40.0, 80.0, 155.0])
    assert LINE.between(300.0, 400.0).empty


def test_a_gap_is_drawn_as_a_gap_and_keeps_both_its_edges() -> None:
    x_atc = np.concatenate([np.arange(0.0, 1000.0, 2.0), np.arange(9000.0, 10_000.0, 2.0)])
    rows = knots(x_atc, 200.0, 500.0)
    assert {499, 500} <= set(rows.tolist())
    assert len(rows) < 20
    line = with_gaps(MapLine(x_atc[rows], x_atc[rows], np.zeros(len(rows))), 500.0)
    assert np.isnan(line.x).sum() == 1
    assert 998.0 < line.x_atc[np.isnan(line.x)][0] < 9000.0


def test_a_loop_holds_the_part_of_the_line_inside() -> None:
    xs, ys = np.array([-10.0, 70.0, 70.0, -10.0]), np.array([40.0, 40.0, 120.0, 120.0])
    assert inside(LINE, xs, ys).tolist() == [[50.0, 140.0]]
    assert inside(LINE, xs + 200.0, ys).shape == (0, 2)
    assert inside(LINE, *(np.array([-1e3, 1e3, 1e3, -1e3]), np.array([-1e3, -1e3, 1e3, 1e3]))).tolist() == [
        [0.0, 250.0]
    ]


def test_a_loop_that_crosses_itself_holds_what_it_goes_round_once() -> None:
    straight = MapLine(np.array([0.0, 100.0]), np.array([0.0, 100.0]), np.zeros(2))
    eight = np.array([20.0, 80.0, 80.0, 20.0]), np.array([-5.0, 5.0, -5.0, 5.0])
    assert inside(straight, *eight).tolist() == [[20.0, 80.0]]
    fork = np.array([20.0, 80.0, 80.0, 60.0, 60.0, 40.0, 40.0, 20.0]), np.array([5.0, 5, -5, -5, 1, 1, -5, -5])
    assert inside(straight, *fork).tolist() == [[20.0, 40.0], [60.0, 80.0]]
    twice = np.tile(np.array([20.0, 40.0, 40.0, 20.0]), 2), np.tile(np.array([-5.0, -5.0, 5.0, 5.0]), 2)
    assert inside(straight, *twice).shape == (0, 2)


def test_a_corner_on_the_line_leaves_the_rest_outside() -> None:
    straight = MapLine(np.arange(0.0, 501.0, 100.0), np.arange(0.0, 501.0, 100.0), np.zeros(6))
    assert inside(straight, np.array([200.0, 250.0, 150.0]), np.array([0.0, 90.0, 90.0])).shape == (0, 2)
    assert inside(straight, np.array([100.0, 250.0, 250.0]), np.array([0.0, -90.0, 90.0])).tolist() == [[100.0, 250.0]]


@given(st.integers(0, 10_000))
def test_the_part_of_a_line_inside_is_where_its_points_are_inside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    knots_at = np.cumsum(rng.uniform(1.0, 9.0, 300))
    line = MapLine(knots_at, np.cumsum(rng.normal(0.6, 1.0, 300)), np.cumsum(rng.normal(0.6, 1.0, 300)))
    xs, ys = rng.uniform(-20, 200, (2, rng.integers(3, 40)))
    along = rng.uniform(knots_at[0], knots_at[-1], 500)
    stretches = inside(line, xs, ys)
    held = np.searchsorted(stretches.ravel(), along) % 2 == 1
    assert np.array_equal(held, even_odd(*line.at(along), xs, ys))
