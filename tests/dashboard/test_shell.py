"""The server's side of edits: answered once each, stored once however often they are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_project
from small_project import GRANULE, START

from dashboard.data import Workspace
from dashboard.desk import Desk
from dashboard.editing import carry_out
from dashboard.keys import KEYS, press
from dashboard.place import Place
from dashboard.selection import Selection
from dashboard.shell import Entry, Shell
from dashboard.state import PAGES, State
from processing.errors import InputError
from processing.labels import LabelStore
from processing.project import Project


class Session:
    """Shell, place and desk over a project of its own, with what the browser would get in ``said``."""

    def __init__(self, root: Path, user: str = "") -> None:
        self.root = root
        self.state = State(page="review", granule=GRANULE, beam="gt1l", x=START + 500, span=1000.0)
        self.shell = Shell(self.state, project="small")
        self.shell.log_in(user)
        self.said: list[dict[str, Any]] = []
        self.shell._send_msg = self.said.append
        self.place = Place(Workspace(root), self.state, self.shell)
        self.place.refresh(self.place.look())
        self.shell.on_edit = self._edit
        self.shell.on_key = lambda key, shift: press(self.place, key, shift)

    def _edit(self, entry: Entry) -> None:
        done = carry_out(self.desk, entry)
        self.shell.stored(entry["gesture"], max((event.at for event in done.events), default=None))

    @property
    def desk(self) -> Desk:
        return self.place.desk

    def hear(self, **message: Any) -> list[dict[str, Any]]:
        """What the browser gets in answer to a message."""
        before = len(self.said)
        self.shell._handle_msg(message)
        return self.said[before:]

    @property
    def stored(self) -> list[tuple[str, int, str]]:
        with LabelStore(Project(self.root).database_url) as store:
            return [(event.gesture, event.label, event.analyst) for event in store.events()]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    small_project.make(tmp_path / "small")
    made = Session(tmp_path / "small")
    made.hear(type="hello", analyst=" Ada ")
    return made


def _entry(gesture: str, **values: Any) -> Entry:
    plain = {"kind": "paint", "label": 2, "reason": "cloud", "analyst": "Ada", "opinion": "first", "selection": None}
    return plain | {"gesture": gesture} | values


def _stretch() -> dict[str, Any]:
    first = int(START // 2)
    return {"granule": GRANULE, "beam": "gt1l", "runs": [[first + 100, first + 200]], "zone": ""}


def test_an_edit_is_on_disk_when_it_is_confirmed(session: Session) -> None:
    session.desk.select(START + 200, START + 400, free=True)
    answers = session.hear(type="edit", entry=_entry("a" * 32))
    (answer,) = [told for told in answers if told["type"] == "stored"]
    assert answer["gesture"] == "a" * 32
    assert answer["at"].endswith("+00:00")
    assert session.stored == [("a" * 32, 2, "Ada")]


def test_a_replayed_edit_is_stored_once_whether_it_had_arrived_or_not(session: Session) -> None:
    entry = _entry("b" * 32, selection=_stretch())
    for _ in range(3):
        answers = session.hear(type="replay", entries=[entry])
        assert ("stored", "b" * 32) in [(told["type"], told.get("gesture")) for told in answers]
    assert session.stored == [("b" * 32, 2, "Ada")]
    label = session.desk.labels("gt1l").label
    rows = Selection.from_descriptor(_stretch()).rows(session.place.workspace.track(GRANULE, "gt1l").segment)
    assert np.all(label[rows] == 2)


def test_a_replay_without_its_selection_is_told_and_paints_nothing(session: Session) -> None:
    session.desk.select(START + 200, START + 400, free=True)
    (answer,) = session.hear(type="replay", entries=[_entry("c" * 32)])
    assert (answer["type"], answer["gesture"]) == ("refused", "c" * 32)
    assert session.stored == []


def test_an_undo_is_not_repeated_by_a_replay(session: Session) -> None:
    session.desk.select(START + 200, START + 400, free=True)
    session.hear(type="edit", entry=_entry("d" * 32))
    (answer,) = session.hear(type="replay", entries=[_entry("e" * 32, kind="undo")])
    assert answer["type"] == "refused"
    assert "not confirmed" in answer["why"]
    assert [gesture for gesture, _, _ in session.stored] == ["d" * 32]


def test_a_second_tab_sees_what_the_first_one_stored_as_stored(session: Session) -> None:
    other = Session(session.root)
    other.hear(type="hello", analyst="Ada")
    entry = _entry("f" * 32, selection=_stretch())
    session.hear(type="replay", entries=[entry])
    assert [told["type"] for told in other.hear(type="replay", entries=[entry])].count("stored") == 1
    assert len(session.stored) == 1


def test_an_edit_of_nothing_is_refused_with_the_way_out(session: Session) -> None:
    (answer,) = session.hear(type="edit", entry=_entry("1" * 32))
    assert (answer["type"], answer["gesture"]) == ("refused", "1" * 32)
    assert "nothing is selected" in answer["why"]


def test_a_failure_is_an_answer_too(session: Session) -> None:
    def fail(_: Entry) -> None:
        raise OSError("disk is full")

    session.shell.on_edit = fail
    (answer,) = session.hear(type="edit", entry=_entry("2" * 32))
    assert (answer["type"], answer["level"]) == ("refused", "error")
    assert "disk is full" in answer["why"]


def test_a_login_is_the_analyst_whatever_the_browser_says(tmp_path: Path) -> None:
    small_project.make(tmp_path / "small")
    session = Session(tmp_path / "small", user="grace")
    session.hear(type="hello", analyst="Ada")
    session.hear(type="analyst", name="Ada")
    session.shell.user = "Ada"
    session.state.move(analyst="Ada")
    assert session.state.analyst == "grace"
    session.desk.select(START + 200, START + 400, free=True)
    session.hear(type="edit", entry=_entry("3" * 32))
    session.hear(type="replay", entries=[_entry("4" * 32, selection=_stretch())])
    assert {analyst for _, _, analyst in session.stored} == {"grace"}


@pytest.mark.parametrize(
    "message",
    [{"type": "navigate"}, {"type": "navigate", "page": "nowhere"}, {"type": "edit", "entry": 3},
     {"type": "replay", "entries": [None]}, {"type": "address", "query": 1}, {"type": "look"}],
)  # fmt: skip
def test_a_message_that_makes_no_sense_is_told_and_harms_nothing(session: Session, message: dict[str, Any]) -> None:
    (answer,) = session.hear(**message)
    assert (answer["type"], answer["level"]) == ("toast", "error")
    assert session.state.page == "review"
    assert not (session.root / "leadline.db").exists()


def test_the_browser_is_told_what_is_selected_and_that_it_is_up_to_date(session: Session) -> None:
    session.said.clear()
    session.desk.select(START + 200, START + 400, free=True)
    (pushed,) = session.said
    assert pushed["descriptor"]["runs"] == [[int(START // 2) + 100, int(START // 2) + 200]]
    (answer,) = session.hear(type="look", n=7)
    assert (answer["n"], answer["descriptor"]) == (7, pushed["descriptor"])
    session.desk.clear()
    assert session.said[-1]["descriptor"] is None


def test_no_key_means_two_things_on_one_page() -> None:
    for page in PAGES:
        here = [code for line in KEYS if not line.pages or page in line.pages for code in line.codes]
        assert len(here) == len(set(here))


def test_keys_move_the_place_and_leave_one_mode_at_a_time(session: Session) -> None:
    state = session.state
    session.hear(type="key", key="w", shift=False)
    session.hear(type="key", key="m", shift=False)
    assert (state.reason, state.overlay) == ("shadow", "labels")
    session.hear(type="key", key="d", shift=False)
    session.hear(type="key", key="ArrowLeft", shift=True)
    session.hear(type="key", key="ArrowUp", shift=False)
    assert state.shift == (10.0, -30.0)
    session.desk.select(START + 200, START + 400, free=True)
    session.hear(type="key", key="Escape", shift=False)
    assert (state.drifting, state.shift) == (False, None)
    assert state.selection is not None
    session.hear(type="key", key="Escape", shift=False)
    assert state.selection is None


def test_a_key_of_another_page_does_nothing(session: Session) -> None:
    session.state.move(page="overview")
    session.hear(type="key", key="w", shift=False)
    assert session.state.reason == "cloud"


def test_a_broken_descriptor_is_refused(session: Session) -> None:
    (answer,) = session.hear(type="replay", entries=[_entry("5" * 32, selection={"granule": GRANULE})])
    assert answer["type"] == "refused"
    with pytest.raises(InputError, match="unknown edit"):
        carry_out(session.desk, _entry("6" * 32, kind="dance"))
