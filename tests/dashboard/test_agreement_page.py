"""The agreement page without a browser: what it says, where a click leads, what settles and what brings back."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from at_once import AtOnce
from small_project import GRANULE, START

from dashboard.application import Application
from dashboard.data import Workspace
from dashboard.pages.agreement import AgreementPage
from dashboard.views import agreement_listing
from processing.labels import Stroke


@pytest.fixture
def workspace(project_root: Path, tmp_path: Path) -> Workspace:
    """A project of its own, to be written to."""
    return Workspace(Path(shutil.copytree(project_root, tmp_path / "own")))


def say(workspace: Workspace, who: str, start: float, end: float, label: int, layer: str = "") -> None:
    stroke = Stroke(GRANULE, "gt1l", START + start, START + end, label, "other")
    workspace.book.add_all([stroke], who, layer=layer)


def opened(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, analyst: str = ""
) -> tuple[Application, AgreementPage]:
    monkeypatch.setattr(workspace, "workers", AtOnce())
    app = Application(workspace)
    app.open({"page": "agreement"})
    if analyst:
        app.state.move(analyst=analyst)
    page = app._pages["agreement"]
    assert isinstance(page, AgreementPage)
    return app, page


def clickable(content: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(unescape(found)) for found in re.findall(rf"data-{name}='([^']*)'", content)]


def entry(edit: dict[str, Any], gesture: str = "a" * 32) -> dict[str, Any]:
    """What the browser's outbox makes of an edit."""
    return edit | {"gesture": gesture, "reason": "cloud", "analyst": "", "opinion": "second"}


def told(app: Application, kind: str) -> list[dict[str, Any]]:
    return [message for message in app.shell._waiting if message["type"] == kind]


def test_it_says_how_to_get_a_second_opinion(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(workspace, monkeypatch)
    assert "No opinion yet" in page.numbers.content
    say(workspace, "<b>ann</b>", 0, 200, 1)
    assert "So far &lt;b&gt;ann&lt;/b&gt; alone has judged" in page.numbers.content
    assert not page._right.visible
    (go,) = clickable(page.numbers.content, "go")
    page._go(go)
    assert (app.state.page, app.state.opinion) == ("review", "second")


def test_a_disagreement_is_settled_once_and_brought_back(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    say(workspace, "ann", 0, 2000, 0)
    say(workspace, "ben", 0, 2000, 0, layer="second")
    say(workspace, "ben", 200, 460, 2, layer="second")
    app, page = opened(workspace, monkeypatch, "cyd")
    assert "1 open, 260 m" in page.queue.content
    assert "<b>ann · ben</b>" in page.numbers.content
    anns, bens = clickable(page.queue.content, "edit")
    assert (anns["label"], bens["label"]) == (0, 2)
    app.shell._handle_msg({"type": "edit", "entry": entry(bens)})
    app.shell._handle_msg({"type": "edit", "entry": entry(bens)})
    assert len(told(app, "stored")) == 2
    events = [event for event in workspace.book.events() if event.reason == "adjudicated"]
    assert [(event.analyst, event.layer, event.label) for event in events] == [("cyd", "", 2)]
    assert (events[0].x_start - START, events[0].x_end - START) == (200.0, 460.0)
    assert "none open · 260 m settled" in page.queue.content
    assert "<button disabled" not in page.queue.content
    page._go({"undo": 1})
    assert "1 open, 260 m" in page.queue.content
    assert "<button disabled" in page.queue.content


def test_an_edit_whose_answer_was_lost_is_settled_on_the_labels_in_force(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(workspace, "ann", 0, 100, 0)
    say(workspace, "ben", 0, 100, 1)
    app, page = opened(workspace, monkeypatch, "cyd")
    edit = clickable(page.queue.content, "edit")[0]
    app.shell._handle_msg({"type": "replay", "entries": [entry(edit)]})
    assert [event.layer for event in workspace.book.events() if event.reason == "adjudicated"] == [""]
    assert "none open" in page.queue.content


def test_without_a_name_nothing_is_settled(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    say(workspace, "ann", 0, 100, 0)
    say(workspace, "ben", 0, 100, 1)
    app, page = opened(workspace, monkeypatch)
    app.shell._handle_msg({"type": "edit", "entry": entry(clickable(page.queue.content, "edit")[0])})
    assert len(told(app, "refused")) == 1
    page._go({"undo": 1})
    assert any("give your name" in message["text"] for message in told(app, "toast"))
    assert "1 open" in page.queue.content


def test_a_click_shows_the_stretch_selected_in_review(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    say(workspace, "ann", 0, 100, 0)
    say(workspace, "ben", 40, 160, 1)
    app, page = opened(workspace, monkeypatch)
    page._go(clickable(page.queue.content, "go")[1])
    state = app.state
    assert (state.page, state.granule, state.beam) == ("review", GRANULE, "gt1l")
    assert state.x == START + 70.0
    assert state.span == 500.0
    assert state.selection is not None
    assert state.selection.bounds(2.0) == (START + 40.0, START + 100.0)
    say(workspace, "ben", 40, 160, 0)
    page._go({"look": "gone"})
    assert any("settled or has changed" in message["text"] for message in told(app, "toast"))


def test_one_pair_can_be_chosen_and_let_go(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for who, label in (("ann", 0), ("ben", 1), ("cyd", 1)):
        say(workspace, who, 0, 100, label)
    _, page = opened(workspace, monkeypatch)
    assert "2 open, 200 m" in page.queue.content
    pairs = [go["pair"] for go in clickable(page.numbers.content, "go")]
    assert pairs == ["", "ann\nben", "ann\ncyd", "ben\ncyd"]
    page._go({"pair": "ann\ncyd"})
    assert "1 open, 100 m" in page.queue.content
    assert "ann down, cyd across" in page.numbers.content
    page._go({"pair": "ann\ncyd"})
    assert "2 open, 200 m" in page.queue.content
    page._go({"pair": "ben\ncyd"})
    page._go({"pair": ""})
    assert "2 open, 200 m" in page.queue.content


def test_colours_follow_the_theme_and_a_long_list_is_cut(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    say(workspace, "ann", 0, 1000, 0)
    for start in range(0, 1000, 100):
        say(workspace, "ben", start, start + 50 + start / 50, 1)
    monkeypatch.setattr(agreement_listing, "LONGEST_LIST", 3)
    app, page = opened(workspace, monkeypatch)
    light = page.queue.content
    assert "and 7 shorter ones, 392 m together" in light
    app.state.move(theme="dark")
    assert page.queue.content != light


def test_reading_that_fails_is_told_and_the_page_stays(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    say(workspace, "ann", 0, 100, 0)
    say(workspace, "ben", 0, 100, 1)
    app, page = opened(workspace, monkeypatch)
    before = page.queue.content

    def broken(*_: object) -> None:
        raise TypeError("opinions of no kind")

    with monkeypatch.context() as patch:
        patch.setattr(page._reader, "read", broken)
        say(workspace, "ben", 0, 100, 2)
    assert any("opinions of no kind" in message["text"] for message in told(app, "toast"))
    assert page.queue.content == before
    say(workspace, "ben", 0, 60, 0)
    assert "1 open, 40 m" in page.queue.content
