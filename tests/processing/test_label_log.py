"""The log in memory says what the plain rule says, whatever supersedes what; and what undo and redo concern."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from processing.labels import PAINTING, UNDO, Event, LabelLog, active, as_strokes

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(ident: int, supersedes: int | None = None, reason: str = "cloud", beam: str = "gt1l") -> Event:
    return Event(ident, "G", beam, 0.0, 1.0, 2, reason, "ada", NOW, supersedes, f"gesture {ident}")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*PAINTING, "undo", "redo"]), st.integers(0, 30)), max_size=30))
def test_events_stand_as_the_plain_rule_says(drawn: list[tuple[str, int]]) -> None:
    events = [
        event(3 * k + 1, 3 * (back % k) + 1 if k and back % 3 else None, reason)
        for k, (reason, back) in enumerate(drawn)
    ]
    log = LabelLog()
    for k, each in enumerate(events):
        log.append(events[max(0, k - 2) : k + 1])  # those it knows are passed over
        standing = active(events[: k + 1])
        assert log.active("G", "gt1l") == [one for one in standing if one.paints]
        assert log.is_active(each)
        assert {one.id for one in events[: k + 1] if log.is_active(one)} == {one.id for one in standing}
    assert log.events() == log.events("G", "gt1l") == log.events("G") == events


def test_events_are_found_by_track_and_after_an_id() -> None:
    log = LabelLog([event(1), event(2, beam="gt2l"), event(5), event(6, beam=""), event(7, beam="gt2l")])
    assert [one.id for one in log.events("G", "gt2l")] == [2, 7]
    assert [one.id for one in log.events("G", after=2)] == [5, 6, 7]
    assert [one.id for one in log.events(after=6)] == [7]
    assert log.events("H") == log.events("G", "gt3l") == []
    assert (log.last_id, log.newest("G", "gt1l"), log.newest("G", "gt3l"), len(log)) == (7, 5, 0, 5)
    assert log.painted_tracks() == [("G", ""), ("G", "gt1l"), ("G", "gt2l")]


def test_a_gesture_of_which_a_part_was_replaced_is_undone_as_far_as_it_stands() -> None:
    first, second = (replace(event(ident), gesture="both") for ident in (1, 2))
    over = replace(event(3, supersedes=1), analyst="bo")
    log = LabelLog([first, second, over])
    assert log.undoable("ada") == [second]
    log.append([replace(event(4, 2, UNDO), gesture="back")])
    assert log.undoable("ada") == []
    assert [one.id for one in log.redoable("ada")] == [4]
    log.append([replace(event(5, 3, UNDO), analyst="bo")])
    assert log.undoable("ada") == [first], "it stands again"


def test_strokes_name_their_analysts() -> None:
    strokes = as_strokes([event(1), replace(event(4), analyst="Zo"), event(9)])
    assert [strokes.analysts[k] for k in strokes.analyst] == ["ada", "Zo", "ada"]
    assert strokes.event_id.tolist() == [1, 4, 9]
