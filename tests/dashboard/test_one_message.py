"""What a change of a page sends to the browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource, Range1d
from bokeh.protocol import Protocol

from dashboard.one_message import as_one_message


class Line:
    """A document's session with one browser, which keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.document = Document()
        socket = SimpleNamespace(send_message=self._keep)
        connection = SimpleNamespace(_socket=socket, protocol=Protocol())
        session = SimpleNamespace(_pending_writes=[], _subscribed_connections=[connection])
        self._context = SimpleNamespace(session=session)
        self.document._session_context = lambda: self._context  # type: ignore[assignment]

    def _keep(self, message: Any) -> None:
        self.sent.append(message)


@pytest.fixture
def line() -> Line:
    return Line()


def test_changes_go_as_one_message_and_data_replaced_twice_goes_once(line: Line) -> None:
    source, span = ColumnDataSource({"x": [0]}), Range1d(0, 1)
    line.document.add_root(source)
    line.document.add_root(span)

    def change() -> None:
        source.data = {"x": []}
        span.update(start=2, end=3)
        source.data = {"x": [1, 2]}
        source.patch({"x": [(1, 5)]})

    as_one_message(line.document, change)
    (message,) = line.sent
    kinds = [event["kind"] for event in message.content["events"]]
    assert kinds == ["ModelChanged", "ModelChanged", "ColumnDataChanged", "ColumnsPatched"]
    assert list(source.data["x"]) == [1, 5]


def test_nothing_changed_sends_nothing(line: Line) -> None:
    line.document.add_root(Range1d(0, 1))
    as_one_message(line.document, lambda: None)
    assert line.sent == []


def test_what_changed_before_a_failure_is_sent(line: Line) -> None:
    span = Range1d(0, 1)
    line.document.add_root(span)

    def change() -> None:
        span.end = 2
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        as_one_message(line.document, change)
    assert [event["attr"] for event in line.sent[0].content["events"]] == ["end"]
