"""What an analyst does on the map with mouse and keys, in Chromium: loops, zones, the drift."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import small_project
from numpy.typing import NDArray
from small_project import GRANULE, START

from dashboard.data import Workspace
from dashboard.geometry import even_odd

pytestmark = pytest.mark.browser

DRIFT = (60.0, -40.0)
_MAP = """const map = Bokeh.documents.map(held => held.get_model_by_name("scene-map")).find(Boolean);"""
_FRAME = f"""() => {{ {_MAP} const view = Bokeh.index.find_one(map), {{x_range, y_range}} = map
  const box = view.canvas_view.events_el.getBoundingClientRect(), inner = view.frame.bbox
  return [x_range.start, x_range.end, y_range.start, y_range.end, box.left + inner.left, box.top + inner.top,
    inner.width, inner.height] }}"""
_DRAWN = f"""width => {{ {_MAP} return map.renderers.filter(drawn => drawn.glyph?.line_width?.value === width)
  .flatMap(drawn => drawn.data_source.data.xs ?? []).reduce((sum, xs) => sum + xs.length, 0) }}"""
_LEFT = f"""() => {{ {_MAP} const ends = map.renderers.find(drawn => drawn.glyph?.type === "Segment")
  return (ends.data_source.data.x0[0] + ends.data_source.data.x1[0]) / 2 }}"""
_FITTED = f"""() => {{ const [x0, x1, y0, y1, , , width, height] = ({_FRAME})()
  return Math.abs((x1 - x0) / width / ((y1 - y0) / height) - 1) < 1e-6 }}"""
_LOOP = f"""() => {{ {_MAP} const loop = map.renderers.find(drawn => drawn.glyph?.type === "Patch")
  return loop.data_source.data.x.length }}"""
_PANS = f"""() => {{ {_MAP} return map.toolbar.tools.find(tool => tool.type === "PanTool").active }}"""
SELECTION, HAND = 16, 2.5


class Map:
    """The map of a tab: places in metres to places on the screen."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab

    @property
    def frame(self) -> list[float]:
        return [float(value) for value in self.tab.evaluate(_FRAME)]

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        x0, x1, y0, y1, left, top, width, height = self.frame
        return left + (x - x0) / (x1 - x0) * width, top + (y1 - y) / (y1 - y0) * height

    def metres(self, corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x0, x1, y0, y1, left, top, width, height = self.frame
        xs = x0 + (corners[:, 0] - left) / width * (x1 - x0)
        return xs, y1 - (corners[:, 1] - top) / height * (y1 - y0)

    def drag(self, *corners: tuple[float, float], held: Callable[[], None] = lambda: None) -> None:
        """Press at the first corner, pass the others, let go at the last."""
        self.tab.mouse.move(*corners[0])
        self.tab.mouse.down()
        for corner in corners[1:]:
            self.tab.mouse.move(*corner)
        held()
        self.tab.mouse.up()


@pytest.fixture
def scene_map(tab: Any, address: str) -> Map:
    tab.goto(f"{address}?page=review&granule={GRANULE}&beam=gt1l&span=1500&x={START + 1200}")
    tab.wait_for_function("document.documentElement.dataset.ready === 'review'")
    tab.wait_for_function(f"({_DRAWN})(6) > 0")
    tab.wait_for_function(_FITTED)
    return Map(tab)


def _zone(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("zone", [""])[0]


def _places(workspace: Workspace, beam: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the scene saw each segment, from its own latitude and longitude."""
    import pyproj

    track = workspace.track(GRANULE, beam)
    x, y = pyproj.Transformer.from_crs("EPSG:4326", small_project.UTM, always_xy=True).transform(track.lon, track.lat)
    return np.asarray(x) + DRIFT[0], np.asarray(y) + DRIFT[1]


def _told(tab: Any, count: int) -> None:
    tab.get_by_text(re.compile(rf"^{count:,} segments")).first.wait_for()


def test_a_loop_selects_the_segments_inside_and_shift_adds(scene_map: Map, small_root: Any) -> None:
    tab, workspace = scene_map.tab, Workspace(small_root)
    before = scene_map.frame
    tab.keyboard.press("l")
    tab.wait_for_function(f"!({_PANS})()")
    x, y = _places(workspace, "gt1l")
    held = np.zeros(len(x), bool)
    for row, more in ((500, False), (700, True)):
        at = np.array(scene_map.pixel(x[row], y[row])).round()
        corners = at + np.array([(-30.0, -14.0), (28.0, -12.0), (33.0, 15.0), (-25.0, 11.0)])
        if more:
            tab.keyboard.down("Shift")
        scene_map.drag(*map(tuple, corners), held=lambda: _has_loop(tab))
        if more:
            tab.keyboard.up("Shift")
        held |= even_odd(x, y, *scene_map.metres(corners))
        _told(tab, int(held.sum()))
    assert 40 < held.sum() < 400
    tab.wait_for_function(f"({_DRAWN})({SELECTION}) > 0")
    tab.wait_for_function(f"({_LOOP})() === 0")
    assert scene_map.frame == before
    assert tab.complaints == []


def _has_loop(tab: Any) -> None:
    tab.wait_for_function(f"({_LOOP})() >= 3")


def test_without_the_lasso_a_drag_moves_the_map(scene_map: Map) -> None:
    tab = scene_map.tab
    x0, x1, _, _, left, top, width, height = scene_map.frame
    for pans in ("!", "!!"):
        tab.keyboard.press("l")
        tab.wait_for_function(f"{pans}({_PANS})()")
    start = (left + 0.7 * width, top + 0.5 * height)
    scene_map.drag(start, (start[0] - 20, start[1]), (start[0] - 80, start[1]))
    tab.wait_for_function(f"([x, step]) => Math.abs(({_FRAME})()[0] - x - 80 * step) < step",
                          arg=[x0, (x1 - x0) / width])  # fmt: skip


def test_a_click_on_a_zone_takes_it_whole(scene_map: Map, small_root: Any) -> None:
    tab = scene_map.tab
    tab.get_by_text("3 zones").first.wait_for()
    tab.wait_for_function(f"({_DRAWN})(1.2) > 0")
    x, y = _places(Workspace(small_root), "gt1l")
    tab.mouse.click(*scene_map.pixel(x[800], y[800]))
    tab.wait_for_function(f"({_DRAWN})({HAND}) > 0")
    tab.wait_for_function(f"({_DRAWN})({SELECTION}) > 0")
    tab.wait_for_url(lambda url: f"{GRANULE}/gt1l/" in _zone(url))


def test_in_drift_mode_a_drag_carries_the_beams_over_the_image(scene_map: Map) -> None:
    tab = scene_map.tab
    x0, x1, _, _, left, top, width, height = before = scene_map.frame
    at = float(tab.evaluate(_LEFT))
    tab.keyboard.press("d")
    tab.wait_for_function(f"!({_PANS})()")
    start = (left + 0.75 * width, top + 0.45 * height)
    scene_map.drag(start, (start[0] + 10, start[1]), (start[0] + 40, start[1]))
    wanted = at + 40 * (x1 - x0) / width
    tab.wait_for_function(f"wanted => Math.abs(({_LEFT})() - wanted) < 1", arg=wanted)
    assert scene_map.frame == before
    tab.keyboard.press("Escape")
    tab.wait_for_function(f"at => Math.abs(({_LEFT})() - at) < 1", arg=at)
    assert tab.complaints == []
