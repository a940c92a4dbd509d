"""Strip, profile and rows without a browser: what they hold, and what an edit or a gesture changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models import PanTool, Range1d, WheelZoomTool
from small_project import GRANULE, START

from dashboard.data import Workspace
from dashboard.place import Place
from dashboard.state import Change, State
from dashboard.views.gesture import Clicked, Drawn, Gestures, Moved, understood
from dashboard.views.profile import Profile
from dashboard.views.review_rows import ReviewRows
from dashboard.views.strip import Strip

EVERYTHING = Change(frozenset(State.parts()))


class Silent:
    """Messages that raise: nothing may go wrong here."""

    def tell(self, text: str, level: str = "info") -> None:
        raise AssertionError(level, text)

    @contextmanager
    def guard(self, _: str) -> Iterator[None]:
        yield


class Views:
    """The views of one place, following its state as a page does."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.state = State(page="review", granule=GRANULE, beam="gt1l", x=START + 1700.0, span=1500.0, analyst="ada")
        self.place = Place(self.workspace, self.state, Silent())
        self.place.refresh(self.place.look())
        self.place.opened = True
        self.place.settle()
        self.x = Range1d(0, 1)
        self.strip = Strip(self.place, "light", self.x, self.later)
        self.profile = Profile(self.place, "light", self.x, self.later)
        self.rows = ReviewRows(self.place, "light", self.x)
        self.along = (self.strip, self.profile, self.rows)
        figures = [view.figure for view in self.along]
        self.gestures = Gestures(self.place, lambda call: call(), self.x, figures, self.rows)
        self.waiting: list[Any] = []
        self.follow(EVERYTHING)
        self.settle()
        self.state.listen(self.follow)

    def later(self, call: Any) -> None:
        self.waiting.append(call)

    def settle(self) -> None:
        """Wait for what is being read, and show it."""
        for reading in (self.strip._reading, self.profile._reading):
            if reading._waiting is not None:
                reading._waiting.result(30)
        while self.waiting:
            self.waiting.pop(0)()

    def follow(self, change: Change) -> None:
        for view in (*self.along, self.gestures):
            view.update(change)

    def row(self, name: str) -> Any:
        return self.rows._slot_of[name].data["image"][0][0]

    def tell(self, **message: Any) -> None:
        self.gestures._told("data", {}, {"message": [json.dumps(message)]})


@pytest.fixture
def views(project_root: Path, tmp_path: Path) -> Views:
    """Views over a copy of the small project that may be edited."""
    copied = shutil.copytree(project_root.parent, tmp_path / "own", symlinks=True)
    return Views(copied / project_root.name)


def test_all_views_show_the_same_stretch_and_the_rows_what_the_tables_say(views: Views) -> None:
    assert (views.x.start, views.x.end) == (950.0, 2450.0)
    assert views.strip.figure.x_range is views.profile.figure.x_range is views.rows.figure.x_range
    names = ["auto", "label", "2nd", "model", "flags", "doubt", "photons", "backgr."]
    assert list(views.rows._slot_of) == names
    assert set(np.unique(views.row("auto"))) == {0, 2, 3, 4}
    assert np.array_equal(views.row("auto"), views.row("label"))
    assert not views.row("2nd").any()
    assert set(np.unique(views.row("flags"))) == {0, 4}
    known = views.row("doubt")[np.isfinite(views.row("doubt"))]
    assert np.allclose(known, -(0.9 * np.log(0.9) + 0.1 * np.log(0.05)) / np.log(3))
    assert np.nanmax(views.row("backgr.")) == np.float32(1.5e6)


def test_the_strip_shows_the_scene_where_the_profile_shows_heights(views: Views) -> None:
    picture = views.strip.image.data
    assert (picture["x"][0], picture["dw"][0]) == (200.0, 3000.0)
    assert (picture["y"][0], picture["dh"][0]) == (-250.0, 500.0)
    assert (np.asarray(picture["image"][0]) >> 24 == 255).mean() > 0.9


def test_an_edit_changes_colours_and_reads_nothing_again(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    heights, photons = views.profile.segments.data["y"], views.profile._photons.data["x"]
    assert len(photons) > 4000 or len(views.profile._photon_image.data["image"]) == 1
    monkeypatch.setattr(Workspace, "photons", lambda *_: pytest.fail("photons are read again"))
    views.place.desk.select(START + 1100.0, START + 1200.0, free=True)
    views.place.desk.paint(2)
    x = np.asarray(views.profile.segments.data["x"])
    inside = (x > 1100) & (x < 1200)
    assert (np.asarray(views.profile.segments.data["rank"])[inside] == 4).all()
    assert views.profile.segments.data["y"] is heights
    label, auto = views.row("label"), views.row("auto")
    changed = np.flatnonzero(label != auto)
    assert (label[changed] == 4).all()
    assert len(changed) == 50
    views.place.desk.undo()
    assert np.array_equal(views.row("label"), views.row("auto"))


def test_the_second_opinion_is_blind(views: Views) -> None:
    views.place.desk.select(START + 1100.0, START + 1200.0, free=True)
    views.place.desk.paint(2)
    views.state.move(opinion="second")
    assert "2nd" not in views.rows._slot_of
    assert np.array_equal(views.row("label"), views.row("auto"))


def test_a_band_follows_the_selection_of_this_beam(views: Views) -> None:
    views.tell(kind="select", start=1200.0, end=1100.0, free=True, add=False)
    assert dict(views.gestures.band.chosen.data) == {"x0": [1100.0], "x1": [1200.0]}
    views.tell(kind="select", start=1300.0, end=1304.0, free=True, add=True)
    assert dict(views.gestures.band.chosen.data) == {"x0": [1100.0, 1300.0], "x1": [1200.0, 1304.0]}
    views.state.move(beam="gt2l")
    assert dict(views.gestures.band.chosen.data) == {"x0": [], "x1": []}
    views.state.move(beam="gt1l")
    assert len(views.gestures.band.chosen.data["x0"]) == 2
    views.tell(kind="click", figure="profile", x=2000.0, y=0.0, scale=1.0)
    assert views.state.selection is None
    assert dict(views.gestures.band.chosen.data) == {"x0": [], "x1": []}


def test_a_hole_in_the_track_parts_no_band(views: Views) -> None:
    views.tell(kind="select", start=2400.0, end=2700.0, free=True, add=False)
    assert len(views.state.selection.runs) == 2
    assert dict(views.gestures.band.chosen.data) == {"x0": [2400.0], "x1": [2700.0]}


def test_two_clicks_take_the_run_of_one_label(views: Views) -> None:
    label = views.place.desk.labels().label
    row = int(np.searchsorted(views.place.track.x_atc, START + 1300.0))
    views.tell(kind="run", x=1300.0)
    rows = views.state.selection.rows(views.place.track.segment)
    assert row in rows
    assert (label[rows] == label[row]).all()
    assert label[rows[0] - 1] != label[row] != label[rows[-1] + 1]


def test_a_click_on_a_mark_takes_the_zone(views: Views) -> None:
    zones = views.workspace.zones(GRANULE, "gt1l")
    views.place.desk.queue_of.take(GRANULE, "gt1l", zones)
    views.follow(Change(frozenset({"zone"})))
    marks = views.rows._zones.data
    assert len(marks["left"]) == len([zone for zone in zones if zone.x_start < START + 3200])
    middle, height = (marks["left"][0] + marks["right"][0]) / 2, float(views.rows.y.end) - 0.5
    assert views.rows.zone_at(marks["left"][0] - 3.0, height, 4.0) == marks["ident"][0]
    assert views.rows.zone_at(marks["left"][0] - 5.0, height, 4.0) == ""
    views.tell(kind="click", figure="class-rows", x=middle, y=height, scale=1.0)
    assert views.state.zone == marks["ident"][0]
    assert views.state.selection is not None
    assert views.gestures.band.zone.data["x0"] == [zones[0].x_start - views.place.origin]


def test_a_move_is_answered_when_it_is_drawn(views: Views) -> None:
    views.tell(kind="move", start=1000.0, end=1400.0)
    assert views.state.window == (START + 1000.0, START + 1400.0)
    assert views.gestures.answer.data["n"] == [1]
    assert (views.x.start, views.x.end) == (950.0, 2450.0), "the browser has moved already"


def test_messages_of_the_browser_are_understood() -> None:
    assert understood('{"kind": "move", "start": 1, "end": 2}') == Moved(1.0, 2.0)
    assert understood('{"kind": "select", "start": 2, "end": 1, "free": true, "add": false}') == Drawn(
        2, 1, True, False
    )
    assert understood('{"kind": "run", "x": 3}') == Clicked(3.0, twice=True)
    for wrong in ('{"kind": "move", "start": 2, "end": 1}', '{"kind": "paint"}'):
        with pytest.raises(ValueError, match="kind"):
            understood(wrong)


def test_gestures_take_the_place_of_the_figures_own(views: Views) -> None:
    for view in views.along:
        assert not [tool for tool in view.figure.tools if isinstance(tool, PanTool | WheelZoomTool)]
    low, high = views.place.extent
    assert (views.x.min_interval, views.x.max_interval) == (20.0, pytest.approx(1.2 * (high - low)))
