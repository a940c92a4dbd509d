"""Tracks coloured by freeboard: bins by hand and against plain numpy, and the map over the small project."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from at_once import AtOnce
from bokeh.events import RangesUpdate
from hypothesis import given
from hypothesis import strategies as st
from small_project import GRANULE, START

from dashboard.application import Application
from dashboard.data import Workspace
from dashboard.geometry import MapLine
from dashboard.state import Change
from dashboard.views import freeboard_on_map as on_map
from dashboard.views.freeboard_map import FreeboardMap
from dashboard.views.freeboard_on_map import LEVELS, BeamFreeboard
from dashboard.views.map_frame import Sight


def beam(x: list[float], freeboard: list[float]) -> BeamFreeboard:
    return BeamFreeboard.of("r", np.array(x, float), np.array(freeboard, np.float32), np.zeros((0, 2)), 2.0)


def sight(start: float, end: float, scale: float) -> Sight:
    return Sight(MapLine(np.array([start, end]), np.array([start, end]), np.zeros(2)), start, end, scale)


def test_leads_are_runs_of_one_number() -> None:
    lead = np.array([-1, 4, 4, -1, 7, 9, 9], np.int32)
    ends = on_map.lead_ends(np.arange(7) * 2.0 + 1.0, lead, 2.0)
    assert ends.tolist() == [[2.0, 6.0], [8.0, 10.0], [10.0, 14.0]]
    assert on_map.lead_ends(np.zeros(0), lead[:0], 2.0).shape == (0, 2)


def test_colours_reach_from_one_round_percentile_to_another() -> None:
    assert on_map.limits([]) == (0.0, 1.0)
    assert on_map.limits([beam([1.0], [np.nan])]) == (0.0, 1.0)
    low, high = on_map.limits([beam(list(range(1001)), list(np.linspace(-0.1, 0.9, 1001)))])
    assert (low, high) == pytest.approx((-0.1, 0.9))
    assert on_map.ticks((-0.1, 0.9)) == [0.0, 0.25, 0.5, 0.75]


def test_a_bin_has_its_mean_and_one_without_freeboard_is_grey_and_a_gap_stays_empty() -> None:
    x = [1.0, 3.0, 5.0, 7.0, 13.0, 15.0]
    found = on_map.runs_in_sight(beam(x, [0.0, 0.0, 1.0, np.nan, np.nan, np.nan]), sight(0, 16, 0.01), (0.0, 1.0))
    assert found.edges.tolist() == [[0.0, 4.0], [4.0, 6.0], [6.0, 8.0], [12.0, 16.0]]
    assert found.ranks.tolist() == [2, LEVELS + 1, 1, 1]


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 80.0))
def test_bins_are_means_of_the_segments_in_them(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x = 2.0 * np.flatnonzero(rng.random(2000) < 0.7) + 1.0
    freeboard = rng.uniform(0, 1, len(x)).astype(np.float32)
    freeboard[rng.random(len(x)) < 0.2] = np.nan
    found = on_map.runs_in_sight(beam(list(x), list(freeboard)), sight(400.0, 3000.0, scale), (0.0, 1.0))
    assert (found.edges[1:, 0] >= found.edges[:-1, 1]).all()
    inside = np.zeros(len(x), bool)
    for (start, end), rank in zip(found.edges, found.ranks, strict=True):
        rows = (x >= start) & (x < end)
        inside |= rows
        values = freeboard[rows]
        if rank == 1:
            assert np.isnan(values).all()
        elif np.isfinite(values).any():
            level = (rank - 1.5) / LEVELS
            assert abs(float(np.nanmean(values.astype(float))) - level) <= 0.6 / LEVELS + 1e-5
    assert inside[(x >= 400.0) & (x <= 3000.0)].all()


@pytest.fixture
def placed(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, FreeboardMap]:
    """The map beside a session that stands at 1 km of the first beam."""
    workspace = Workspace(project_root)
    monkeypatch.setattr(workspace, "workers", AtOnce())
    app = Application(workspace)
    app.open({"page": "agreement", "granule": GRANULE, "beam": "gt1l", "x": f"{START + 1000}", "span": "600"})
    view = FreeboardMap(app.place, "light", lambda call: call())
    view.follow(Change(frozenset(app.state.parts())))
    return app, view


def test_the_map_draws_every_beam_and_marks_the_stretch_and_the_leads(placed: tuple[Any, FreeboardMap]) -> None:
    app, view = placed
    lines = view.layers.lines.data
    assert set(lines["width"]) == {6.0, 3.5}
    assert set(lines["colour"]) <= set(on_map.COLOURS)
    assert view.layers.names.data["name"][0] == "gt1l"
    assert len(view.layers.leads.data["x"]) > 3
    (x0, x1), _ = app.place.line("gt1l").at(np.array(app.state.window))
    assert (view.layers.stretch.data["xs"][0][[0, -1]] == (x0, x1)).all()
    ends = on_map.limits(list(view._found.values()))
    assert (view.layers._mapper.low, view.layers._mapper.high) == ends


def test_a_click_moves_along_the_track_and_the_map_stays(placed: tuple[Any, FreeboardMap]) -> None:
    app, view = placed
    (x,), (y,) = app.place.line("gt2l").at(START + 1100.0)
    before = (view._x.start, view._x.end)
    view._tapped(SimpleNamespace(x=x + 1.0, y=y))
    assert app.state.beam == "gt2l"
    assert app.state.x == pytest.approx(START + 1100.0, abs=2.0)
    view.follow(Change(frozenset(("beam", "x")), "freeboard-map"))
    assert (view._x.start, view._x.end) == before
    app.state.move(x=START + 3600.0)
    view.follow(Change(frozenset(("x",))))
    assert (view._x.start, view._x.end) != before


def test_from_afar_the_polar_map_lies_below_and_coming_back_the_scene(placed: tuple[Any, FreeboardMap]) -> None:
    app, view = placed
    assert view.layers.rings.data["xs"] == []
    assert view.images.layers["image"].visible
    x, y = (view._x.start + view._x.end) / 2, (view._y.start + view._y.end) / 2
    view._moved(RangesUpdate(None, x0=x - 4e5, x1=x + 4e5, y0=y - 4e5, y1=y + 4e5))
    assert len(view.layers.rings.data["xs"]) > 0
    assert not view.images.layers["image"].visible
    line = app.place.granule.beams[0].line
    middle = (view._x.start + view._x.end) / 2, (view._y.start + view._y.end) / 2
    assert line.nearest(*middle)[1] < 5_000.0
    view.fit()
    assert view.layers.rings.data["xs"] == []
    assert view.images.layers["image"].visible
