"""The book of label events: always as the database, shared between threads and programs, and told to who listens."""

from __future__ import annotations

import gc
import sqlite3
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.book import LabelBook, Track
from processing import label_tables
from processing.errors import InputError
from processing.labels import Event, LabelStore, Stroke

G, S = "ATL03_20191104195311_05940510_006_01", "S2B_MSIL1C_20191104T195509"
BEAMS = ("gt1l", "gt2l")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'leadline.db'}"


@pytest.fixture
def book(url: str) -> LabelBook:
    return LabelBook(url)


def stroke(start: float = 0.0, label: int = 2, beam: str = "gt2l") -> Stroke:
    return Stroke(G, beam, start, start + 10.0, label, "cloud")


def is_as_stored(book: LabelBook, url: str) -> None:
    """Whether the book says what a store opened just now does."""
    fresh = LabelBook(url)
    with LabelStore(url) as store:
        assert book.events() == store.events()
        assert book.shifts() == store.shifts()
        for layer in ("", "second"):
            for beam in BEAMS:
                assert (
                    book.active(G, beam, layer) == store.current(G, beam, layer=layer) == fresh.active(G, beam, layer)
                )
                ids = [event.id for event in store.current(G, beam, layer=layer) if event.analyst == "bo"]
                assert book.strokes(G, beam, layer, "bo").event_id.tolist() == ids
    fresh.close()


STEP = st.tuples(
    st.sampled_from(["paint", "paint", "undo", "redo", "shift", "refresh"]),
    st.sampled_from(["book", "other book", "store"]),
    st.sampled_from(["ada", "bo"]),
    st.sampled_from(["", "second"]),
    st.sampled_from(BEAMS),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, max_size=16))
def test_after_anything_the_book_is_as_the_database(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str, str, str]]
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('book') / 'leadline.db'}"
    books = {"book": LabelBook(url), "other book": LabelBook(url)}
    with LabelStore(url) as store:
        for k, (action, where, who, layer, beam) in enumerate(steps):
            book = books.get(where)
            if action == "refresh":
                books["book"].refresh()
            elif action == "shift":
                (store.shift if book is None else book.shift)(G, S, float(k), 0.0, who)
            elif action == "paint" and book is not None:
                book.add_all([stroke(k, beam=beam), stroke(k + 20.0, beam=beam)], who, f"gesture {k}", layer)
            elif action == "paint":
                store.add_all([stroke(k, beam=beam)], who, layer=layer)
            else:
                getattr(store if book is None else book, action)(who, layer=layer)
    for book in books.values():
        book.refresh()
        is_as_stored(book, url)
        book.close()


def test_looking_makes_no_database(book: LabelBook, tmp_path: Path) -> None:
    assert book.refresh() == set()
    assert (book.last_id, book.version(G, "gt2l"), len(book.strokes(G, "gt2l"))) == (0, 0, 0)
    assert book.events() == book.active(G, "gt2l") == book.gesture("x") == []
    assert book.shifts() == {}
    assert book.undo("ada") == book.redo("ada") == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_recorded_is_read_back_by_track(book: LabelBook) -> None:
    first = book.add_all([stroke(), stroke(5.0, beam="gt1l")], "ada", "one")
    second = book.add_all([stroke(20.0)], "bo", layer="second")
    assert book.active(G, "gt2l") == first[:1]
    assert book.active(G, "gt2l", "second", "ada") == []
    assert book.active(G, "gt2l", "second", "bo") == second
    assert book.events(G, "gt2l", after=1) == second
    assert book.gesture("one") == first
    assert (book.version(G, "gt1l"), book.version(G, "gt2l"), book.last_id) == (2, 3, 3)
    kept = book.strokes(G, "gt2l")
    assert book.strokes(G, "gt2l") is kept
    book.undo("ada")
    assert (kept.event_id.tolist(), book.strokes(G, "gt2l").event_id.tolist()) == ([1], [])


def test_sessions_hear_of_what_any_program_recorded(book: LabelBook, url: str) -> None:
    heard: list[set[Track]] = []
    end = book.listen(heard.append)
    book.add_all([stroke(), stroke(beam="gt1l")], "ada", "one")
    book.add_all([stroke(), stroke(beam="gt1l")], "ada", "one")
    book.undo("bo")
    assert heard == [{(G, "gt2l"), (G, "gt1l")}], "what wrote nothing is not told"
    with LabelStore(url) as store:
        store.add_all([stroke(beam="gt1l")], "bo")
        assert book.refresh() == {(G, "gt1l")}
        assert book.refresh() == set()
        store.add_all([stroke(beam="gt1l")], "bo")
    book.shift(G, S, 1.0, 2.0, "ada")
    assert heard[1:] == [{(G, "gt1l")}, {(G, "gt1l"), (G, "")}]
    end()
    book.add_all([stroke()], "ada")
    assert len(heard) == 3


def test_the_dead_are_not_told_nor_kept_and_one_that_fails_stops_nobody(
    book: LabelBook, caplog: pytest.LogCaptureFixture
) -> None:
    class Session:
        def __init__(self) -> None:
            self.heard: list[set[Track]] = []

        def hear(self, tracks: set[Track]) -> None:
            self.heard.append(tracks)

    def fail(_: set[Track]) -> None:
        raise ValueError("closed document")

    gone, stays = Session(), Session()
    trace = weakref.ref(gone)
    for listener in (gone.hear, fail, stays.hear):
        book.listen(listener)
    del gone, listener
    gc.collect()
    assert trace() is None
    assert len(book.add_all([stroke()], "ada")) == 1
    assert stays.heard == [{(G, "gt2l")}]
    assert "closed document" in caplog.text
    assert len(book._listeners) == 2


def test_what_the_database_refuses_is_told_and_not_in_the_book(book: LabelBook, url: str) -> None:
    book.add_all([stroke()], "ada")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON label_event WHEN new.label = 1 "
            "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    connection.close()
    heard: list[set[Track]] = []
    book.listen(heard.append)
    with LabelStore(url) as store:
        store.add_all([stroke(beam="gt1l")], "bo")
    with pytest.raises(InputError, match="disk is full"):
        book.add_all([stroke(), stroke(label=1)], "ada", "two")
    assert book.gesture("two") == []
    assert heard == [{(G, "gt1l")}], "what the other program recorded came to light"
    is_as_stored(book, url)
    assert len(book.add_all([stroke()], "ada", "two")) == 1


def test_sessions_on_many_threads_lose_and_double_nothing(book: LabelBook, url: str) -> None:
    other, failures = LabelBook(url), []

    def work(mine: LabelBook, who: str) -> None:
        try:
            for k in range(12):
                mine.add_all([stroke(float(k)), stroke(float(k), beam="gt1l")], who, f"{who} {k}")
                mine.strokes(G, "gt2l")
                if k % 3 == 0:
                    mine.undo("shared") or mine.add_all([stroke()], "shared")
                mine.refresh()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(each, f"{n} {k}")) for n, each in enumerate((book, other)) for k in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    book.refresh()
    undone = [event.supersedes for event in book.events() if event.reason == "undo"]
    assert len(undone) == len(set(undone)), "two undos at once never take back the same event"
    assert len([event for event in book.events() if event.analyst != "shared"]) == 4 * 12 * 2
    is_as_stored(book, url)


def test_an_edit_reads_only_what_is_new(book: LabelBook, monkeypatch: pytest.MonkeyPatch) -> None:
    book.add_all([stroke(float(x)) for x in range(1000)], "ada")
    book.add_all([stroke()], "ada")
    read: list[int] = []
    select = label_tables.select

    def counted(*given: Any) -> list[Event]:
        found = select(*given)
        read.append(len(found))
        return found

    monkeypatch.setattr(label_tables, "select", counted)
    for edit in (book.undo, book.redo, book.undo):
        assert len(edit("ada")) == 1
        book.refresh()
    assert sum(read) == 3, "the events that were recorded, once each, and nothing of the history"
