"""Selecting and moving with the mouse along the track, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from small_project import GRANULE, START

pytestmark = pytest.mark.browser

FIGURES = ("strip", "profile", "class-rows")
_READY = "() => document.documentElement.dataset.ready === 'review'"
_DATA = """name => { const data = Bokeh.documents.map(held => held.get_model_by_name(name)).find(Boolean)?.data
  return data && Object.fromEntries(Object.entries(data).map(([key, values]) => [key, [...values]])) }"""
_RANGE, _HEIGHTS = (
    f"""() => {{ const found = Bokeh.documents.map(held => held.get_model_by_name("profile")).find(Boolean).{axis}
  return [found.start, found.end] }}"""
    for axis in ("x_range", "y_range")
)
_FRAME = """name => { const model = Bokeh.documents.map(held => held.get_model_by_name(name)).find(Boolean)
  const view = Bokeh.index.find_one(model), box = view.canvas_view.events_el.getBoundingClientRect()
  const { left, top, width, height } = view.frame.bbox
  return [box.left + left, box.top + top, width, height] }"""


@pytest.fixture
def review(tab: Any, address: str) -> Iterator[Any]:
    """The review page at 1,500 m of track, everything drawn."""
    tab.goto(f"{address}?page=review&granule={GRANULE}&beam=gt1l&x={START + 1700}&span=1500")
    tab.wait_for_function(_READY)
    tab.wait_for_function("() => Bokeh.documents.every(held => held.is_idle)")
    tab.wait_for_function(f"() => ({_DATA})('zone-marks').left.length > 0")
    yield tab
    assert tab.complaints == []


def _data(tab: Any, name: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = tab.evaluate(_DATA, name)
    return found


def _at(tab: Any, figure: str, x: float, height: float = 0.5) -> tuple[float, float]:
    """Screen position of an along-track distance (m from the axis' origin), ``height`` of the frame from its top."""
    left, top, width, tall = tab.evaluate(_FRAME, figure)
    start, end = tab.evaluate(_RANGE)
    return left + width * (x - start) / (end - start), top + tall * height


def _drag(tab: Any, figure: str, start: float, end: float) -> None:
    tab.mouse.move(*_at(tab, figure, start))
    tab.mouse.down()
    x, y = _at(tab, figure, end)
    tab.mouse.move(x, y, steps=5)


def _selected(tab: Any, start: float, end: float, room: float) -> None:
    """Wait until one run is selected whose ends lie within ``room`` metres of these."""
    near = f"data.x0.length === 1 && Math.abs(data.x0[0] - {start}) <= {room} && Math.abs(data.x1[0] - {end}) <= {room}"
    tab.wait_for_function(f"() => {{ const data = ({_DATA})('selected'); return {near} }}")


@pytest.mark.parametrize("figure", FIGURES)
def test_a_drag_selects_and_shows_in_every_view_while_it_lasts(review: Any, figure: str) -> None:
    _drag(review, figure, 1120.0, 1320.0)
    band = _data(review, "selecting")
    assert (band["x0"][0], band["x1"][0]) == (pytest.approx(1120, abs=2), pytest.approx(1320, abs=2))
    assert _data(review, "selected")["x0"] == []
    review.mouse.up()
    _selected(review, 1120.0, 1320.0, 3.0)
    review.wait_for_function(f"() => ({_DATA})('selecting').x0.length === 0")
    assert review.evaluate(_RANGE) == [950.0, 2450.0]


def test_ends_snap_to_labels_unless_alt_is_held(review: Any) -> None:
    _drag(review, "profile", 2056.0, 2300.0)
    review.mouse.up()
    _selected(review, 2048.0, 2300.0, 3.0)
    assert _data(review, "selected")["x0"] == [2048.0]
    review.keyboard.down("Alt")
    _drag(review, "profile", 2056.0, 2300.0)
    review.mouse.up()
    review.keyboard.up("Alt")
    _selected(review, 2056.0, 2300.0, 3.0)


def test_control_adds_and_a_click_clears(review: Any) -> None:
    _drag(review, "profile", 1000.0, 1100.0)
    review.mouse.up()
    _selected(review, 1000.0, 1100.0, 3.0)
    review.keyboard.down("Control")
    _drag(review, "profile", 1200.0, 1300.0)
    review.mouse.up()
    review.keyboard.up("Control")
    review.wait_for_function(f"() => ({_DATA})('selected').x0.length === 2")
    review.mouse.click(*_at(review, "strip", 1800.0))
    review.wait_for_function(f"() => ({_DATA})('selected').x0.length === 0")


def test_escape_in_mid_drag_selects_nothing(review: Any) -> None:
    _drag(review, "profile", 1000.0, 1100.0)
    review.keyboard.press("Escape")
    assert _data(review, "selecting")["x0"] == []
    review.mouse.up()
    _drag(review, "profile", 1200.0, 1300.0)
    review.mouse.up()
    _selected(review, 1200.0, 1300.0, 3.0)


def test_shift_and_drag_pans_all_views_and_the_address(review: Any) -> None:
    review.keyboard.down("Shift")
    _drag(review, "profile", 1800.0, 1500.0)
    review.mouse.up()
    review.keyboard.up("Shift")
    start, end = review.evaluate(_RANGE)
    assert (start, end) == (pytest.approx(1250, abs=4), pytest.approx(2750, abs=4))
    review.wait_for_function(
        f"() => Math.abs(Number(new URLSearchParams(location.search).get('x')) - {START + 2000}) < 5"
    )
    review.wait_for_function(f"() => Math.abs(({_RANGE})()[0] - {start}) < 0.5")
    assert _data(review, "selected")["x0"] == []


def test_the_wheel_zooms_about_the_mouse_and_sideways_it_pans(review: Any) -> None:
    review.mouse.move(*_at(review, "profile", 1250.0))
    review.mouse.wheel(0, -200)
    review.wait_for_function(f"() => {{ const [start, end] = ({_RANGE})(); return end - start < 1400 }}")
    start, end = review.evaluate(_RANGE)
    assert (1250 - start) / (end - start) == pytest.approx(0.2, abs=0.003)
    review.wait_for_function("() => Number(new URLSearchParams(location.search).get('span')) < 1400")
    review.mouse.wheel(120, 0)
    review.wait_for_function(f"() => ({_RANGE})()[0] > {start + 1}")
    moved = review.evaluate(_RANGE)
    assert moved[1] - moved[0] == pytest.approx(end - start)
    place = parse_qs(urlsplit(review.url).query)
    assert place["page"] == ["review"]


def test_two_clicks_take_a_run_and_a_click_on_a_mark_a_zone(review: Any) -> None:
    review.mouse.dblclick(*_at(review, "profile", 2280.0))
    review.wait_for_function(f"() => ({_DATA})('selected').x0.length === 1")
    run = _data(review, "selected")
    assert run["x0"][0] < 2280 < run["x1"][0]
    assert run["x1"][0] - run["x0"][0] < 200
    marks = _data(review, "zone-marks")
    middle = (marks["left"][0] + marks["right"][0]) / 2
    review.mouse.click(*_at(review, "class-rows", middle, 0.05))
    review.wait_for_function("() => new URLSearchParams(location.search).get('zone')")
    assert parse_qs(urlsplit(review.url).query)["zone"] == [marks["ident"][0]]


def test_the_spot_under_the_mouse_is_marked_in_every_view(review: Any) -> None:
    review.mouse.move(*_at(review, "profile", 1700.0))
    review.wait_for_function(f"() => Math.abs(({_DATA})('spot').x[0] - 1700) < 3")
    assert "thin ice" in _data(review, "told")["text"]
    left, top, width, height = review.evaluate(_FRAME, "scene-map")
    review.mouse.move(left + width / 2, top + height / 2)
    review.wait_for_function(f"() => Math.abs(({_DATA})('spot').x[0] - 1700) < 30")
    review.mouse.move(5, 5)
    review.wait_for_function(f"() => ({_DATA})('spot').x.length === 0")


def test_a_segment_under_the_mouse_tells_its_height_on_one_card(review: Any) -> None:
    drawn, (low, high) = _data(review, "segments"), review.evaluate(_HEIGHTS)
    row = len(drawn["x0"]) // 2
    middle, height = (drawn["x0"][row] + drawn["x1"][row]) / 2, drawn["y"][row]
    review.mouse.move(*_at(review, "profile", middle, (high - height) / (high - low)))
    review.get_by_text("Photons a shot").wait_for()
    assert review.get_by_text("Photons a shot").count() == 1
