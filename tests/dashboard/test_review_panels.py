"""What the queue and the panel beside the pictures tell the browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import small_project
from small_project import GRANULE, START

from dashboard import zone_facts
from dashboard.data import Workspace
from dashboard.place import Place
from dashboard.shell import Shell
from dashboard.state import Change, State
from dashboard.views.queue_list import QueueList
from dashboard.views.snapshot_panel import SnapshotPanel, told_changes
from dashboard.views.zone_panel import ZonePanel
from processing.core.effect import Effect, Shift
from processing.core.zones import Zone
from processing.local.changes import Change as Changed
from processing.local.changes import Changes

_FIRST = int(START // 2)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The review of a small project with three zones that were put there by hand."""
    small_project.make(tmp_path / "small")
    state = State(page="review", granule=GRANULE, beam="gt1l", x=START + 500, span=1000.0, analyst="Ada")
    made = Place(Workspace(tmp_path / "small"), state, Shell(state, project="small"))
    made.refresh(made.look())
    for beam, starts in {"gt1l": (100, 800), "gt2l": (300,)}.items():
        zones = [_zone(_FIRST + start, 1.0 / start) for start in starts]
        made.desk.queue_of.take(GRANULE, beam, zones)
    return made


def _zone(first: int, score: float) -> Zone:
    return Zone(first, first + 50, 2.0 * first, 2.0 * first + 100, ("cloud", "entropy"), score, 1)


def _all(place: Place) -> Change:
    return Change(frozenset(place.state.parts()))


def _paint(place: Place, ident: str, label: int) -> None:
    place.desk.select_zone(ident)
    place.desk.paint(label)


def test_the_queue_is_sent_as_columns_in_order_and_once(place: Place) -> None:
    queue = QueueList(place)
    queue.update(_all(place))
    rows = json.loads(queue.rows)
    assert rows["first"] == [_FIRST + 100, _FIRST + 300, _FIRST + 800]
    assert [rows["beams"][beam] for beam in rows["beam"]] == ["gt1l", "gt2l", "gt1l"]
    assert [rows["whys"][why] for why in rows["why"][0]] == ["cloud", "entropy"]
    assert (rows["metres"], rows["label"], queue.done) == ([100] * 3, [1] * 3, "000")
    sent: list[Any] = []
    queue.param.watch(sent.append, "rows")
    _paint(place, f"{GRANULE}/gt2l/{_FIRST + 300}", 2)
    queue.update(Change(frozenset({"edits", "selection", "zone"})))
    assert (sent, queue.done) == ([], "010")
    assert queue.current == f"{GRANULE}/gt2l/{_FIRST + 300}"


def test_the_head_tells_progress_by_granule_and_beam(place: Place) -> None:
    queue = QueueList(place)
    _paint(place, f"{GRANULE}/gt2l/{_FIRST + 300}", 2)
    queue.update(_all(place))
    head = json.loads(queue.head)
    assert (head["total"], head["done"]) == (3, 1)
    assert head["share"] == pytest.approx(1 / 3)
    told = [(line["name"], line["done"], line["total"]) for line in head["progress"]]
    assert told == [("2019-11-04 19:30", 1, 3), ("gt1l", 0, 2), ("gt2l", 1, 1)]


def test_filters_choose_rows_and_an_empty_list_says_how_on(place: Place) -> None:
    queue = QueueList(place)
    queue._handle_msg({"type": "filter", "values": {"where": f"{GRANULE}/gt2l"}})
    queue.update(_all(place))
    assert json.loads(queue.rows)["first"] == [_FIRST + 300]
    queue._handle_msg({"type": "filter", "values": {"kind": "2"}})
    queue.update(_all(place))
    assert json.loads(queue.rows)["first"] == []
    assert json.loads(queue.head)["empty"]["action"] == "Show all"
    queue._handle_msg({"type": "filter", "values": {"why": "", "where": "", "kind": "", "todo": True}})
    for ident in [entry.ident for entry in place.desk.queue_of.ranked()]:
        _paint(place, ident, 0)
    queue.update(_all(place))
    assert json.loads(queue.head)["empty"]["title"] == "All zones are done"


def test_a_row_that_is_chosen_is_selected_whole(place: Place) -> None:
    QueueList(place)._handle_msg({"type": "zone", "zone": f"{GRANULE}/gt1l/{_FIRST + 800}"})
    assert place.state.selection is not None
    assert place.state.selection.runs == ((_FIRST + 800, _FIRST + 850),)


def test_the_panel_tells_why_where_and_what_is_there(place: Place) -> None:
    panel = ZonePanel(place, lambda call: call())
    place.desk.select(START + 1600, START + 1700, free=True)
    panel.update(_all(place))
    told = json.loads(panel.zone)
    assert (told["title"], told["length"], told["segments"]) == ("Selection", "100 m", "50 segments")
    assert told["where"] == "gt1l · 1.600 to 1.700 km"
    assert {"why": "cloud", "share": 1.0} in told["why"]
    assert sum(share for _, share in told["labels"]) == pytest.approx(1.0)
    place.workspace.workers.shutdown()
    effects = {row["label"]: row for row in json.loads(panel.effects)["rows"]}
    assert set(effects) == {0, 1, 2, -1}
    assert effects[-1]["segments"] == 50


def test_what_reaches_beyond_the_zone_at_hand_is_not_called_it(place: Place) -> None:
    place.desk.select_zone(f"{GRANULE}/gt1l/{_FIRST + 800}")
    assert (zone_facts.zone_facts(place)["title"], zone_facts.zone_facts(place)["parts"]) == ("Zone", 1)
    place.desk.select(START + 1500, START + 1700, free=True)
    told = zone_facts.zone_facts(place)
    assert place.state.zone
    assert (told["title"], told["zone"], told["length"]) == ("Selection", False, "200 m")


def test_history_strikes_what_was_undone(place: Place) -> None:
    panel = ZonePanel(place, lambda call: call())
    place.desk.select(START + 200, START + 400, free=True)
    place.desk.paint(1)
    place.desk.paint(2)
    place.desk.undo()
    panel.update(_all(place))
    rows = json.loads(panel.history)["rows"]
    assert [(row["label"], row["who"], row["holds"]) for row in rows] == [(2, "Ada", False), (1, "Ada", True)]


def test_history_tells_one_gesture_in_several_runs_once(place: Place) -> None:
    place.desk.select(START + 200, START + 300, free=True)
    place.desk.select(START + 600, START + 700, free=True, add=True)
    place.desk.paint(1)
    place.desk.select(START + 200, START + 700, free=True)
    assert len(place.desk.history()) == 2
    told = zone_facts.history_rows(place.desk.history())
    assert ([row["label"] for row in told["rows"]], told["more"]) == ([1], 0)


def test_effects_are_told_in_centimetres_over_the_track_they_concern() -> None:
    effect = Effect(12, 24.0, Shift(-0.018, -0.031, 4100.0), Shift(0.018, 0.031, 4100.0), bare_windows=((0.0, 1e4),))
    (row,) = zone_facts.effect_rows({2: effect})
    assert row["surface"] == {"by": "−1.8 cm", "over": "4.10 km", "most": "mean −1.8 cm, at most −3.1 cm"}
    assert (row["freeboard"]["by"], row["bare"], row["segments"]) == ("+1.8 cm", 1, 12)
    (bare,) = zone_facts.effect_rows({0: Effect(3, 6.0, valid=False)})
    assert (bare["surface"], bare["freeboard"]) == (None, None)


def test_changes_are_told_by_class_reason_and_analyst() -> None:
    rows = (
        Changed(GRANULE, "gt1l", 1, 2, "cloud", "Ada", 30, 60.0),
        Changed(GRANULE, "gt2l", 1, 2, "shadow", "Grace", 10, 20.0),
    )
    told = told_changes(Changes("v0001", "before", "2026-11-22T10:11:12+00:00", 2, rows))
    assert told["classes"] == [{"from": 1, "to": 2, "segments": "40", "metres": "80 m"}]
    assert [row["name"] for row in told["analysts"]] == ["Ada", "Grace"]
    assert (told["created"], told["total"]["segments"]) == ("2026-11-22 10:11", "40")


def test_freezing_says_what_it_does_and_what_came_of_it(place: Place) -> None:
    said: list[dict[str, Any]] = []
    (place.workspace.root / "snapshots").rename(place.workspace.root / "kept")
    panel = SnapshotPanel(place, lambda call: call(), said.append)
    panel.answer({"type": "freeze", "note": " clear sky "})
    panel.answer({"type": "freeze", "note": "at the same time"})
    place.workspace.background.shutdown()
    assert [told["state"] for told in said] == ["freezing", "frozen"]
    assert said[-1] == {"state": "frozen", "name": "v0001", "new": True}
    manifest = json.loads((place.workspace.root / "snapshots" / "v0001" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["note"] == "clear sky"


def test_a_freeze_that_fails_says_why(place: Place) -> None:
    said: list[dict[str, Any]] = []
    for beam in small_project.BEAMS:
        place.workspace.project.table_path("segments", GRANULE, beam).write_bytes(b"no table")
    SnapshotPanel(place, lambda call: call(), said.append).answer({"type": "freeze"})
    place.workspace.background.shutdown()
    assert said[-1]["state"] == "failed"
    assert "run: leadline resample" in said[-1]["why"]
