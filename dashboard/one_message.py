"""Changes of a document sent to the browser together: fifty small messages take it longer than drawing does."""

from __future__ import annotations

from collections.abc import Callable

from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent, DocumentPatchedEvent


def as_one_message(document: Document, call: Callable[[], None]) -> None:
    """Run ``call``, under the document's lock, and send what it changed as one message.

    Where no session would take it, the changes are told one by one as ever.
    """
    session = getattr(document.session_context, "session", None)
    if session is None or session._pending_writes is None or document.callbacks.hold_value is not None:
        call()
        return
    document.hold("combine")
    try:
        call()
    finally:
        events, document.callbacks._held_events = document.callbacks._held_events, []
        document.unhold()
        patches = [event for event in events if isinstance(event, DocumentPatchedEvent)]
        for event in events:
            if not isinstance(event, DocumentPatchedEvent):
                document.callbacks.trigger_on_change(event)
        patches = _without_repeats(patches)
        connections = list(session._subscribed_connections)
        if patches and connections:
            message = connections[0].protocol.create("PATCH-DOC", patches)
            session._pending_writes += [connection._socket.send_message(message) for connection in connections]


def _without_repeats(patches: list[DocumentPatchedEvent]) -> list[DocumentPatchedEvent]:
    """Leave out all but the last change of a source's whole data: each would be sent with the data as they are now."""
    whole = {id(event.model): event for event in patches if _is_whole(event)}
    return [event for event in patches if not _is_whole(event) or whole[id(event.model)] is event]


def _is_whole(event: DocumentPatchedEvent) -> bool:
    return isinstance(event, ColumnDataChangedEvent) and event.cols is None
