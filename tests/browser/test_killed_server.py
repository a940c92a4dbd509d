"""The server is killed at any moment of editing: nothing that was acknowledged is lost, nothing is stored twice."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_project
from analyst import Analyst, Server

from processing.labels import Event, LabelStore
from processing.project import Project

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KILLS, HASTY = 2, 3
LATEST = 0.25
"""The server dies at most so long after the first edit, s."""

_REFUSED = """addEventListener("leadline-refused", ({ detail }) => {
  sessionStorage.setItem("refused", [sessionStorage.getItem("refused") ?? "", detail.gesture].join(" ").trim()) })"""
_REFUSALS = "() => (sessionStorage.getItem('refused') ?? '').split(' ').filter(Boolean)"
_MADE = """(() => { const put = Storage.prototype.setItem, add = (name, word) =>
    put.call(sessionStorage, name, `${sessionStorage.getItem(name) ?? ""} ${word}`.trim())
  Storage.prototype.setItem = function (key, value) {
    put.call(this, key, value)
    if (this === localStorage && key.startsWith("leadline-outbox:")) add("made", key.split(":").at(-1)) } })()"""
_GESTURES = "() => (sessionStorage.getItem('made') ?? '').split(' ').filter(Boolean)"
_KNOWN = "() => document.documentElement.dataset.selection === 'known'"
_WAITING = "() => Object.keys(localStorage).some(key => key.startsWith('leadline-outbox:'))"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    small_project.make(tmp_path / "small")
    made = Server(tmp_path / "small")
    yield made
    made.kill()


def _events(root: Path) -> list[Event]:
    with LabelStore(Project(root).database_url) as store:
        return store.events()


def test_nothing_acknowledged_is_lost_and_nothing_is_stored_twice(tab: Any, server: Server) -> None:
    moments = random.Random(5)
    tab.set_default_timeout(60_000)
    tab.add_init_script(_REFUSED)
    tab.add_init_script(_MADE)
    ada = Analyst(tab, f"http://127.0.0.1:{server.port}/", "ada")
    ada.open()
    deliberate: list[str] = []
    for _ in range(KILLS):
        tab.locator(".queue-list .row").nth(0).click()
        tab.wait_for_function(_KNOWN)
        ada.edit("1")
        tab.locator(".queue-list .row").nth(1).click()
        tab.wait_for_function(_KNOWN)
        page = tab.evaluate("performance.timeOrigin")
        death = threading.Timer(moments.uniform(0.0, LATEST), server.kill)
        death.start()
        ada.press("2")
        deliberate.append(tab.evaluate(_GESTURES)[-1])
        for _ in range(HASTY):
            ada.press("n", "3")
        death.join()
        server.begin()
        tab.wait_for_function(f"() => performance.timeOrigin !== {page} && !({_WAITING})()")
        ada.ready()
    events = _events(server.root)
    recorded, stored = Counter(event.gesture for event in events), set(ada.stored)
    made, refused = set(tab.evaluate(_GESTURES)), set(tab.evaluate(_REFUSALS))
    assert stored <= set(recorded)
    assert set(recorded) <= made
    assert not refused & set(recorded)
    assert made == stored | refused
    assert max(recorded.values()) == 1
    assert set(deliberate) <= stored
