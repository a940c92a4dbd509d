"""Freezing the labels from the page: what changed since the last snapshot, a name in words, and the freezing itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dashboard import palette, words
from processing.errors import LeadlineError

if TYPE_CHECKING:
    from dashboard.place import Place
    from dashboard.state import Later
    from processing.local.changes import Amount, Changes

log = logging.getLogger(__name__)
LONGEST_NOTE = 200


class SnapshotPanel:
    """Compares and freezes on a thread of its own; ``show`` is called, on the page's, with what to tell."""

    def __init__(self, place: Place, later: Later, show: Callable[[dict[str, Any]], None]) -> None:
        self.place = place
        self.later = later
        self.show = show
        self._busy = False

    def answer(self, message: dict[str, Any]) -> None:
        """Do what the dialogue asks for: ``compare``, or ``freeze`` under a name in words."""
        if self._busy:
            return
        if message["type"] == "compare":
            self._begin("comparing", self._compare)
        elif message["type"] == "freeze":
            note = str(message.get("note", "")).strip()[:LONGEST_NOTE]
            self._begin("freezing", lambda: self._freeze(note))

    def _begin(self, doing: str, work: Callable[[], dict[str, Any]]) -> None:
        self._busy = True
        self.show({"state": doing})
        self.place.workspace.background.submit(self._run, work)

    def _run(self, work: Callable[[], dict[str, Any]]) -> None:
        try:
            told = work()
        except LeadlineError as error:
            told = {"state": "failed", "why": error.line}
        except Exception as error:
            log.exception("the snapshot failed")
            told = {"state": "failed", "why": f"{type(error).__name__}: {error}"}
        self.later(lambda: self._finished(told))

    def _finished(self, told: dict[str, Any]) -> None:
        self._busy = False
        self.show(told)

    def _compare(self) -> dict[str, Any]:
        from processing.local.changes import changes_since

        workspace = self.place.workspace
        return {"state": "compared", **told_changes(changes_since(workspace.project, events=workspace.book.events()))}

    def _freeze(self, note: str) -> dict[str, Any]:
        from processing.local.snapshot import freeze
        from processing.stages import Snapshot

        frozen = freeze(self.place.workspace.project, Snapshot(note=note))
        return {"state": "frozen", "name": frozen.name, "new": frozen.is_new}


def told_changes(changes: Changes) -> dict[str, Any]:
    """Changes as values for reading."""
    pairs = [
        {"from": before, "to": after, **_amount(amount)}
        for (before, after), amount in changes.by("before", "after").items()
    ]
    return {
        "since": changes.since,
        "note": changes.note,
        "created": changes.created[:16].replace("T", " "),
        "events": changes.events,
        "total": _amount(changes.total),
        "classes": pairs,
        "reasons": [{"name": name, **_amount(amount)} for (name,), amount in changes.by("reason").items()],
        "analysts": [
            {"name": name or "nobody (labelled again)", **_amount(amount)}
            for (name,), amount in changes.by("analyst").items()
        ],
        "names": {str(code): palette.class_name(code) for code in palette.CLASS_CODES},
    }


def _amount(amount: Amount) -> dict[str, str]:
    return {"segments": f"{amount.segments:,}", "metres": words.metres(amount.metres)}
