from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.geometry import MapLine, knots, with_gaps

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
