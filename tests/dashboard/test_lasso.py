"""What a loop in the map takes, and what the browser may tell about it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyproj
import pytest
import small_project
from hypothesis import given
from hypothesis import strategies as st
from small_project import GRANULE

from dashboard.data import Workspace
from dashboard.geometry import Array, MapLine
from dashboard.views.lasso import held, rows_inside
from dashboard.views.map_gestures import Carried, Loop, understood

KNOTS = np.arange(0.0, 1001.0, 200.0)
SQUARE = np.array([100.0, 300.0, 300.0, 100.0]), np.array([-10.0, -10.0, 10.0, 10.0])


def _beam(name: str, y: float) -> tuple[str, MapLine, Array]:
    return name, MapLine(KNOTS, KNOTS, np.full(len(KNOTS), y)), np.arange(1.0, 1000.0, 2.0)


def test_segments_with_their_centre_inside_are_taken() -> None:
    found = held([_beam("gt1l", 0.0)], "gt1l", *SQUARE)
    assert found is not None
    assert found.rows.tolist() == list(range(50, 150))
    assert (found.beam, found.others, found.told) == ("gt1l", (), "")
    assert held([_beam("gt1l", 50.0)], "gt1l", *SQUARE) is None


def test_the_current_beam_comes_first_and_the_others_are_told() -> None:
    beams = [_beam("gt1l", 0.0), _beam("gt1r", 5.0), _beam("gt2l", 80.0)]
    found = held(beams, "gt1r", *SQUARE)
    assert found is not None
    assert (found.beam, found.others) == ("gt1r", ("gt1l",))
    assert found.told == "the loop also holds segments of gt1l; only those of gt1r are selected"


def test_without_the_current_beam_the_one_with_most_segments_is_taken() -> None:
    slanted = np.array([100.0, 200.0, 300.0, 100.0]), np.array([-10.0, -10.0, 10.0, 10.0])
    found = held([_beam("gt1l", -6.0), _beam("gt1r", 6.0), _beam("gt2l", 80.0)], "gt2l", *slanted)
    assert found is not None
    assert (found.beam, found.others) == ("gt1r", ("gt1l",))


@given(st.integers(0, 5_000))
def test_rows_are_those_between_the_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 100, 60))
    stretches = np.sort(rng.uniform(-5, 105, 8)).reshape(-1, 2)
    plain = [row for row, at in enumerate(x) if any(start <= at < end for start, end in stretches)]
    assert rows_inside(x, stretches).tolist() == plain


def test_a_segment_is_placed_within_a_metre_of_its_own_latitude_and_longitude(project_root: Path) -> None:
    workspace = Workspace(project_root)
    track, line = workspace.track(GRANULE, "gt1l"), workspace.line(GRANULE, "gt1l", small_project.UTM)
    east, north = pyproj.Transformer.from_crs("EPSG:4326", small_project.UTM, always_xy=True).transform(
        track.lon, track.lat
    )
    x, y = line.at(track.x_atc)
    assert np.hypot(x - east, y - north).max() < 1.0


def test_what_the_browser_tells_is_read_or_refused() -> None:
    loop = understood(json.dumps({"n": 1, "kind": "loop", "xs": [0, 1, 1], "ys": [0, 0, 1], "add": True}))
    assert isinstance(loop, Loop)
    assert (loop.xs.tolist(), loop.ys.tolist(), loop.add) == ([0, 1, 1], [0, 0, 1], True)
    assert understood('{"kind": "carry", "drag": 3, "x": 1.5, "y": -2}') == Carried(3, 1.5, -2.0)
    for message in (
        '{"kind": "loop", "xs": [0, 1], "ys": [0], "add": false}',
        '{"kind": "loop", "xs": [NaN], "ys": [0], "add": false}',
        '{"kind": "carry", "drag": 3, "x": Infinity, "y": 0}',
        '{"kind": "jump"}',
    ):
        with pytest.raises(ValueError, match="kind"):
            understood(message)
