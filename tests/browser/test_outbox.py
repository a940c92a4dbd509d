"""Edits survive a lost connection and a killed server: each is stored exactly once, or told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import small_project
from analyst import Server

from processing.labels import Event, LabelStore
from processing.project import Project

pytestmark = pytest.mark.browser

_READY = "document.documentElement.dataset.ready === 'review'"
_ANSWERED = "document.documentElement.dataset.selection === 'known'"
_KEPT = "Object.keys(localStorage).filter(key => key.startsWith('leadline-outbox:')).length"


class Line:
    """A line between browser and server that can be cut, or held in one direction while the other still flows."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.up = True
        self.held: set[str] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if not self.up:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._open += [near, far]
            for start, end, way in ((near, far, "there"), (far, near, "back")):
                threading.Thread(target=self._carry, args=(start, end, way), daemon=True).start()

    def _carry(self, start: socket.socket, end: socket.socket, way: str) -> None:
        try:
            while data := start.recv(65536):
                if way not in self.held:
                    end.sendall(data)
        except OSError:
            pass
        finally:
            _shut(start, end)

    def cut(self) -> None:
        """End every connection and take no more."""
        self.up = False
        _shut(*self._open)
        self._open.clear()

    def mend(self) -> None:
        self.held.clear()
        self.up = True

    def close(self) -> None:
        self._listener.close()
        self.cut()


def _shut(*sockets: socket.socket) -> None:
    for held in sockets:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)
        held.close()


class Served(Server):
    """A server at the far end of a line; ``events`` are those since ``before``."""

    before = 0

    @cached_property
    def line(self) -> Line:
        return Line(self.port)

    @property
    def options(self) -> tuple[str, ...]:
        return "--origin", f"127.0.0.1:{self.line.port}"

    @property
    def events(self) -> list[Event]:
        return _all_events(self.root)[self.before :]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.line.port}/"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("outbox") / "small"
    small_project.make(root)
    made = Served(root)
    yield made
    made.line.close()
    made.kill()


@pytest.fixture
def server(served: Served) -> Iterator[Served]:
    """The server with its line whole; ``events`` are those that the test brought about."""
    served.before = len(_all_events(served.root))
    yield served
    served.line.mend()


def _all_events(root: Path) -> list[Event]:
    with LabelStore(Project(root).database_url) as store:
        return store.events()


def _until(found: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait on a condition outside the browser."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.05)


def _open(tab: Any, server: Served) -> None:
    """The review page of a named analyst with the first zone selected, and that known to the browser."""
    tab.add_init_script("localStorage.setItem('leadline-analyst', 'Ada')")
    tab.goto(f"{server.address}?page=review&beam=gt1l")
    tab.wait_for_function(_READY)
    tab.locator(".queue-list .row").first.click()
    tab.locator(".zone-panel .where").wait_for()
    tab.wait_for_function(_ANSWERED)


def _gone(tab: Any) -> None:
    tab.get_by_text("Connection lost at").wait_for()


def _back(tab: Any) -> None:
    tab.get_by_text("Connection lost at").wait_for(state="hidden")
    tab.wait_for_function(_READY)
    tab.wait_for_function(f"{_KEPT} === 0")


def test_an_edit_that_never_arrived_is_stored_when_the_line_is_mended(tab: Any, server: Served) -> None:
    _open(tab, server)
    server.line.held = {"there"}
    tab.keyboard.press("3")
    tab.wait_for_function(f"{_KEPT} === 1")
    server.line.cut()
    _gone(tab)
    tab.get_by_text("1 edit is not stored yet").wait_for()
    tab.keyboard.press("1")
    assert tab.evaluate(_KEPT) == 1
    assert server.events == []
    server.line.mend()
    _back(tab)
    (event,) = server.events
    assert (event.label, event.analyst) == (2, "Ada")


def test_a_line_that_falls_silent_without_ending_is_noticed_by_the_edit_that_waits(tab: Any, server: Served) -> None:
    _open(tab, server)
    server.line.held = {"there"}
    tab.keyboard.press("3")
    tab.locator(".saved.late", has_text="1 edit not stored").wait_for()
    _gone(tab)
    server.line.mend()
    _back(tab)
    assert [event.label for event in server.events] == [2]


def test_an_edit_whose_confirmation_was_lost_with_the_server_is_stored_once(tab: Any, server: Served) -> None:
    _open(tab, server)
    server.line.held = {"back"}
    tab.keyboard.press("3")
    _until(lambda: len(server.events) == 1)
    server.kill()
    server.line.cut()
    _gone(tab)
    assert tab.evaluate(_KEPT) == 1
    server.begin()
    server.line.mend()
    _back(tab)
    assert [event.label for event in server.events] == [2]
    assert "zone=" in tab.url


def test_an_edit_that_a_killed_server_never_saw_is_stored_after_a_reload(tab: Any, server: Served) -> None:
    _open(tab, server)
    server.line.held = {"there"}
    tab.keyboard.press("3")
    tab.wait_for_function(f"{_KEPT} === 1")
    server.kill()
    server.line.cut()
    _gone(tab)
    server.begin()
    server.line.mend()
    tab.reload()
    _back(tab)
    (event,) = server.events
    assert (event.label, event.analyst) == (2, "Ada")


def test_a_stored_edit_is_confirmed_and_an_unconfirmed_undo_or_drift_is_told(tab: Any, server: Served) -> None:
    _open(tab, server)
    tab.keyboard.press("2")
    tab.locator(".saved", has_text="saved").wait_for()
    (event,) = server.events
    assert (event.label, event.analyst, event.reason) == (1, "Ada", "cloud")
    assert tab.evaluate(_KEPT) == 0
    assert tab.complaints == []
    tab.keyboard.press("d")
    tab.get_by_role("button", name="Apply", exact=True).wait_for()
    server.line.held = {"there"}
    tab.keyboard.press("z")
    tab.get_by_role("button", name="Apply", exact=True).click()
    tab.wait_for_function(f"{_KEPT} === 2")
    server.line.cut()
    _gone(tab)
    server.line.mend()
    _back(tab)
    tab.locator(".toast", has_text="undo was not confirmed").wait_for()
    tab.locator(".toast", has_text="an edit was not stored").wait_for()
    assert server.events == [event]


def _keep(tab: Any, gesture: str, writer: str) -> None:
    """Leave an unconfirmed edit in the browser as tab ``writer`` would."""
    tab.evaluate(
        """([gesture, tab, selection]) => {
          const entry = { gesture, kind: "paint", label: 2, reason: "cloud", analyst: "Ada", opinion: "first",
            selection, tab, made: Date.now() };
          localStorage.setItem(`leadline-outbox:small:${gesture}`, JSON.stringify(entry)); }""",
        [gesture, writer, _stretch()],
    )


def _stretch() -> dict[str, Any]:
    first = int(small_project.START // 2)
    return {"granule": small_project.GRANULE, "beam": "gt1l", "runs": [[first + 100, first + 200]], "zone": ""}


def test_what_a_living_tab_keeps_is_left_to_it_and_taken_over_when_it_is_gone(tab: Any, server: Served) -> None:
    first = tab.context.new_page()
    for page in (tab, first):
        page.goto(f"{server.address}?page=overview")
        page.wait_for_function(_ANSWERED)
    _keep(tab, "7" * 32, first.evaluate("sessionStorage.getItem('leadline-tab')"))
    tab.reload()
    tab.wait_for_function(_ANSWERED)
    assert tab.evaluate(_KEPT) == 1
    assert server.events == []
    first.close()
    tab.reload()
    tab.wait_for_function(_ANSWERED)
    assert tab.evaluate(_KEPT) == 0
    assert [(event.gesture, event.label) for event in server.events] == [("7" * 32, 2)]
