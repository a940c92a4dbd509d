"""Our freeboard beside ATL10 and ATL07 in Chromium: figures, a stretch, and its file read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import small_products
import small_project
from analyst import DATA, Analyst
from small_products import ATL10, RUN
from small_project import GRANULE, START

from dashboard.views.product_tables import number
from processing.local.against_products import agreement, compare_track
from processing.local.measured import measured_track
from processing.project import Project
from processing.stages import Compare

pytestmark = pytest.mark.browser

STRETCH = (1500.0, 2100.0)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str]]:
    """The small project with both products, and where it is served."""
    from dashboard.screenshots import running

    root = tmp_path_factory.mktemp("products") / "own"
    small_project.make(root)
    project = small_products.add(root)
    with running(root) as address:
        yield project, address


def choose_stretch(tab: Any, ada: Analyst) -> tuple[float, float]:
    """Drag over the profile; the ends as the address has them."""
    ada._drag([ada.at("product-profile", at) for at in STRETCH])
    tab.wait_for_function("() => location.search.includes('stretch_end')")
    tab.locator(".agree .chosen").wait_for()
    ends = float(ada.place["stretch_start"]), float(ada.place["stretch_end"])
    np.testing.assert_allclose(np.subtract(ends, START), STRETCH, atol=5.0)
    return ends


def test_a_stretch_is_compared_with_atl10_exported_and_read_back(
    tab: Any, served: tuple[Project, str], tmp_path: Path
) -> None:
    project, address = served
    ada = Analyst(tab, address, "ada")
    ada.open("products")
    item = next(one for one in project.inputs("references") if one.ident == ATL10)
    stage = project.stage(Compare)
    track = compare_track(project, GRANULE, "gt1l", RUN, item, stage)
    told = agreement(track, "freeboard", stage)
    row = tab.locator(".agree tr", has_text="Freeboard").first
    row.wait_for()
    assert row.locator("td").nth(1).inner_text() == f"{told.count}"
    assert row.locator("td").nth(2).inner_text().startswith(number(told.bias.value, 3, sign=True))
    tab.wait_for_function(f"() => ({DATA})('scatter-points').x.length === {told.count}")

    start, end = choose_stretch(tab, ada)
    chosen = agreement(track, "freeboard", stage, (track.x_atc >= start) & (track.x_atc <= end))
    assert tab.locator(".agree .chosen td").nth(1).inner_text() == f"{chosen.count}"
    assert len(tab.evaluate(f"({DATA})('scatter-chosen')")["x"]) == chosen.count

    tab.get_by_role("button", name="Export").focus()
    tab.keyboard.press("Enter")
    menu = tab.get_by_role("dialog", name="Export")
    assert menu.get_by_label("Part").input_value() == "stretch"
    menu.get_by_label("Format").select_option("parquet")
    with tab.expect_download() as coming:
        menu.get_by_role("button", name="Download").click()
    menu.get_by_text("Downloaded.").wait_for()
    assert coming.value.suggested_filename.startswith(f"freeboard_{GRANULE}_gt1l_{RUN}_")
    coming.value.save_as(tmp_path / "stretch.parquet")
    table = pq.read_table(tmp_path / "stretch.parquet")
    ours = measured_track(project, GRANULE, "gt1l")
    inside = (ours.x_atc >= start) & (ours.x_atc <= end)
    np.testing.assert_array_equal(table["segment"].to_numpy(), ours.segment[inside])
    np.testing.assert_array_equal(table["freeboard"].to_numpy(), ours.freeboard[inside])
    tab.keyboard.press("Escape")
    menu.wait_for(state="hidden")
    assert tab.complaints == []


def test_atl07_shows_its_classes_and_a_place_opens(tab: Any, served: tuple[Project, str]) -> None:
    _, address = served
    ada = Analyst(tab, address, "ada")
    ada.open("products", together="all", onto="review")
    tab.get_by_label("Compared with").select_option(label="ATL07 of this pass")
    tab.get_by_text("ATL07 across; its segments").wait_for()
    tab.get_by_role("button", name="Classes", exact=True).click()
    tab.wait_for_function(f"() => ({DATA})('product-cells').left.length > 10")
    assert ada.place["quantity"] == "classes"
    tab.mouse.click(*ada.at("product-profile", STRETCH[0]))
    ada.ready("review")
    assert abs(float(ada.place["x"]) - START - STRETCH[0]) < 5.0
    ada.press("u")
    ada.ready("products")
    assert tab.complaints == []


def test_a_file_that_cannot_be_made_says_why(tab: Any, served: tuple[Project, str]) -> None:
    project, address = served
    ada = Analyst(tab, address, "ada")
    ada.open("products", beam="gt2l")
    tab.get_by_text("By type of the product").wait_for()
    path = project.table_path("predictions", GRANULE, "gt2l", RUN)
    whole = path.read_bytes()
    path.write_bytes(b"no table at all")
    try:
        tab.get_by_role("button", name="Export").click()
        tab.get_by_role("dialog", name="Export").get_by_role("button", name="Download").click()
        tab.locator(".told.trouble", has_text="damaged table").wait_for()
    finally:
        path.write_bytes(whole)
