"""Edits as the browser sends them, carried out at the desk once, however often they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.agreement import ADJUDICATED
from dashboard.desk import Desk
from dashboard.selection import Selection
from processing.errors import InputError
from processing.labels import IN_FORCE, SECOND, Event

PAINT, ACCEPT, UNDO, REDO = "paint", "accept", "undo", "redo"
SHIFT, ESTIMATE = "shift", "estimate"
ADJUDICATE = "adjudicate"
"""Settles a disagreement: of the stretch that the entry names, not of what is selected, and always of the labels in
force."""


@dataclass(frozen=True)
class Done:
    """What became of an edit: the events it stands for and, in words, what was done when that cannot be seen."""

    events: list[Event]
    told: str = ""


def carry_out(desk: Desk, entry: Mapping[str, Any]) -> Done:
    """Do what an entry of the browser's outbox asks for; see ``shell.Entry``.

    Raises LeadlineError with the reason when it cannot be done.
    """
    if entry.get("replay"):
        return _again(desk, entry)
    kind, gesture = entry["kind"], str(entry["gesture"])
    if kind == PAINT:
        return Done(desk.paint(int(entry["label"]), gesture))
    if kind == ACCEPT:
        return Done(desk.accept(gesture))
    if kind in (UNDO, REDO):
        events = desk.undo(gesture) if kind == UNDO else desk.redo(gesture)
        return Done(events, "" if events else f"there is nothing to {kind}")
    if kind in (SHIFT, ESTIMATE):
        return Done(desk.apply_shift(gesture, estimate=kind == ESTIMATE))
    if kind == ADJUDICATE:
        return Done(_named(desk, entry))
    raise InputError(f"unknown edit {kind!r}")


def _again(desk: Desk, entry: Mapping[str, Any]) -> Done:
    """An edit whose answer was lost: recorded now if it was not, with the selection it was made for."""
    kind, gesture = entry["kind"], str(entry["gesture"])
    known = desk.workspace.book.gesture(gesture)
    if known:
        return Done(known)
    if kind in (UNDO, REDO):
        raise InputError(f"an {kind} was not confirmed before the connection was lost", mend="look whether it was done")
    if kind not in (PAINT, ACCEPT, ADJUDICATE) or not entry.get("selection"):
        raise InputError("an edit was not stored before the connection was lost", mend="make it again")
    return Done(_named(desk, entry), "an edit made before the connection was lost is stored now")


def _named(desk: Desk, entry: Mapping[str, Any]) -> list[Event]:
    """Record an entry for the selection that it names."""
    try:
        selection = Selection.from_descriptor(entry["selection"])
    except ValueError as error:
        raise InputError(f"an edit was not stored: {error}", mend="make it again") from None
    analyst, gesture = str(entry.get("analyst", "")) or desk.state.analyst, str(entry["gesture"])
    if entry["kind"] == ADJUDICATE:
        return desk.record(selection, _label_of(entry), ADJUDICATED, gesture, analyst, IN_FORCE)
    layer = SECOND if entry.get("opinion") == "second" else IN_FORCE
    return desk.record(selection, _label_of(entry), str(entry.get("reason", "other")), gesture, analyst, layer)


def _label_of(entry: Mapping[str, Any]) -> int | None:
    """The class an entry gives; None where it accepts the labels as they are."""
    return None if entry["kind"] == ACCEPT else int(entry["label"])
