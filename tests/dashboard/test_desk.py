"""The desk without a display: what is selected, what a correction records, and which zone comes next."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pytest
import small_project
from small_project import GRANULE, START

from dashboard.data import Workspace
from dashboard.desk import Desk
from dashboard.editing import carry_out
from dashboard.place import Place
from dashboard.state import State
from processing.core.painting import paint
from processing.core.zones import Zone
from processing.errors import InputError
from processing.io import tables
from processing.labels import LabelStore, Stroke
from processing.schema import LABEL

FIRST = int(START / 2)


class _Messages:
    def tell(self, text: str, level: str = "info") -> None:
        """Nobody reads."""

    def guard(self, doing: str) -> object:
        raise AssertionError(doing)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("desk") / "own"
    small_project.make(root)
    return Workspace(root)


@pytest.fixture
def desk(workspace: Workspace) -> Desk:
    """A desk over a project without events."""
    for name in ("leadline.db", "leadline.db-wal", "leadline.db-shm"):
        (workspace.root / name).unlink(missing_ok=True)
    fresh = Workspace(workspace.root)
    state = State(granule=GRANULE, beam="gt1l", x=START + 1000, span=600, analyst="Ada")
    return Place(fresh, state, _Messages()).desk  # type: ignore[arg-type]


def _stored(desk: Desk) -> list[tuple[float, float, int, str, str]]:
    with LabelStore(desk.workspace.project.database_url) as store:
        return [(e.x_start, e.x_end, e.label, e.reason, e.layer) for e in store.current(GRANULE, "gt1l")]


def _rebuilt(desk: Desk) -> np.ndarray:
    """The labels as a fresh look at auto-labels and log gives them."""
    with LabelStore(desk.workspace.project.database_url) as store:
        strokes = store.strokes(GRANULE, "gt1l")
    track = desk.workspace.track(GRANULE, "gt1l")
    return paint(track.x_atc, desk.auto("gt1l"), strokes).label


def test_a_free_selection_is_where_it_was_drawn_and_a_label_is_stored(desk: Desk) -> None:
    desk.select(START + 1000, START + 1020, free=True)
    assert desk.state.selection is not None
    assert desk.state.selection.runs == ((FIRST + 500, FIRST + 510),)
    before = desk.state.edits
    desk.paint(2)
    assert desk.state.edits > before
    assert _stored(desk) == [(START + 1000, START + 1020, 2, "cloud", "")]
    assert (desk.labels().label[500:510] == 2).all()
    assert np.array_equal(desk.labels().label, _rebuilt(desk))


def test_ends_snap_to_label_boundaries_within_reach(desk: Desk) -> None:
    label, segment = desk.labels().label, desk.place.track.segment
    edges = segment[1:][np.diff(label) != 0] * 2.0
    edge = float(edges[np.argmin(np.abs(edges - (START + 1000)))])
    desk.state.move(x=edge, span=600.0)
    desk.select(edge - 200, edge + 4)
    assert desk.state.selection is not None
    assert desk.state.selection.bounds(2.0)[1] == edge
    desk.select(edge - 200, edge + 4, free=True)
    assert desk.state.selection.bounds(2.0)[1] == edge + 4


def test_undo_and_redo_walk_through_gestures(desk: Desk) -> None:
    auto = desk.labels().label.copy()
    desk.select(START + 1000, START + 1100, free=True)
    desk.paint(1)
    once = desk.labels().label.copy()
    desk.paint(2)
    desk.undo()
    assert np.array_equal(desk.labels().label, once)
    desk.undo()
    assert np.array_equal(desk.labels().label, auto)
    desk.redo()
    assert np.array_equal(desk.labels().label, once)
    assert np.array_equal(desk.labels().label, _rebuilt(desk))
    assert desk.undo() != []
    assert desk.undo() == []


def test_many_events_at_once_give_the_labels_that_each_alone_would(desk: Desk) -> None:
    rng = np.random.default_rng(3)
    starts = START + 8 * rng.permutation(400)
    strokes = [Stroke(GRANULE, "gt1l", x, x + rng.uniform(0.5, 9), int(rng.integers(-1, 3)), "other") for x in starts]
    desk.write(strokes, "", "Ada", "")
    assert np.array_equal(desk.labels().label, _rebuilt(desk))
    assert np.array_equal(desk.labels().covered, desk.labels().event_id >= 0)


def test_an_undo_beside_disagreements_takes_back_what_was_settled(desk: Desk) -> None:
    desk.select(START + 100, START + 200, free=True)
    desk.record(desk._selected(), 2, "adjudicated", "", "Ada", "")
    desk.state.move(opinion="second")
    desk.paint(1)
    desk.state.move(page="agreement")
    assert [event.layer for event in desk.undo()] == [""]
    assert [event.layer for event in desk.redo()] == [""]
    desk.state.move(page="review")
    assert [event.layer for event in desk.undo()] == ["second"]


def test_accepting_repeats_the_labels_in_runs_and_judges_them(desk: Desk) -> None:
    desk.select(START, START + 2400, free=True)
    label = desk.labels().label.copy()
    desk.accept()
    stored = _stored(desk)
    assert len(stored) > 2
    assert {reason for *_, reason, _ in stored} == {"accept"}
    assert np.array_equal(desk.labels().label, label)
    assert desk.covered()[:1200].all()
    assert not desk.covered()[1250:].any()
    desk.undo()
    assert not desk.covered().any()


def test_a_second_opinion_is_blind_and_does_not_touch_the_labels_in_force(desk: Desk) -> None:
    desk.select(START + 1000, START + 1100, free=True)
    desk.paint(1)
    in_force = desk.labels().label.copy()
    desk.state.move(analyst="Bo", opinion="second")
    assert np.array_equal(desk.labels().label, desk.auto())
    assert desk.history() == []
    desk.paint(2)
    assert (desk.labels().label[500:550] == 2).all()
    assert desk.second() is None
    desk.state.move(analyst="Ada", opinion="first")
    assert np.array_equal(desk.labels().label, in_force)
    second = desk.second()
    assert second is not None
    assert (second[500:550] == 2).all()
    assert (second[550:] == -1).all()


def test_without_a_name_or_a_selection_nothing_is_stored(desk: Desk) -> None:
    with pytest.raises(InputError, match="nothing is selected"):
        desk.paint(1)
    desk.select(START, START + 10, free=True)
    desk.state.move(analyst=" ")
    with pytest.raises(InputError, match="nobody has said"):
        desk.paint(1)
    assert not (desk.workspace.root / "leadline.db").exists()


def test_an_edit_sent_again_is_stored_once_where_it_was_meant(desk: Desk) -> None:
    desk.select(START + 100, START + 200, free=True)
    assert desk.state.selection is not None
    entry = {"kind": "paint", "label": 2, "gesture": uuid.uuid4().hex, "reason": "shadow", "opinion": "first",
             "selection": desk.state.selection.descriptor(), "analyst": "Ada"}  # fmt: skip
    desk.clear()
    carry_out(desk, entry | {"replay": True})
    carry_out(desk, entry | {"replay": True})
    assert _stored(desk) == [(START + 100, START + 200, 2, "shadow", "")]
    lost = entry | {"replay": True, "gesture": uuid.uuid4().hex, "selection": None}
    with pytest.raises(InputError, match="was not stored"):
        carry_out(desk, lost)
    undone = entry | {"replay": True, "gesture": uuid.uuid4().hex, "kind": "undo"}
    with pytest.raises(InputError, match="not confirmed"):
        carry_out(desk, undone)
    assert len(_stored(desk)) == 1


def _zone(first: int, stop: int, score: float, reason: str = "cloud", label: int = 0) -> Zone:
    return Zone(FIRST + first, FIRST + stop, START + 2 * first, START + 2 * stop, (reason,), score, label)


def test_the_queue_goes_by_score_and_passes_over_what_is_done(desk: Desk) -> None:
    zones = [_zone(100, 150, 0.2), _zone(300, 340, 0.9, "shadow", 1), _zone(500, 520, 0.5)]
    desk.queue_of.take(GRANULE, "gt1l", zones)
    order = [entry.zone.first - FIRST for entry in desk.queue()]
    assert order == [300, 500, 100]
    assert desk.next_zone(1)
    assert desk.state.zone == f"{GRANULE}/gt1l/{FIRST + 300}"
    desk.accept()
    zone = desk.zone()
    assert zone is not None
    assert zone.done
    assert desk.next_zone(1)
    assert desk.next_zone(1)
    assert desk.state.zone.endswith(str(FIRST + 100))
    assert desk.next_zone(1)
    assert desk.state.zone.endswith(str(FIRST + 500))
    progress = desk.progress()[GRANULE, "gt1l"]
    assert (progress.done, progress.total, progress.metres_done, progress.metres) == (1, 3, 80.0, 220.0)
    desk.undo()
    assert not any(entry.done for entry in desk.queue())
    desk.state.move(why="shadow")
    assert [entry.zone.first - FIRST for entry in desk.queue()] == [300]
    desk.state.move(why="", kind="0", where=f"{GRANULE}/gt1l")
    assert [entry.zone.first - FIRST for entry in desk.queue()] == [500, 100]
    desk.state.move(kind="", where=f"{GRANULE}/gt9l")
    assert desk.queue() == []


def test_events_of_another_program_show_after_a_look(desk: Desk) -> None:
    assert (desk.labels().label[:5] != 2).all()
    with LabelStore(desk.workspace.project.database_url) as store:
        store.add(GRANULE, "gt1l", START, START + 10, 2, "other", "Cy")
    touched = desk.workspace.book.refresh()
    assert touched
    desk.follow()
    assert (desk.labels().label[:5] == 2).all()


def test_events_of_others_that_come_in_with_an_own_edit_are_followed(desk: Desk) -> None:
    desk.queue_of.take(GRANULE, "gt2l", [_zone(0, 5, 0.5)])
    desk.queue_of.take(GRANULE, "gt1l", [_zone(0, 5, 0.4), _zone(300, 305, 0.3)])
    desk.workspace.book.listen(lambda tracks: heard.append((tracks, desk.writing)))
    heard: list[tuple[set[tuple[str, str]], bool]] = []
    with LabelStore(desk.workspace.project.database_url) as store:
        store.add(GRANULE, "gt1l", START, START + 10, 2, "other", "Cy")
        store.add(GRANULE, "gt2l", START, START + 10, 2, "other", "Cy")
    desk.select(START + 600, START + 610, free=True)
    desk.paint(1)
    assert heard == [({(GRANULE, "gt1l"), (GRANULE, "gt2l")}, True)]
    assert all(entry.done for entry in desk.queue())
    edits = desk.state.edits
    desk.follow()
    assert desk.state.edits == edits


def test_an_undo_comes_to_where_it_was(desk: Desk) -> None:
    desk.select(START + 100, START + 200, free=True)
    desk.paint(2)
    desk.state.move(beam="gt2l", x=START + 3000, span=600)
    desk.undo()
    assert (desk.state.beam, desk.state.x, desk.state.span) == ("gt1l", START + 150, 600)


def test_the_selection_is_let_go_where_another_granule_is_shown(desk: Desk) -> None:
    desk.select(START + 100, START + 200, free=True)
    desk.state.move(beam="gt2l", x=START + 3000)
    assert desk.state.selection is not None
    desk.state.move(granule="another")
    assert desk.state.selection is None


def test_the_zone_before_is_found_from_one_that_was_just_done(desk: Desk) -> None:
    desk.queue_of.take(GRANULE, "gt1l", [_zone(100, 110, 0.9), _zone(300, 310, 0.5)])
    desk.select_zone(f"{GRANULE}/gt1l/{FIRST + 300}")
    desk.state.move(todo=True)
    desk.accept()
    assert desk.next_zone(-1)
    assert desk.state.zone.endswith(str(FIRST + 100))


def test_effects_follow_labels_that_are_made_anew(desk: Desk) -> None:
    desk.select(START, START + 4000, free=True)
    before = desk.effects()[0].segments
    path = desk.workspace.project.table_path("autolabels", GRANULE, "gt1l")
    kept = path.read_bytes()
    try:
        table = tables.read(path, LABEL)
        label = np.zeros(table.num_rows, np.int8)
        place = table.schema.get_field_index("label_auto")
        stamp = tables.read_stamp(path)
        assert stamp is not None
        tables.write(path, LABEL, table.set_column(place, table.schema.field(place), pa.array(label)), stamp)
        assert before > 0
        assert desk.effects()[0].segments == 0
    finally:
        path.write_bytes(kept)


def test_effects_are_told_for_every_class_and_warn_of_the_last_lead(desk: Desk) -> None:
    desk.select(START, START + 4000, free=True)
    effects = desk.effects()
    assert set(effects) == {0, 1, 2, -1}
    assert effects[0].bare_windows
    assert not effects[2].bare_windows
    label = desk.labels().label
    assert effects[1].segments == np.count_nonzero(label != 1)
