"""Gestures, layers and shifts in the label store, and databases of the version that knew none of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from processing import label_tables
from processing.errors import InputError, StaleError
from processing.labels import Event, LabelLog, LabelStore, Stroke, read_log

G, S = "ATL03_20191104195311_05940510_006_01", "S2B_MSIL1C_20191104T195509"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'leadline.db'}"


@pytest.fixture
def store(url: str) -> Iterator[LabelStore]:
    with LabelStore(url) as opened:
        yield opened


def stroke(start: float = 0.0, label: int = 2, beam: str = "gt2l") -> Stroke:
    return Stroke(G, beam, start, start + 10.0, label, "cloud")


def ids(events: list[Event]) -> list[int]:
    return [event.id for event in events]


def test_a_gesture_is_recorded_once_however_often_it_is_sent(store: LabelStore) -> None:
    first = store.add_all([stroke(), stroke(20.0)], "ada", gesture="one")
    assert {event.gesture for event in first} == {"one"}
    assert store.add_all([stroke(), stroke(20.0)], "ada", gesture="one") == first
    undone = store.undo("ada", gesture="back")
    assert store.undo("ada", gesture="back") == undone
    assert ids(undone) == [3, 4]
    again = store.redo("ada", gesture="again")
    assert store.redo("ada", gesture="again") == again
    assert ids(store.events()) == [1, 2, 3, 4, 5, 6]
    assert store.current() == first


@pytest.mark.parametrize(
    "other",
    [
        lambda store: store.add_all([stroke()], "ada", gesture="one"),
        lambda store: store.add_all([stroke(), stroke(20.0, 1)], "ada", gesture="one"),
        lambda store: store.add_all([stroke(), stroke(20.0)], "bo", gesture="one"),
        lambda store: store.add_all([stroke(), stroke(20.0)], "ada", gesture="one", layer="second"),
        lambda store: store.shift(G, S, 1.0, 2.0, "ada", gesture="one"),
        lambda store: store.undo("ada", gesture="one"),
        lambda store: store.redo("ada", gesture="one"),
    ],
)
def test_another_action_under_the_same_name_is_refused(store: LabelStore, other: object) -> None:
    store.add_all([stroke(), stroke(20.0)], "ada", gesture="one")
    with pytest.raises(InputError, match="gesture one"):
        other(store)  # type: ignore[operator]
    assert len(store.events()) == 2


def test_the_same_gesture_from_two_sides_at_once_is_recorded_once(url: str) -> None:
    found: list[list[int]] = []
    with LabelStore(url) as one, LabelStore(url) as two:
        gate = threading.Barrier(4)

        def send(store: LabelStore) -> None:
            gate.wait()
            found.append(ids(store.add_all([stroke(), stroke(20.0)], "ada", gesture="one")))

        threads = [threading.Thread(target=send, args=(store,)) for store in (one, two, one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [[1, 2]] * 4
        assert ids(one.events()) == [1, 2]


def test_second_opinions_are_not_among_the_labels_in_force(store: LabelStore) -> None:
    mine = store.add_all([stroke()], "ada")
    hers = store.add_all([stroke(5.0, 1)], "bo", layer="second")
    assert store.current() == store.current_by_track()[(G, "gt2l")] == mine
    assert store.strokes(G, "gt2l").event_id.tolist() == ids(mine)
    assert store.current(layer="second") == hers
    assert store.undo("bo", layer="") == []
    assert [event.layer for event in store.undo("bo", layer="second")] == ["second"]
    assert [event.layer for event in store.redo("bo")] == ["second"]
    with pytest.raises(InputError, match="third"):
        store.add_all([stroke()], "ada", layer="third")


def test_a_gesture_over_two_beams_is_undone_whole(store: LabelStore) -> None:
    store.add_all([stroke(), stroke(beam="gt1l")], "ada")
    assert [event.beam for event in store.undo("ada", G, "gt1l")] == ["gt2l", "gt1l"]
    assert store.current() == []
    assert [event.beam for event in store.redo("ada", G, "gt2l")] == ["gt2l", "gt1l"]


def test_the_newest_shift_that_stands_is_in_force(store: LabelStore) -> None:
    (first,) = store.shift(G, S, 180.0, -120.0, "ada")
    assert (first.reason, first.beam, first.scene_id, first.shift_x, first.shift_y) == ("shift", "", S, 180.0, -120.0)
    (second,) = store.shift(G, S, 170.0, -110.0, "bo")
    assert store.shifts() == store.shifts(G) == {(G, S): second}
    assert store.shifts("other") == {}
    store.shift(G, S, None, float("nan"), "ada")
    assert store.shifts() == {}, "back to the estimate"
    (undone,) = store.undo("ada")
    assert (undone.reason, undone.scene_id) == ("undo", S)
    assert store.shifts() == {(G, S): second}
    store.undo("bo")
    assert store.shifts() == {(G, S): first}
    assert store.current() == []
    store.redo("bo")
    assert store.shifts() == {(G, S): second}


@pytest.mark.parametrize("bad", [(None, 1.0), (1.0, None), (float("inf"), 0.0)])
def test_half_and_infinite_shifts_are_refused(store: LabelStore, bad: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="shift"):
        store.shift(G, S, *bad, "ada")
    assert store.events() == []


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.add_all([stroke()], "ada"),
        lambda store: store.shift(G, S, 1.0, 2.0, "ada"),
        lambda store: store.undo("ada"),
        lambda store: store.redo("ada"),
    ],
)
def test_a_write_waits_for_other_writers_before_it_reads(
    store: LabelStore, monkeypatch: pytest.MonkeyPatch, write: Callable[[LabelStore], list[Event]]
) -> None:
    store.add_all([stroke(), stroke(20.0)], "ada")
    store.undo("ada")
    store.redo("ada")
    done: list[str] = []
    lock, select = label_tables.lock, label_tables.select

    def locked(connection: Connection) -> None:
        done.append("lock")
        lock(connection)

    def selected(*given: Any) -> list[Event]:
        done.append("select")
        return select(*given)

    monkeypatch.setattr(label_tables, "lock", locked)
    monkeypatch.setattr(label_tables, "select", selected)
    write(store)
    assert done[0] == "lock"
    assert done.count("lock") == 1


class Model:
    """What one expects: gestures that are done or not; undo takes the newest done, redo the one undone last."""

    def __init__(self) -> None:
        self.gestures: list[SimpleNamespace] = []
        self.clock = 0

    def act(self, who: str, layer: str, beam: str, number: int) -> None:
        self.clock += 1
        self.gestures.append(
            SimpleNamespace(who=who, layer=layer, beam=beam, number=number, born=self.clock, done=True, undone=0)
        )

    def _own(self, who: str, layer: str | None) -> list[SimpleNamespace]:
        return [each for each in self.gestures if each.who == who and layer in (None, each.layer)]

    def undo(self, who: str, layer: str | None) -> int:
        found = [each for each in self._own(who, layer) if each.done]
        if not found:
            return 0
        self.clock += 1
        found[-1].done, found[-1].undone = False, self.clock
        return int(found[-1].number)

    def redo(self, who: str, layer: str | None) -> int:
        own = self._own(who, layer)
        acted = max((each.born for each in own), default=0)
        found = max((each for each in own if not each.done), key=lambda each: each.undone, default=None)
        if found is None or found.undone < acted:
            return 0
        found.done = True
        return int(found.number)

    def visible(self, beam: str, layer: str) -> list[int]:
        wanted = [each for each in self.gestures if each.done and (each.beam, each.layer) == (beam, layer)]
        return [each.born for each in wanted for _ in range(each.number)]


STEP = st.tuples(
    st.sampled_from(["paint", "paint", "undo", "redo", "shift"]),
    st.sampled_from(["ada", "bo"]),
    st.sampled_from(["", "second"]),
    st.integers(1, 3),
    st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_any_order_of_actions_is_as_in_an_editor(steps: list[tuple[str, str, str, int, bool]]) -> None:
    model, log = Model(), LabelLog()
    with LabelStore("sqlite://") as store:  # in memory, for speed
        for action, who, layer, number, wide in steps:
            beam, known = f"gt{number}l", log if number % 2 else None
            if action == "paint":
                model.act(who, layer, beam, number)
                store.add_all([stroke(model.clock, beam=beam)] * number, who, layer=layer, log=known)
            elif action == "shift":
                model.act(who, "", "", 1)
                store.shift(G, S, float(model.clock), 0.0, who, log=known)
            else:
                scope = None if wide else layer
                done = getattr(store, action)(who, layer=scope, log=known)
                assert len(done) == getattr(model, action)(who, scope)
        log.append(store.events(after=log.last_id))
        assert log.events() == store.events()
        for layer in ("", "second"):
            for beam in ("gt1l", "gt2l", "gt3l"):
                expected = model.visible(beam, layer)
                assert [event.x_start for event in store.current(G, beam, layer=layer)] == expected
                assert [event.x_start for event in log.active(G, beam, layer)] == expected
        shifts = model.visible("", "")
        assert [event.shift_x for event in store.shifts().values()] == shifts[-1:]
        assert log.shifts() == store.shifts()


V1 = """
CREATE TABLE label_event (id INTEGER NOT NULL PRIMARY KEY, granule_id VARCHAR(200) NOT NULL, beam VARCHAR(16) NOT NULL,
  x_start DOUBLE NOT NULL, x_end DOUBLE NOT NULL, label SMALLINT NOT NULL, reason VARCHAR(32) NOT NULL,
  analyst VARCHAR(200) NOT NULL, at DATETIME NOT NULL, supersedes INTEGER REFERENCES label_event (id));
CREATE INDEX label_event_track ON label_event (granule_id, beam, id);
CREATE TABLE label_schema (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO label_schema VALUES (1);
INSERT INTO label_event VALUES (1, 'G', 'gt1l', 0.0, 10.0, 2, 'cloud', 'ada', '2026-03-01 11:30:00.000000', NULL);
INSERT INTO label_event VALUES (2, 'G', 'gt1l', 5.0, 20.0, 1, 'other', 'ada', '2026-03-01 11:31:00.000000', NULL);
INSERT INTO label_event VALUES (3, 'G', 'gt1l', 5.0, 20.0, 1, 'undo', 'ada', '2026-03-01 11:32:00.000000', 2);
"""


@pytest.fixture
def old(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript(V1)
    connection.close()
    return f"sqlite:///{tmp_path / 'old.db'}"


def columns(url: str) -> set[str]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    names = {row[1] for row in connection.execute("PRAGMA table_info(label_event)")}
    connection.close()
    return names


def test_a_database_of_version_one_is_read_as_it_is(old: str) -> None:
    with LabelStore(old, reading=True) as store:
        assert [event.gesture for event in store.events()] == ["event-1", "event-2", "event-3"]
        assert ids(store.current("G", "gt1l")) == [1]
        assert store.shifts() == {}
    assert "gesture" not in columns(old)
    assert read_log(old).last_id == 3


def test_a_database_of_version_one_is_brought_up_to_date_in_place(old: str) -> None:
    with LabelStore(old, reading=True) as reader:
        before = reader.events()
        with LabelStore(old) as store:
            assert store.events() == before
            (redone,) = store.redo("ada")
            assert (redone.supersedes, redone.layer) == (3, "")
            assert ids(store.current()) == [1, 2]
            assert ids(store.undo("ada")) == [5]
            store.shift("G", S, 1.0, 2.0, "ada")
        assert reader.events()[:3] == before, "a reader from before goes on"
        assert len(reader.events()) == 6
        assert len(reader.shifts()) == 1
    assert {"gesture", "layer", "scene_id", "shift_x", "shift_y"} <= columns(old)
    with LabelStore(old) as again:
        assert len(again.events()) == 6


def test_events_of_a_program_of_before_that_is_still_running_are_gestures_of_their_own(old: str) -> None:
    with LabelStore(old) as store:
        with sqlite3.connect(old.removeprefix("sqlite:///")) as connection:
            connection.execute(
                "INSERT INTO label_event (granule_id, beam, x_start, x_end, label, reason, analyst, at) "
                "VALUES ('G', 'gt1l', 30.0, 40.0, 0, 'cloud', 'ada', '2026-03-01 11:33:00.000000')"
            )
        connection.close()
        assert store.events()[-1].gesture == "event-4"
        assert ids(store.undo("ada")) == [5]
        assert ids(store.current()) == [1]


def test_a_reader_refuses_a_later_version_and_makes_no_tables(url: str, store: LabelStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "leadline.db") as connection:
        connection.execute("UPDATE label_schema SET version = 3")
    connection.close()
    with pytest.raises(StaleError, match="newer leadline"):
        LabelStore(url, reading=True)
    sqlite3.connect(tmp_path / "bare.db").close()
    with LabelStore(f"sqlite:///{tmp_path / 'bare.db'}", reading=True) as bare:
        assert bare.events() == []
    assert (tmp_path / "bare.db").stat().st_size == 0 or columns(f"sqlite:///{tmp_path / 'bare.db'}") == set()
