"""The Products page without a browser: its figures are those of the comparison, and what is chosen is chosen in all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_products
from at_once import AtOnce
from bokeh.events import SelectionGeometry
from small_products import ATL07, ATL10, RUN, TABLE
from small_project import GRANULE, START

from dashboard.application import Application
from dashboard.beside_products import Alone, Compared, Matched
from dashboard.data import Workspace
from dashboard.keys import press
from dashboard.pages.products import ProductsPage
from dashboard.views.product_tables import number
from processing.core.product_comparison import class_table
from processing.io.recognise import take_stock
from processing.local.against_products import agreement, compare_track
from processing.local.inputs import take_in
from processing.project import Project
from processing.stages import Compare


@pytest.fixture(scope="module")
def root(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with both products and a table of measurements; read only."""
    own = Path(shutil.copytree(project_root, tmp_path_factory.mktemp("products") / "own"))
    small_products.add(own, measurements=True)
    return own


def opened(root: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> tuple[Application, ProductsPage]:
    workspace = Workspace(root)
    monkeypatch.setattr(workspace, "workers", AtOnce())
    app = Application(workspace)
    app.open({"page": "products", "granule": GRANULE, "beam": "gt1l", **query})
    page = app._pages["products"]
    assert isinstance(page, ProductsPage)
    return app, page


def shown(page: ProductsPage) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.layout.listing.content))


def comparison(root: Path, product: str) -> Any:
    project = Project(root)
    item = next(one for one in project.inputs("references") if one.ident == product)
    stage = project.stage(Compare)
    return compare_track(project, GRANULE, "gt1l", RUN, item, stage), stage


def test_the_table_holds_the_figures_of_the_comparison(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = opened(root, monkeypatch)
    track, stage = comparison(root, ATL10)
    told = agreement(track, "freeboard", stage)
    assert isinstance(page._found, Compared)
    assert page._found.agreements["freeboard"] == told
    assert f"Freeboard {told.count} {number(told.bias.value, 3, True)} " in shown(page)
    assert f"{number(told.bias.low, 3, True)} to {number(told.bias.high, 3, True)}" in shown(page)
    assert "ATL10 release 006, gt1l · synthetic" in shown(page)
    drawn = page.layout.scatter.points.data
    known = np.isfinite(track.product_freeboard)
    np.testing.assert_allclose(drawn["x"], track.product_freeboard[known])
    np.testing.assert_allclose(drawn["y"], track.ours.freeboard[known])


def test_a_stretch_is_chosen_in_every_figure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch)
    start, end = START + 400.0, START + 1200.0
    app.state.move(stretch_start=start, stretch_end=end)
    track, stage = comparison(root, ATL10)
    inside = (track.x_atc >= start) & (track.x_atc <= end)
    expected = agreement(track, "freeboard", stage, inside)
    assert page._told == ("freeboard", expected)
    assert f"Chosen clear freeboard {expected.count} " in shown(page)
    assert len(page.layout.scatter.chosen.data["x"]) == expected.count
    band = page.layout.profile.gestures.band.chosen.data
    assert (band["x0"], band["x1"]) == ([start - app.place.origin], [end - app.place.origin])
    page._go({"clear": 1})
    assert app.state.stretch is None
    assert "Chosen" not in shown(page)
    assert len(page.layout.scatter.chosen.data["x"]) == 0


def test_a_box_in_the_scatter_marks_its_segments_along_the_track(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch, together="all")
    box = {"type": "rect", "x0": -1.0, "x1": 0.15, "y0": -1.0, "y1": 0.15}
    page.layout.scatter._selected(SelectionGeometry(None, geometry=box, final=True))
    pairs = page._pairs
    assert pairs is not None
    low = (pairs.ours <= 0.15) & (pairs.theirs <= 0.15)
    assert 0 < low.sum() < len(pairs)
    assert app.state.box == (-1.0, 0.15, -1.0, 0.15)
    assert len(page.layout.scatter.chosen.data["x"]) == low.sum()
    picked = page.layout.profile.picked.data
    here = pairs.x[low & (pairs.track == 0)] - page.place.origin
    within = (here[:, None] > np.array(picked["x0"])) & (here[:, None] < np.array(picked["x1"]))
    assert within.any(axis=1).all()
    assert np.sum(np.subtract(picked["x1"], picked["x0"])) == pytest.approx(40.0 * len(here), abs=1.0)
    app.state.move(quantity="height")
    assert app.state.box is None
    page.layout.scatter._selected(SelectionGeometry(None, geometry=box, final=True))
    press(app.place, "Escape", shift=False)
    assert (app.state.box, len(page.layout.scatter.chosen.data["x"])) == (None, 0)


def test_atl07_is_compared_by_height_and_its_types_by_class(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = opened(root, monkeypatch, product=ATL07, quantity="classes")
    track, _ = comparison(root, ATL07)
    found = page._found
    assert isinstance(found, Compared)
    expected = class_table(track.ours.label, track.product_type, track.ours.covered >= 0.5)
    np.testing.assert_array_equal(found.table, expected)
    assert expected[2, 2] > 0
    assert f"Segments that carry its sea level {track.product_ssh.sum()} " in shown(page)
    assert page.measured == "height"
    assert set(page.layout.profile.cells.data["bottom"]) == {0.74 - 0.19, 0.26 - 0.19}


def test_a_click_opens_the_place(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch, onto="review")
    assert page._pairs is not None
    page._open_pair(7)
    assert (app.state.page, app.state.beam, app.state.x) == ("review", "gt1l", page._pairs.x[7])


def test_measurements_show_with_their_map(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch, product=TABLE)
    found = page._found
    assert isinstance(found, Matched)
    count = len(found.matches.row)
    assert len(page.layout.map.points.data["x"]) == count
    assert f"All freeboard {count} " in shown(page)
    page._choose_box((-1.0, 0.2, -1.0, 2.0))
    chosen = found.matches.theirs <= 0.2
    assert f"Chosen clear {chosen.sum()} " in shown(page)
    page._open_pair(0)
    assert (app.state.granule, app.state.x) == (GRANULE, found.matches.x_atc[0])


def test_a_beam_that_the_product_lacks_and_no_product_at_all(
    root: Path, project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, page = opened(root, monkeypatch, beam="gt1r")
    assert "gt1r: no common ground" in shown(page)
    assert "No segment that both measured." in shown(page)
    _, page = opened(project_root, monkeypatch)
    assert page.nothing() is not None


def test_real_granules_of_no_granule_here_stand_alone(
    project_root: Path, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(project_root, tmp_path / "own"))
    (atl10,), (atl07,) = (sorted((shared_data / kind).glob("*.h5")) for kind in ("atl10", "atl07"))
    take_in(Project(own), take_stock((atl10, atl07)))
    app, page = opened(own, monkeypatch)
    assert isinstance(page._found, Alone)
    for beam, count, mean in (("gt2l", 351, "0.198"), ("gt2r", 273, "0.213"), ("gt3l", 240, "0.406")):
        assert re.search(rf"{beam} [\d,]+ {count} {mean} ", shown(page))
    assert np.isfinite(page.layout.alone.line.data["y"]).sum() == 2 * 351
    page._go({"beam": "gt3l"})
    assert np.isfinite(page.layout.alone.line.data["y"]).sum() == 2 * 240
    app.state.move(product=page._choices[1].ident)
    page._go({"beam": "gt1r"})
    assert "Segments that carry sea level 42" in shown(page)
