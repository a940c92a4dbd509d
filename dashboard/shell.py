"""Header, keys, address, messages and unconfirmed edits of the page: one small component that talks to the browser.

An edit gets its gesture in the browser, which keeps it until ``stored`` or ``refused`` answers it. After a lost
connection or a reload the browser sends what was not answered again, as a replay: the same gesture is never recorded
twice, because the log of label events knows the gestures it has.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import param
from panel.custom import JSComponent

from dashboard.controls import STATIC, sheet
from dashboard.keys import KEYS
from dashboard.state import Change, State
from processing.errors import LeadlineError

log = logging.getLogger(__name__)

Entry = dict[str, Any]
"""An edit as the browser keeps it: gesture, kind (see ``editing``), label, reason, analyst, opinion,
selection (descriptor or None when the browser does not know it), replay (whether it is sent again)."""


class Shell(JSComponent):
    """The frame around the pages; it shows the state's page, theme and address and passes keys and edits on."""

    pages = param.List(doc="key and title of each page")
    page = param.String("overview")
    project = param.String("")
    badge = param.String("")
    badge_meaning = param.String("")
    user = param.String("", doc="login name, which is then the analyst")
    analyst = param.String("")
    reason = param.String("")
    opinion = param.String("first")
    drifting = param.Boolean(False)
    theme = param.String("light")
    query = param.String("")
    jobs = param.Dict({}, doc="what runs and how far it is")
    stale = param.List([], doc="stages that are due, and why")
    keys = param.List()
    birth = param.String("", doc="tells one session from the next")

    _esm = STATIC / "shell.js"

    def __init__(self, state: State, **params: Any) -> None:
        super().__init__(
            **params,
            keys=[line.table() for line in KEYS],
            birth=secrets.token_hex(8),
            sizing_mode="stretch_both",
            stylesheets=[sheet("shell.css")],
        )
        self.state = state
        # What the browser may set are the parameters; who is logged in is not for it to say.
        self._login = ""
        self.on_key: Callable[[str, bool], None] = _no_key
        self.on_open: Callable[[], None] = _nothing
        self.on_edit: Callable[[Entry], None] = _no_edit
        self.on_make_right: Callable[[], None] = _nothing
        self._waiting: list[dict[str, Any]] = []
        self._open = False
        self._descriptor: dict[str, object] | None = None
        state.listen(self._follow)
        self.param.watch(self._theme_chosen, "theme")
        self._show_state()
        self.show_address()

    def log_in(self, user: str) -> None:
        """Tell who is logged in; empty where nobody has to."""
        self.user = self._login = user

    def tell(self, text: str, level: str = "info", seconds: float = 8.0) -> None:
        """Show one line in the corner; errors stay until they are closed."""
        self._say({"type": "toast", "level": level, "text": text, "seconds": 0 if level == "error" else seconds})

    def notify(self, text: str, level: str, job: int) -> None:
        """Tell that a job ended; a click on it shows the job."""
        self._say({"type": "toast", "level": level, "text": text, "seconds": 20, "job": job})

    def show_jobs(self, jobs: dict[str, Any]) -> None:
        """Show the sign of what runs."""
        if jobs != self.jobs:
            self.jobs = jobs

    def show_stale(self, stale: list[dict[str, Any]]) -> None:
        """Show the sign of what no longer follows from its inputs."""
        if stale != self.stale:
            self.stale = stale

    def ready(self, page: str) -> None:
        """Tell the browser that ``page`` has its content."""
        self._say({"type": "ready", "page": page})

    def stored(self, gesture: str, at: datetime | None = None) -> None:
        """Confirm an edit that is durably recorded."""
        self._say({"type": "stored", "gesture": gesture, "at": at.isoformat() if at else ""})

    def refused(self, gesture: str, why: str, level: str = "warning") -> None:
        """Answer an edit that is not recorded and will not be; the browser forgets it and says why."""
        self._say({"type": "refused", "gesture": gesture, "why": why, "level": level})

    def show_selection(self, descriptor: dict[str, object] | None) -> None:
        """Let the browser know what is selected, so that it can keep it with an edit."""
        if descriptor != self._descriptor:
            self._descriptor = descriptor
            self._say({"type": "selection", "descriptor": descriptor})

    @contextmanager
    def guard(self, doing: str) -> Iterator[None]:
        """Turn a failure while ``doing`` something into one line for the user and a log entry for the operator."""
        try:
            yield
        except LeadlineError as error:
            log.warning("%s: %s", doing, error.line)
            self.tell(error.line, "error")
        except Exception as error:
            log.exception("failed: %s", doing)
            self.tell(f"{doing} failed ({type(error).__name__}: {error}); the server's log says more", "error")

    def _say(self, message: dict[str, Any]) -> None:
        if self._open:
            self._send_msg(message)
        else:
            self._waiting.append(message)

    def _handle_msg(self, data: dict[str, Any]) -> None:
        answers: dict[str, Callable[[dict[str, Any]], None]] = {
            "hello": self._hello,
            "navigate": lambda told: self.state.move(page=told["page"]),
            "job": lambda told: self.state.move(page="jobs", job=int(told.get("job", 0)), launch=""),
            "make-right": lambda _: self.on_make_right(),
            "key": lambda told: self.on_key(str(told["key"]), bool(told.get("shift"))),
            "edit": lambda told: self._edit(told["entry"] | {"replay": False}),
            "replay": self._replay,
            "look": lambda told: self._say({"type": "selection", "n": told["n"], "descriptor": self._descriptor}),
            "analyst": lambda told: self._call_analyst(told["name"]),
            "address": self._restore,
        }
        answer = answers.get(str(data.get("type")))
        if answer is not None:
            with self.guard("answering the page"):
                answer(data)

    def _replay(self, data: dict[str, Any]) -> None:
        for entry in data["entries"]:
            self._edit(entry | {"replay": True})

    def _restore(self, data: dict[str, Any]) -> None:
        for line in self.state.restore(data["query"]):
            self.tell(line, "warning")

    def _hello(self, data: dict[str, Any]) -> None:
        self._open = True
        self._call_analyst(data.get("analyst", ""))
        self.on_open()
        while self._waiting:
            self._send_msg(self._waiting.pop(0))

    def _call_analyst(self, name: object) -> None:
        """The login is who corrects; without one, the name that the browser keeps."""
        self.state.move(analyst=self._login or str(name or "").strip()[:100])

    def _edit(self, entry: Entry) -> None:
        gesture = str(entry.get("gesture", ""))
        if self._login:
            entry = entry | {"analyst": self._login}
        try:
            self.on_edit(entry)
        except LeadlineError as error:
            log.warning("edit %s: %s", gesture, error.line)
            self.refused(gesture, error.line)
        except Exception as error:
            log.exception("edit %s failed", gesture)
            self.refused(gesture, f"the edit is not stored ({type(error).__name__}: {error})", "error")

    def _follow(self, change: Change) -> None:
        if self._login and change.touches("analyst"):
            self.state.move(analyst=self._login)
        if change.touches("selection", "zone"):
            selection = self.state.selection
            self.show_selection(None if selection is None else selection.descriptor() | {"zone": self.state.zone})
        self._show_state()

    def _show_state(self) -> None:
        state = self.state
        self.param.update(
            page=state.page,
            theme=state.theme,
            analyst=state.analyst,
            reason=state.reason,
            opinion=state.opinion,
            drifting=state.drifting,
        )

    def show_address(self) -> None:
        """Let the browser's address name the place that the state is at."""
        self.query = urlencode(self.state.query())

    def _theme_chosen(self, _: Any) -> None:
        if self.theme != self.state.theme:
            self.state.move(theme=self.theme)


def _nothing() -> None:
    """Opening does nothing until the application listens."""


def _no_key(_key: str, _shift: bool) -> None:
    """Keys do nothing until the application listens."""


def _no_edit(_entry: Entry) -> None:
    """Edits go nowhere until the application listens."""
