"""The map over a small project, without a browser: what it draws, and what of it an edit draws anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import small_project
from bokeh.events import RangesUpdate, Tap
from bokeh.models import Range1d
from small_project import GRANULE, START

from dashboard import palette
from dashboard.data import Workspace
from dashboard.place import Place
from dashboard.selection import Selection
from dashboard.state import Change, State
from dashboard.views import colouring
from dashboard.views.map_gestures import Carried
from dashboard.views.map_layers import MapLayers
from dashboard.views.scene_map import ORIGIN, SceneMap
from processing.core.zones import Zone

WATER = palette.class_colour(2, "scene")


@dataclass
class Told:
    """Messages to the analyst; failures are raised."""

    lines: list[str] = field(default_factory=list)

    def tell(self, text: str, level: str = "info") -> None:  # noqa: ARG002
        self.lines.append(text)

    @contextmanager
    def guard(self, doing: str) -> Iterator[None]:  # noqa: ARG002
        yield


class Desk:
    """A place with a map that follows its state at once."""

    def __init__(self, root: Path, **asked: object) -> None:
        self.told = Told()
        self.state = State(granule=GRANULE, beam="gt1l", x=START + 1200.0, span=1500.0, analyst="ada", **asked)
        self.place = Place(Workspace(root), self.state, self.told)
        self.place.opened = True
        self.place.refresh(self.place.look())
        self.place.settle()
        self.map = SceneMap(self.place, "light")
        self.drawn: list[str] = []
        for name in ("current", "others", "selection", "zones", "done", "hand"):
            getattr(self.map.layers, name).on_change("data", self._noting(name))
        self.state.listen(self.map.update)
        self.map.update(Change(frozenset(State.parts())))
        self.drawn.clear()

    def _noting(self, name: str) -> Callable[[str, object, object], None]:
        def note(attr: str, old: object, new: object) -> None:
            self.drawn.append(name)

        return note

    def zones(self) -> None:
        """One zone on gt1l, from 1,500 to 1,900 m after the start."""
        first = int((START + 1500) / 2)
        zone = Zone(first, first + 200, START + 1500, START + 1900, ("cloud",), 1.0, 1)
        self.place.desk.queue_of.take(GRANULE, "gt1l", [zone])
        self.state.move(why="cloud")


@pytest.fixture
def desk(project_root: Path) -> Desk:
    return Desk(project_root)


@pytest.fixture
def own_desk(tmp_path: Path) -> Desk:
    """A desk where labels may be corrected."""
    small_project.make(tmp_path / "own")
    return Desk(tmp_path / "own")


def test_beams_are_coloured_as_the_state_asks(desk: Desk) -> None:
    layers = desk.map.layers
    assert WATER in layers.current.data["colour"]
    assert layers.names.data["name"] == ["gt1l"]
    desk.state.move(colour="flag")
    flags = palette.flag_colours("scene")
    assert layers.current.data["colour"] == [flags["none"], flags["cloud"]]
    desk.state.move(colour="source")
    assert layers.current.data["colour"] == [palette.analyst_colours("scene")[0]]
    desk.state.move(colour="confidence")
    assert set(layers.current.data["colour"]) <= set(palette.sureness_colours("scene")[1])


def test_an_edit_draws_the_edited_beam_alone(own_desk: Desk) -> None:
    own_desk.place.desk.select(START + 1000.0, START + 1100.0, free=True)
    assert own_desk.drawn == ["selection"]
    own_desk.drawn.clear()
    own_desk.place.desk.paint(-1)
    assert "current" in own_desk.drawn
    assert "others" not in own_desk.drawn
    assert palette.class_colour(-1, "scene") in own_desk.map.layers.current.data["colour"]
    own_desk.place.desk.undo()
    assert palette.class_colour(-1, "scene") not in own_desk.map.layers.current.data["colour"]


def test_the_selection_lies_along_the_beam_it_is_of(desk: Desk) -> None:
    desk.state.move(selection=Selection(GRANULE, "gt1r", ((int(START / 2) + 500, int(START / 2) + 600),)))
    (x,), (y,) = desk.map.layers.selection.data["xs"], desk.map.layers.selection.data["ys"]
    line = desk.place.line("gt1r")
    assert np.allclose(np.column_stack([x, y])[:2], np.column_stack(line.at(START + np.array([1000.0, 1200.0]))))
    desk.state.move(selection=None)
    assert desk.map.layers.selection.data["xs"] == []


def test_a_tap_on_a_zone_takes_it_whole_and_one_beside_it_goes_there(desk: Desk) -> None:
    desk.zones()
    assert len(desk.map.layers.zones.data["xs"]) == 1
    line = desk.place.line("gt1l")
    (x,), (y,) = line.at(START + 1600.0)
    desk.map._tapped(Tap(None, x=float(x), y=float(y)))
    selection = desk.state.selection
    assert selection is not None
    assert selection.segments == 200
    assert desk.state.zone == f"{GRANULE}/gt1l/{int((START + 1500) / 2)}"
    assert len(desk.map.layers.hand.data["xs"]) == 1
    (x,), (y,) = line.at(START + 1000.0)
    desk.map._tapped(Tap(None, x=float(x), y=float(y)))
    assert abs(desk.state.x - START - 1000.0) < 1.0
    assert desk.state.selection == selection


def test_a_judged_zone_is_drawn_as_done(own_desk: Desk) -> None:
    own_desk.zones()
    own_desk.place.desk.select_zone(f"{GRANULE}/gt1l/{int((START + 1500) / 2)}")
    own_desk.place.desk.accept()
    assert len(own_desk.map.layers.done.data["xs"]) == 1
    assert own_desk.map.layers.zones.data["xs"] == []


def test_a_drift_tried_out_carries_the_beams_and_leaves_the_image(desk: Desk) -> None:
    layers, x = desk.map.layers, desk.map._x
    before, frame = np.array(layers.current_casing.data["xs"][0]), (x.start, x.end)
    desk.state.move(drifting=True)
    desk.map.gestures._carry(Carried(1, 100.0, 50.0))
    assert np.nanmax(np.abs(np.array(layers.current_casing.data["xs"][0]) - before - 100.0)) < 1e-6
    assert desk.state.shift == (160.0, 10.0)
    desk.map.gestures._carry(Carried(1, 120.0, 50.0))
    assert desk.state.shift == (180.0, 10.0)
    assert (x.start, x.end) == frame
    assert desk.map.gestures.how == "carry"
    desk.state.move(drifting=False, shift=None)
    assert np.allclose(np.array(layers.current_casing.data["xs"][0]), before, equal_nan=True)
    assert (x.start, x.end) == frame


def test_a_small_pan_draws_nothing_anew(desk: Desk) -> None:
    x, y = desk.map._x, desk.map._y
    desk.map._moved(RangesUpdate(None, x0=x.start + 50, x1=x.end + 50, y0=y.start, y1=y.end))
    assert desk.drawn == []
    wide = x.end - x.start
    desk.map._moved(RangesUpdate(None, x0=x.start + wide, x1=x.end + wide, y0=y.start, y1=y.end))
    assert "current" in desk.drawn


def test_an_overlay_that_is_not_there_is_told(desk: Desk) -> None:
    desk.state.move(overlay="labels", opacity=0.25)
    assert "overlay" not in desk.map.images.layers
    assert "leadline autolabel" in desk.map.images.note
    desk.state.move(overlay="none")
    assert desk.map.images.note == ""
    assert desk.map.images.layers["image"].visible


def test_a_move_of_the_maps_own_keeps_its_frame(desk: Desk) -> None:
    frame = (desk.map._x.start, desk.map._y.start)
    desk.state.move(origin=ORIGIN, x=START + 1300.0)
    assert (desk.map._x.start, desk.map._y.start) == frame
    desk.state.move(x=START + 1400.0)
    assert (desk.map._x.start, desk.map._y.start) != frame


def test_the_legend_names_the_overlay_where_its_colours_are_not_the_beams() -> None:
    layers = MapLayers(Range1d(0, 1), Range1d(0, 1))
    layers.explain(colouring.scheme("label", "scene"), "labels")
    assert (layers.legend.names[0], layers.overlay_legend.names) == ("thick ice", ())
    layers.explain(colouring.scheme("flag", "scene"), "cloud")
    assert layers.overlay_legend.names == ("overlay: cloud", "shadow", "saturated")
    layers.explain(colouring.scheme("flag", "scene"), "none")
    assert layers.overlay_legend.names == ()
