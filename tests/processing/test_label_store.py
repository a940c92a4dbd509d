"""The label store: validation, history, undo and redo against a simple model, concurrency, durability."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.errors import InputError, MissingError, StaleError
from processing.labels import LabelStore, Stroke, active

GRANULE = "ATL03_20191104195311_05940510_006_01"
URL_VARIABLE = "LEADLINE_TEST_POSTGRESQL"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'leadline.db'}"


@pytest.fixture
def store(url: str) -> Iterator[LabelStore]:
    with LabelStore(url) as opened:
        yield opened


def add(store: LabelStore, start: float = 0.0, label: int = 2, analyst: str = "ada", beam: str = "gt2l") -> int:
    return store.add(GRANULE, beam, start, start + 10.0, label, "cloud", analyst).id


def test_an_event_comes_back_as_it_was_given(store: LabelStore, url: str) -> None:
    at = datetime(2026, 3, 1, 13, 30, 0, 123456, timezone(timedelta(hours=2)))
    event = store.add(GRANULE, "gt2l", 10.5, 20.25, 1, "transition", "ada", at)
    with LabelStore(url) as other:
        assert other.events() == [event]
    assert event.at == datetime(2026, 3, 1, 11, 30, 0, 123456, UTC)
    assert event.at.utcoffset() == timedelta(0)
    assert (event.x_start, event.x_end, event.label, event.supersedes) == (10.5, 20.25, 1, None)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"x_end": 1.0}, "empty"),
        ({"x_start": math.nan}, "finite"),
        ({"x_end": math.inf}, "finite"),
        ({"label": 3}, "label 3"),
        ({"reason": "undo"}, "undo"),
        ({"analyst": " "}, "analyst"),
        ({"granule_id": ""}, "granule"),
        ({"at": datetime(2026, 1, 1)}, "time zone"),
    ],
)
def test_bad_events_are_refused_and_leave_nothing(store: LabelStore, change: dict[str, object], word: str) -> None:
    good = {"granule_id": GRANULE, "beam": "gt1l", "x_start": 1.0, "x_end": 2.0, "label": 0, "reason": "other"}
    with pytest.raises(InputError, match=word):
        store.add(**(good | {"analyst": "ada"} | change))  # type: ignore[arg-type]
    assert store.events() == []


def test_several_events_of_one_gesture_are_recorded_all_or_none(store: LabelStore) -> None:
    good = Stroke(GRANULE, "gt1l", 0.0, 5.0, 0, "accept")
    bad = Stroke(GRANULE, "gt1l", 5.0, 5.0, 1, "accept")
    with pytest.raises(InputError):
        store.add_all([good, bad], "ada")
    assert store.events() == []
    assert [event.label for event in store.add_all([good, good], "ada")] == [0, 0]


def test_a_superseding_event_replaces_until_it_is_undone(store: LabelStore) -> None:
    first = add(store)
    second = store.add(GRANULE, "gt2l", 0.0, 12.0, 2, "cloud", "ada", supersedes=first).id
    assert [event.id for event in store.current()] == [second]
    store.undo("ada")
    assert [event.id for event in store.current()] == [first]
    with pytest.raises(MissingError, match="77"):
        store.add(GRANULE, "gt2l", 0.0, 1.0, 2, "cloud", "ada", supersedes=77)
    with pytest.raises(InputError, match="gt3l"):
        store.add(GRANULE, "gt3l", 0.0, 1.0, 2, "cloud", "ada", supersedes=first)


def test_undo_takes_only_ones_own_and_only_of_the_track_asked_for(store: LabelStore) -> None:
    mine, other_track = add(store), add(store, beam="gt3l")
    hers = add(store, analyst="bo")
    (undone,) = store.undo("ada", GRANULE, "gt2l")
    assert (undone.reason, undone.supersedes, undone.x_start) == ("undo", mine, 0.0)
    assert [event.id for event in store.current()] == [other_track, hers]
    assert store.undo("cy") == []
    (again,) = store.redo("ada", GRANULE, "gt2l")
    assert (again.reason, again.supersedes) == ("redo", undone.id)
    assert [event.id for event in store.current()] == [mine, other_track, hers]
    assert len(store.events()) == 5, "nothing is ever removed"


def test_strokes_are_the_active_events_of_the_track_in_order(store: LabelStore) -> None:
    first, _, third = add(store, 0.0, 2, "cy"), add(store, 5.0, 1, beam="gt1l"), add(store, 7.0, 0, "ada")
    strokes = store.strokes(GRANULE, "gt2l")
    assert strokes.event_id.tolist() == [first, third]
    assert [strokes.analysts[k] for k in strokes.analyst] == ["cy", "ada"]
    assert strokes.label.tolist() == [2, 0]


class Editor:
    """What one expects of undo and redo: two stacks for each analyst."""

    def __init__(self) -> None:
        self.done: dict[str, list[int]] = {"ada": [], "bo": []}
        self.undone: dict[str, list[int]] = {"ada": [], "bo": []}

    def paint(self, who: str, ident: int) -> None:
        self.done[who].append(ident)
        self.undone[who].clear()

    def undo(self, who: str) -> bool:
        if self.done[who]:
            self.undone[who].append(self.done[who].pop())
            return True
        return False

    def redo(self, who: str) -> bool:
        if self.undone[who]:
            self.done[who].append(self.undone[who].pop())
            return True
        return False

    @property
    def visible(self) -> list[int]:
        return sorted(self.done["ada"] + self.done["bo"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["paint", "undo", "redo"]), st.sampled_from(["ada", "bo"])), max_size=25))
def test_undo_and_redo_behave_as_an_editor(steps: list[tuple[str, str]]) -> None:
    editor = Editor()
    with LabelStore("sqlite://") as store:  # in memory, for speed
        for action, who in steps:
            if action == "paint":
                editor.paint(who, add(store, analyst=who))
            else:
                expected = getattr(editor, action)(who)
                assert bool(getattr(store, action)(who)) == expected
            assert [event.id for event in store.current()] == editor.visible


def test_two_stores_and_many_threads_lose_and_double_nothing(url: str) -> None:
    with LabelStore(url) as one, LabelStore(url) as two:
        failures: list[BaseException] = []

        def work(store: LabelStore, who: str) -> None:
            try:
                for place in range(15):
                    add(store, float(place), analyst=who)
                    if place % 3 == 0:
                        store.undo("shared") or add(store, analyst="shared")
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        threads = [
            threading.Thread(target=work, args=(store, f"{name}{k}"))
            for k in range(2)
            for name, store in (("a", one), ("b", two))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        events = one.events()
        assert [sum(event.analyst == f"{name}{k}" for event in events) for name in "ab" for k in range(2)] == [15] * 4
        undone = [event.supersedes for event in events if event.reason == "undo"]
        assert len(undone) == len(set(undone)), "two undos at once never take back the same event"
        assert two.current() == [event for event in active(events) if event.paints]


_WRITER = """
import sys
from processing.labels import LabelStore
store = LabelStore(sys.argv[1])
for place in range(1000):
    event = store.add("G", "gt1l", float(place), place + 1.0, 2, "cloud", "ada")
    print(event.id, flush=True)
"""


def test_an_acknowledged_event_survives_a_killed_process(url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(5)]
        os.kill(writer.pid, signal.SIGKILL)
    with LabelStore(url) as store:
        kept = [event.id for event in store.events()]
    assert kept[:5] == acknowledged


def test_every_commit_is_flushed_to_the_disk(store: LabelStore) -> None:
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_database_of_a_later_version_is_refused(url: str, store: LabelStore) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE label_schema SET version = 99")
    engine.dispose()
    with pytest.raises(StaleError, match="99"):
        LabelStore(url)


@pytest.mark.parametrize("bad", ["nonsense", "nosuchdb://host/name", "sqlite:////no/such/folder/x.db"])
def test_a_database_that_cannot_be_is_refused_in_one_line(bad: str) -> None:
    with pytest.raises(InputError) as caught:
        LabelStore(bad)
    assert "\n" not in caught.value.line


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to look at " * 50)
    with pytest.raises(InputError, match="database"):
        LabelStore(f"sqlite:///{tmp_path / 'x.db'}")


def test_the_tables_are_plain_sql_elsewhere() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    from processing.label_tables import EVENT

    text = str(CreateTable(EVENT).compile(dialect=postgresql.dialect()))
    for column in ("id BIGSERIAL NOT NULL", "x_start DOUBLE PRECISION NOT NULL", "at TIMESTAMP WITH TIME ZONE"):
        assert column in text


@pytest.mark.skipif(URL_VARIABLE not in os.environ, reason=f"{URL_VARIABLE} names no database")
def test_the_same_on_postgresql() -> None:
    with LabelStore(os.environ[URL_VARIABLE]) as store:
        first = add(store, analyst="pg")
        assert len(store.undo("pg")) == 1
        assert first not in [event.id for event in store.current()]
        assert len(store.redo("pg")) == 1
        assert store.strokes(GRANULE, "gt2l").event_id[-1] == first
        assert store.events()[0].at.utcoffset() == timedelta(0)
