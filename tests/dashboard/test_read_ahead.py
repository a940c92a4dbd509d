"""What is read while the analyst looks: the sights that a key or two would bring, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_project
from at_once import AtOnce
from small_project import GRANULE, SCENE, START

from dashboard.chunks import SceneChunks
from dashboard.data import Workspace
from dashboard.pages.review import ReviewPage
from dashboard.place import Place
from dashboard.state import Change, State
from dashboard.views import read_ahead
from dashboard.views.read_ahead import ReadAhead, Sight
from processing.core.zones import Zone


class Quiet:
    """Messages that nobody needs."""

    def tell(self, *words: Any) -> None:
        raise AssertionError(words)

    def guard(self, _doing: str) -> Any:
        raise AssertionError("nothing is drawn here")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The second kilometre of the first beam, with a zone on it and one on the next."""
    small_project.make(tmp_path / "own")
    workspace = Workspace(tmp_path / "own")
    monkeypatch.setattr(workspace, "ahead", AtOnce())
    monkeypatch.setattr(read_ahead, "_PAUSE", 0.0)
    found = Place(workspace, State(granule=GRANULE, beam="gt1l", x=START + 1200.0, span=500.0, analyst="ada"), Quiet())
    found.refresh(found.look())
    found.opened, found.watched = True, lambda: True
    first = int((START + 1500) / 2)
    for beam, start in (("gt1l", first), ("gt1r", first + 400)):
        zone = Zone(start, start + 100, start * 2.0, start * 2.0 + 200.0, ("cloud",), 1.0, 1)
        found.desk.queue_of.take(GRANULE, beam, [zone])
    return found


@pytest.fixture
def ahead(place: Place) -> ReadAhead:
    page = ReviewPage(place, "light", lambda call: call())
    return page._ahead


def test_the_next_zones_come_first_then_what_lies_around(place: Place, ahead: ReadAhead) -> None:
    x, span = place.state.x, place.state.span
    wanted = [Sight(entry.beam, *place.desk.sight_of(entry)) for entry in place.desk.queue()]
    around = [(x + span, span), (x - span, span), (x, 2 * span), (x, span / 2)]
    assert list(ahead.sights()) == [*wanted, *(Sight("gt1l", *sight) for sight in around)]


def test_the_next_zone_then_needs_nothing_from_disk(
    place: Place, ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead.update(Change(frozenset({"x"})))
    monkeypatch.setattr(SceneChunks, "_read", lambda *_: pytest.fail("the scene was read"))
    source = place.workspace.photon_source(GRANULE)
    monkeypatch.setattr(type(source), "window", lambda *_: pytest.fail("photons were read"))
    for entry in place.desk.queue():
        x, span = place.desk.sight_of(entry)
        window = x - span, x + span
        place.workspace.photons(GRANULE, entry.beam, *window)
        line = place.line(entry.beam)
        place.workspace.strips.strip(SCENE, place.state.image, place.state.contrast, line, *window, 2000)


@pytest.mark.parametrize("off", ["unwatched", "edit", "drifting"])
def test_nothing_is_read_for_nobody_after_an_edit_or_while_the_drift_is_set(
    place: Place, ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    monkeypatch.setattr(SceneChunks, "get", lambda *_: pytest.fail("the scene was read"))
    if off == "unwatched":
        place.watched = lambda: False
    if off == "drifting":
        place.state.move(drifting=True)
    ahead.update(Change(frozenset({"edits" if off == "edit" else "x"})))


def test_a_change_ends_the_reading(place: Place, ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    chunks = place.workspace.painter.chunks
    original = chunks.get

    def get(chunk: Any) -> Any:
        read.append(chunk)
        place.watched = lambda: False
        return original(chunk)

    monkeypatch.setattr(chunks, "get", get)
    ahead.update(Change(frozenset({"x"})))
    assert len(read) == 1
