"""What an analyst does with keyboard and mouse; the label events and the snapshots are read afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_project
from analyst import Analyst
from numpy.typing import NDArray
from small_project import GRANULE, SCENE, START

from processing.core.painting import paint
from processing.io import tables
from processing.labels import Event, LabelStore
from processing.local.autolabel import autolabel
from processing.local.snapshot import freeze, manifest
from processing.project import Project
from processing.schema import LABEL, SEGMENT, SNAPSHOT
from processing.stages import Autolabel, Snapshot

pytestmark = pytest.mark.browser

DRIFT = (60.0, -40.0)
"""Drift of the small project's labels, m."""

Arrive = Callable[..., Analyst]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project of this module's own, frozen as it is; each test works on a stretch of its own."""
    made = small_project.make(tmp_path_factory.mktemp("review") / "small")
    freeze(made, Snapshot())
    return made


@pytest.fixture(scope="module")
def served(project: Project) -> Iterator[str]:
    from dashboard.screenshots import running

    with running(project.root) as where:
        yield where


@pytest.fixture
def arrive(chromium: Any, served: str) -> Iterator[Arrive]:
    """Lets analysts sit down, each in a browser of their own; nothing may have complained when they leave."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def sit(name: str, address: str = served, page: str = "review", **place: object) -> Analyst:
        contexts.append(chromium.new_context(viewport={"width": 1366, "height": 768}))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(20_000)
        tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        analyst = Analyst(tab, address, name)
        analyst.open(page, **place)
        return analyst

    yield sit
    for context in contexts:
        context.close()
    assert complaints == []


def events_of(project: Project, name: str) -> list[Event]:
    with LabelStore(project.database_url, reading=True) as store:
        return [event for event in store.events() if event.analyst == name]


def labels(project: Project, beam: str, start: float, end: float) -> NDArray[np.int8]:
    """Labels in force of a stretch, m from ``START``, as a snapshot would have them."""
    x_atc = tables.read(project.table_path("segments", GRANULE, beam), SEGMENT, ["x_atc"])["x_atc"].to_numpy()
    auto = tables.read(project.table_path("autolabels", GRANULE, beam), LABEL, ["label_auto"])["label_auto"].to_numpy()
    with LabelStore(project.database_url, reading=True) as store:
        painted = paint(x_atc, auto, store.strokes(GRANULE, beam)).label
    inside = (x_atc > START + start) & (x_atc < START + end)
    return np.asarray(painted[inside])


def spans(event: Event) -> tuple[float, float]:
    """Start and end, m from ``START``."""
    return event.x_start - START, event.x_end - START


def near(start: float, end: float, room: float = 4.0) -> Any:
    return (pytest.approx(start, abs=room), pytest.approx(end, abs=room))


def test_a_cloudy_stretch_is_corrected_by_a_drag_and_a_key(arrive: Arrive, project: Project) -> None:
    ada = arrive("ada")
    assert set(labels(project, "gt1l", 1500, 1900)) == {0, 1, 2}
    ada.select(1500, 1900)
    ada.panel("now thin ice")
    ada.press("q")
    ada.edit("1")
    ada.panel("now thick ice 100 %")
    (event,) = events_of(project, "ada")
    assert (event.label, event.reason, event.beam, event.layer) == (0, "cloud", "gt1l", "")
    assert spans(event) == near(1500, 1900)
    assert set(labels(project, "gt1l", 1504, 1896)) == {0}


def test_a_lead_is_corrected_by_a_lasso_on_the_map(arrive: Arrive, project: Project) -> None:
    bea = arrive("bea", beam="gt2l", x=START + 700)
    beside = labels(project, "gt1r", 600, 800).tolist()
    bea.lasso(650, 750, 2, DRIFT)
    bea.press("t")
    bea.edit("3")
    bea.panel("now open water 100 %")
    found = events_of(project, "bea")
    assert {(event.beam, event.label, event.reason) for event in found} == {("gt2l", 2, "other")}
    assert len({event.gesture for event in found}) == 1
    assert (spans(found[0])[0], spans(found[-1])[1]) == near(650, 750, 20)
    assert set(labels(project, "gt2l", 675, 725)) == {2}
    assert labels(project, "gt1r", 600, 800).tolist() == beside


def test_undo_and_redo_reach_across_a_reload_that_comes_back_to_the_place(arrive: Arrive, project: Project) -> None:
    cid = arrive("cid", x=START + 3200, span=800)
    before = labels(project, "gt1l", 3000, 3300).tolist()
    cid.select(3000, 3100)
    cid.edit("2")
    cid.select(3200, 3300)
    cid.edit("3")
    cid.edit("z")
    assert labels(project, "gt1l", 3204, 3296).tolist() == before[102:148]
    assert set(labels(project, "gt1l", 3004, 3096)) == {1}
    place = cid.place
    cid.tab.reload()
    cid.ready()
    assert cid.place == place
    cid.edit("y")
    assert set(labels(project, "gt1l", 3204, 3296)) == {2}
    cid.edit("z")
    cid.edit("z")
    assert labels(project, "gt1l", 3000, 3300).tolist() == before
    assert [event.reason for event in events_of(project, "cid")] == ["cloud", "cloud", "undo", "redo", "undo", "undo"]


def test_the_queue_is_worked_through_by_keys_alone(arrive: Arrive, project: Project) -> None:
    dan = arrive("dan", beam="gt1r")
    dan.press("n")
    dan.tab.wait_for_function("() => new URLSearchParams(location.search).get('zone')")
    zone = dan.place["zone"]
    dan.edit("Enter")
    dan.panel("✓ done")
    dan.press("n")
    dan.tab.wait_for_function(f"() => new URLSearchParams(location.search).get('zone') !== '{zone}'")
    dan.press("w")
    dan.edit("2")
    dan.press("p")
    dan.tab.wait_for_function(f"() => new URLSearchParams(location.search).get('zone') === '{zone}'")
    found = events_of(project, "dan")
    accepted = [event for event in found if event.reason == "accept"]
    assert len({event.gesture for event in accepted}) == 1
    assert int(accepted[0].x_start / 2.0) == int(zone.rsplit("/", 1)[1])
    assert [(event.reason, event.label) for event in found if event not in accepted] == [("shadow", 1)]


def test_a_second_opinion_is_blind_and_changes_no_label_in_force(arrive: Arrive, project: Project) -> None:
    assert set(labels(project, "gt1r", 3100, 3200)) == {0}
    eve = arrive("eve", beam="gt1r", x=START + 3100)
    eve.select(3104, 3196)
    eve.edit("3")
    fay = arrive("fay", beam="gt1r", x=START + 3100)
    fay.select(3104, 3196)
    fay.panel("now open water 100 %")
    fay.tab.locator(".zone-panel [data-opinion=second]").click()
    fay.panel("now thick ice 100 %")
    fay.edit("2")
    fay.panel("now thin ice 100 %")
    (event,) = events_of(project, "fay")
    assert (event.layer, event.label) == ("second", 1)
    assert set(labels(project, "gt1r", 3108, 3192)) == {2}
    fay.tab.locator(".zone-panel [data-opinion=first]").click()
    fay.panel("now open water 100 %")


def test_a_disagreement_is_settled_by_an_event(arrive: Arrive, project: Project) -> None:
    gil = arrive("gil", beam="gt2l", x=START + 2000)
    gil.select(1900, 2000)
    gil.edit("1")
    hal = arrive("hal", beam="gt2l", x=START + 2000, opinion="second")
    hal.select(1900, 2000)
    hal.edit("3")
    ida = arrive("ida", page="agreement")
    row = ida.tab.locator(".row", has=ida.tab.locator("button", has_text="gil")).filter(has_text="hal")
    row.locator("[data-act=look]").click()
    ida.ready()
    ida.panel("now thick ice 100 %")
    ida.press("a")
    ida.ready("agreement")
    row.get_by_role("button").filter(has_text="hal").click()
    ida.tab.wait_for_function("() => (sessionStorage.getItem('stored') ?? '') !== ''")
    row.wait_for(state="hidden")
    (event,) = events_of(project, "ida")
    assert (event.reason, event.label, event.layer) == ("adjudicated", 2, "")
    assert spans(event) == near(1900, 2000)
    assert set(labels(project, "gt2l", 1904, 1996)) == {2}


def test_a_snapshot_is_frozen_and_named_from_the_page(arrive: Arrive, project: Project) -> None:
    joe = arrive("joe", x=START + 2200)
    joe.select(2200, 2300)
    joe.edit("3")
    known = project.runs("snapshots")
    joe.tab.get_by_role("button", name="Snapshot…").click()
    joe.tab.get_by_role("dialog").get_by_text("joe").wait_for()
    joe.tab.get_by_label("Name in words").fill("leads of the first beam")
    joe.tab.get_by_role("button", name="Freeze").click()
    joe.tab.get_by_text("✓ Frozen as").wait_for()
    (made,) = set(project.runs("snapshots")) - set(known)
    assert "leads of the first beam" in str(manifest(project, made))
    path = project.table_path("snapshots", GRANULE, "gt1l", made)
    frozen = tables.read(path, SNAPSHOT, ["label", "analyst"]).to_pandas()
    assert set(frozen[frozen["analyst"] == "joe"]["label"]) == {2}


def test_two_sessions_see_one_anothers_edits(arrive: Arrive, project: Project) -> None:
    kim, lee = (arrive(name, x=START + 400, span=700) for name in ("kim", "lee"))
    for analyst in (kim, lee):
        analyst.select(300, 400)
    kim.edit("2")
    lee.panel("now thin ice 100 %")
    lee.edit("3")
    kim.panel("now open water 100 %")
    kim.edit("z")
    assert set(labels(project, "gt1l", 304, 396)) == {2}
    lee.edit("z")
    assert [event.analyst for event in events_of(project, "kim") + events_of(project, "lee")] == ["kim"] * 2 + [
        "lee"
    ] * 2


@pytest.fixture
def drifted(tmp_path: Path) -> Iterator[tuple[Project, str]]:
    """A project labelled from its scene without a drift, and where it is served."""
    from dashboard.screenshots import running

    own = small_project.make(tmp_path / "drifted")
    stage = Autolabel(drift=False, cloud_filter=False)
    own.remember(stage)
    autolabel(own, stage)
    with running(own.root) as where:
        yield own, where


def test_a_drift_is_nudged_applied_and_followed_by_the_labels(arrive: Arrive, drifted: tuple[Project, str]) -> None:
    project, address = drifted
    before = _auto(project)
    mia = arrive("mia", address=address)
    mia.press("d")
    shown = mia.tab.locator(".drift-facts")
    shown.wait_for()
    mia.press("ArrowRight", "ArrowRight", "Shift+ArrowDown")
    shown.filter(has_text="+20, −50 m").wait_for()
    assert events_of(project, "mia") == []
    mia.edit("Enter")
    (event,) = events_of(project, "mia")
    assert (event.reason, event.scene_id, event.shift_x, event.shift_y) == ("shift", SCENE, 20.0, -50.0)
    mia.panel("set by mia")
    mia.until(lambda: _auto(project)["drift_x"][0] == 20.0)
    after = _auto(project)
    assert set(zip(after["drift_x"], after["drift_y"], strict=True)) == {(20.0, -50.0)}
    assert not before["label_auto"].equals(after["label_auto"])


def _auto(project: Project) -> Any:
    columns = ["label_auto", "drift_x", "drift_y"]
    return tables.read(project.table_path("autolabels", GRANULE, "gt1l"), LABEL, columns).to_pandas()
