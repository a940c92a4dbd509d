"""The pages without a browser: what they hold after reading went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import small_project
from at_once import AtOnce
from bokeh.events import RangesUpdate
from small_project import GRANULE, START

from dashboard.application import Application
from dashboard.catalog import build
from dashboard.data import Workspace
from dashboard.distributions import Distributions
from dashboard.pages.freeboard import FreeboardPage
from dashboard.pages.overview import OverviewPage
from dashboard.pages.review import ReviewPage
from dashboard.state import Change

ASKED = {"granule": GRANULE, "beam": "gt1l", "x": f"{START + 1000}", "span": "600"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small_project.make(tmp_path / "own")
    return tmp_path / "own"


def _open(root: Path, page: str, **asked: str) -> tuple[Application, Any]:
    app, opened = Application(Workspace(root)), Event()
    background = app.place.workspace.background
    # Without a document zones come in on their own thread: after the page is open, and before the test goes on.
    background.submit(opened.wait, 60.0)
    app.open(ASKED | {"page": page} | asked)
    opened.set()
    background.submit(int).result()
    return app, app._pages[page]


def _told(app: Application) -> list[str]:
    return [message["text"] for message in app.shell._waiting if message["type"] == "toast"]


def _damage(root: Path, kind: str, beam: str, run: str = "") -> None:
    Workspace(root).project.table_path(kind, GRANULE, beam, run).write_bytes(b"no table at all")


def test_a_damaged_prediction_of_another_beam_leaves_every_view_whole(root: Path) -> None:
    _damage(root, "predictions", "gt1r", "lstm-v0001")
    app, page = _open(root, "review", colour="confidence")
    assert isinstance(page, ReviewPage)
    assert any("damaged table" in line for line in _told(app))
    before = np.array(page.profile.segments.data["y"])
    app.state.move(beam="gt2l")
    after = np.array(page.profile.segments.data["y"])
    assert len(before) == len(after) == 600
    assert not np.array_equal(before, after)
    assert sorted(page.map.layers.names.data["name"]) != []
    assert len(page.map.layers.current.data["xs"]) > 0


def test_heights_of_the_beam_before_do_not_stay_under_a_beam_that_cannot_be_read(root: Path) -> None:
    _damage(root, "autolabels", "gt2l")
    app, page = _open(root, "review")
    assert len(page.profile.segments.data["y"]) == 600
    app.state.move(beam="gt2l")
    assert page.profile.drawn is None
    assert page.profile.segments.data["y"] == []
    app.state.move(x=START + 1010.0)
    assert page.profile.segments.data["y"] == []
    app.state.move(beam="gt1l")
    assert len(page.profile.segments.data["y"]) == 600


def test_freeboard_of_the_beam_before_does_not_stay_either(root: Path) -> None:
    _damage(root, "freeboard", "gt2l", "lstm-v0001")
    app, page = _open(root, "freeboard")
    assert isinstance(page, FreeboardPage)
    assert len(page.level._above.points.data["y"]) == 600
    assert len(page.histogram._source.data["left"]) > 0
    app.state.move(beam="gt2l")
    assert page.level._above.points.data["y"] == []
    assert page.histogram._source.data["left"] == []
    assert page._side.content == ""
    assert page._beam.widget.value == "gt2l"
    assert page._run.widget.value == "lstm-v0001"
    app.state.move(beam="gt1l")
    assert len(page.level._above.points.data["y"]) == 600
    assert len(page.histogram._source.data["left"]) > 0


def test_what_a_page_missed_is_kept_until_it_is_drawn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = _open(root, "overview")

    def broken(_: object) -> None:
        raise OSError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(page, "update", broken)
        app.state.move(granule=GRANULE, beam="gt1r")
    assert "beam" in app._missed["overview"]
    app.state.move(tint="granule")
    assert app._missed["overview"] == set()


def test_a_damaged_beam_can_be_chosen_and_the_axis_still_counts_from_the_granule(root: Path) -> None:
    _damage(root, "segments", "gt1r")
    app, page = _open(root, "review")
    assert app.place.origin == START
    app.state.move(beam="gt1r", x=float("nan"))
    assert np.isfinite(app.state.x)
    assert page.profile.segments.data["y"] == []
    assert len(page._link.knots.data["x"]) == 0


def test_a_failure_of_the_worker_is_told_unless_the_stretch_has_passed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, page = _open(root, "review")
    answers: list[Callable[[], None]] = []

    def work(*_: object) -> None:
        raise TypeError("photons of no kind")

    monkeypatch.setattr(page.profile._reading, "later", answers.append)
    monkeypatch.setattr(page.place.workspace, "photons", work)
    monkeypatch.setattr(page.place.workspace, "workers", AtOnce())
    page.profile.draw()
    page.profile.draw()
    for answer in answers:
        answer()
    assert [line for line in _told(app) if "photons of no kind" in line] == [
        "photons cannot be shown: photons of no kind"
    ]


def test_a_look_that_fails_is_logged_and_the_next_one_is_taken(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = _open(root, "overview")

    def broken(*, events: bool) -> None:
        raise TypeError(f"a look of no kind, {events=}")

    monkeypatch.setattr(app.place, "look", broken)
    app._look()
    assert "a look of no kind" in caplog.text
    assert not app._looking


def test_a_project_that_changes_meanwhile_leaves_the_map_where_the_analyst_put_it(root: Path) -> None:
    app, page = _open(root, "review")
    x, y = page.map._x, page.map._y
    moved = (x.start + 90, y.start + 300)
    page.map._moved(RangesUpdate(None, x0=moved[0], x1=x.end + 90, y0=moved[1], y1=y.end + 300))
    (root / "freeboard" / "other").mkdir()
    app._refreshed(app.place.look())
    assert np.allclose((x.start, y.start), moved, atol=1e-6)


def test_nothing_is_changed_while_the_page_is_on_its_way_and_all_is_drawn_once_it_is_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, page = _open(root, "review")
    drawn: list[frozenset[str]] = []
    monkeypatch.setattr(page, "update", lambda change: drawn.append(change.names))
    app.place.opened = False
    app._changed(Change(frozenset({"zones"})))
    app.state.move(x=START + 1400.0)
    assert drawn == []
    app._opened()
    assert [set(names) >= {"zones", "x", "granule"} for names in drawn] == [True]


def test_a_resized_overview_keeps_what_the_analyst_chose(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = _open(root, "overview")
    assert isinstance(page, OverviewPage)
    view, asked = page.map, (640, 560)
    monkeypatch.setattr("dashboard.views.figure.size", lambda *_: asked)
    view.fit()
    x, y = view._x, view._y
    view._moved(RangesUpdate(None, x0=1000.0, x1=7400.0, y0=0.0, y1=5600.0))
    asked = (1280, 560)
    view._resized("inner_width", 640, 1280)
    assert (x.start, x.end, y.start, y.end) == (-2200.0, 10600.0, 0.0, 5600.0)
    view.fit()
    fitted = (x.start, x.end)
    asked = (640, 560)
    view._resized("inner_width", 1280, 640)
    assert (x.start, x.end) != fitted


def test_segments_are_as_long_as_their_windows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = _open(root, "review")
    track = page.place.track
    ten = replace(track, segment=np.floor(track.x_atc / 10).astype(np.int64), x_atc=np.floor(track.x_atc / 10) * 10 + 5)
    monkeypatch.setattr(page.place.workspace, "track", lambda *_: ten)
    page.profile.draw()
    drawn = page.profile.segments.data
    assert np.allclose(drawn["x1"] - drawn["x0"], 10.0)


def test_names_of_scenes_and_beams_are_text_and_no_markup(root: Path) -> None:
    _, page = _open(root, "overview")
    catalog, bad = build(page.place.workspace), "<img src=x>"
    granule = catalog.granules[0]
    page.place.catalog = replace(
        catalog,
        granules=(replace(granule, ident=bad, beams=tuple(replace(beam, name=bad) for beam in granule.beams)),),
        scenes=(replace(catalog.scenes[0], ident=bad, crs=bad, level=bad, bands=(bad,)),),
        pairs=tuple(replace(pair, granule=bad, scene=bad) for pair in catalog.pairs),
    )
    assert bad not in page._html()


def test_the_distribution_of_a_whole_beam_is_not_made_again_by_a_pan(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = _open(root, "freeboard", scope="beam")
    made = []
    real = Distributions.of
    monkeypatch.setattr(Distributions, "of", lambda *values: made.append(1) or real(*values))
    app.state.move(x=START + 1500.0)
    assert made == []
    app.state.move(scope="view")
    app.state.move(x=START + 1600.0)
    assert len(made) == 2
    app.state.move(beam="gt2l", scope="beam")
    assert len(made) == 3


def test_controls_show_what_is_on_and_idle_where_they_would_do_nothing(root: Path) -> None:
    app, page = _open(root, "review")
    state = app.place.state
    state.move(lasso=True, image="none", overlay="cloud")
    assert "on" in page._lasso.css_classes
    assert (page._contrast.widget.disabled, page._opacity.widget.disabled) == (True, False)
    state.move(lasso=False, image="true", overlay="none")
    assert "on" not in page._lasso.css_classes
    assert (page._contrast.widget.disabled, page._opacity.widget.disabled) == (False, True)
