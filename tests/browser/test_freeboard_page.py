"""The freeboard page in Chromium: a stretch and its statistics, another method, a lead, and the address of it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import small_project
import xarray
from small_project import GRANULE, START

from processing.local.freeboard import freeboard
from processing.stages import Freeboard

pytestmark = pytest.mark.browser

_READY = "() => document.documentElement.dataset.ready === 'freeboard'"
_IDLE = "() => Bokeh.documents.every(held => held.is_idle)"
_MODEL = "Bokeh.documents.map(held => held.get_model_by_name(name)).find(Boolean)"
_RANGE = f"name => {{ const found = {_MODEL}; return [found.x_range.start, found.x_range.end] }}"
_FRAME = f"""name => {{ const view = Bokeh.index.find_one({_MODEL})
  const box = view.canvas_view.events_el.getBoundingClientRect()
  const {{ left, top, width, height }} = view.frame.bbox
  return [box.left + left, box.top + top, width, height] }}"""
_LEADS = f"""name => {{ const found = {_MODEL}.renderers.find(drawn => drawn.data_source?.data?.n)
  return [...found.data_source.data.x] }}"""
_LENGTH = f"([name, column]) => {_MODEL}?.data?.[column]?.length ?? 0"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small project with freeboard made by the stage, so that what is tried out follows from the same leads."""
    from dashboard.screenshots import running

    project = small_project.make(tmp_path_factory.mktemp("freeboard") / "own")
    freeboard(project, Freeboard(window=1_000.0, stride=500.0))
    with running(project.root) as where:
        yield where


@pytest.fixture
def page(tab: Any, served: str) -> Iterator[Any]:
    """The page over 1,500 m of track."""
    tab.goto(f"{served}?page=freeboard&granule={GRANULE}&beam=gt1l&x={START + 1000}&span=1500")
    _settle(tab)
    yield tab
    assert tab.complaints == []


def _settle(tab: Any) -> None:
    tab.wait_for_function(_READY)
    tab.wait_for_function(_IDLE)
    tab.wait_for_function(f"name => ({_LEADS})(name).length > 0", arg="level-height")


def _query(tab: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.url).query).items()}


def _at(tab: Any, x: float, height: float = 0.5) -> tuple[float, float]:
    """Screen position of a distance (m from the axis' origin) in the figure of heights."""
    left, top, width, tall = tab.evaluate(_FRAME, "level-height")
    start, end = tab.evaluate(_RANGE, "level-height")
    return left + width * (x - start) / (end - start), top + tall * height


def _row(tab: Any, name: str) -> str:
    return str(tab.locator("table.figures tr", has_text=name).inner_text())


def test_a_stretch_is_selected_told_exported_and_let_go(page: Any, tmp_path: Path) -> None:
    page.mouse.move(*_at(page, 700.0))
    page.mouse.down()
    page.mouse.move(*_at(page, 1300.0), steps=5)
    page.mouse.up()
    card = page.locator(".stretch")
    card.wait_for()
    told = card.inner_text()
    assert "Segments of 2 m" in told
    assert "±" in told
    found = _query(page)
    assert found["scope"] == "stretch"
    ends = float(found["stretch_start"]), float(found["stretch_end"])
    assert ends == (pytest.approx(START + 700.0, abs=4.0), pytest.approx(START + 1300.0, abs=4.0))
    page.get_by_role("button", name="Export").click()
    menu = page.get_by_role("dialog", name="Export")
    assert menu.get_by_label("Part").input_value() == "stretch"
    menu.get_by_label("Format").select_option("netcdf")
    with page.expect_download() as coming:
        menu.get_by_role("button", name="Download").click()
    coming.value.save_as(tmp_path / "stretch.nc")
    with xarray.open_dataset(tmp_path / "stretch.nc") as read_back:
        x = read_back["x_atc"].to_numpy()
        assert (x.min(), x.max()) == (pytest.approx(ends[0], abs=4.0), pytest.approx(ends[1], abs=4.0))
        assert f"{len(x):,}" in told
    page.keyboard.press("Escape")
    menu.wait_for(state="hidden")
    page.reload()
    _settle(page)
    card.wait_for()
    assert card.inner_text() == told
    page.keyboard.press("Escape")
    card.wait_for(state="detached")
    page.wait_for_function("() => !location.search.includes('stretch_start')")


def test_another_method_changes_what_is_shown_and_the_address_has_it(page: Any) -> None:
    before = _row(page, "all classes")
    page.get_by_label("Sea surface by").select_option(label="minimum")
    page.locator(".live", has_text="live, not on disk").wait_for()
    page.get_by_text("minimum (used)").wait_for()
    after = _row(page, "all classes")
    assert after != before
    command = page.locator(".told code").inner_text()
    assert "--estimator=minimum" in command
    assert _query(page)["method"] == "minimum"
    page.reload()
    _settle(page)
    page.get_by_text("minimum (used)").wait_for()
    assert _row(page, "all classes") == after
    page.get_by_role("button", name="Back to the run").click()
    page.get_by_text("robust (used)").wait_for()
    assert _row(page, "all classes") == before
    assert "method" not in _query(page)


def test_a_lead_opens_by_a_click_and_the_next_by_a_key(page: Any) -> None:
    leads = page.evaluate(_LEADS, "level-height")
    start, end = page.evaluate(_RANGE, "level-height")
    inside = [x for x in leads if start + 50 < x < end - 50]
    page.mouse.click(*_at(page, inside[0], 0.9))
    page.get_by_text("Weight in its window").wait_for()
    first = _query(page)["lead"]
    assert _query(page)["aside"] == "lead"
    page.wait_for_function(_LENGTH, arg=["lead-at-hand", "x"])
    told = page.locator("dd").filter(visible=True).all_inner_texts()
    page.reload()
    _settle(page)
    page.get_by_text("Weight in its window").wait_for()
    assert page.locator("dd").filter(visible=True).all_inner_texts() == told
    page.keyboard.press("n")
    page.wait_for_function(f"() => !location.search.includes('lead={first}')")
    page.get_by_text("Weight in its window").wait_for()
    page.get_by_label("Leads", exact=True).or_(page.get_by_role("button", name="Leads", exact=True)).first.click()
    page.locator("table.leads tr[data-go]").first.wait_for()
    assert page.locator("table.leads tr.on").count() == 1


def test_beams_are_drawn_together_and_apart(page: Any) -> None:
    page.keyboard.press("k")
    page.wait_for_function(_LENGTH, arg=["beam-lines", "xs"])
    page.get_by_role("button", name="Apart").click()
    page.wait_for_function(f"name => {_MODEL}.visible", arg="level-beam-0")
    assert _query(page)["together"] == "strong"
    assert _query(page)["apart"] == "1"
