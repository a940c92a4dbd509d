"""Header, keys, address and messages of the page: one small component that talks to the browser."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

import param
from panel.custom import JSComponent

from dashboard.controls import STATIC, sheet
from dashboard.state import Change, State
from processing.errors import LeadlineError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """One line of the key help.

    ``keys`` is what the help shows, ``codes`` the browser's names of the keys, ``pages`` where they act (everywhere
    when empty).
    """

    keys: tuple[str, ...]
    meaning: str
    codes: tuple[str, ...] = ()
    pages: tuple[str, ...] = field(default=())


_ALONG = ("track", "freeboard")
KEYS = (
    Key(("←", "→"), "move along the track (Shift: a whole view)", ("ArrowLeft", "ArrowRight"), _ALONG),
    Key(("+", "−"), "zoom in, zoom out", ("+", "=", "-", "_"), _ALONG),
    Key(("0",), "whole track", ("0",), _ALONG),
    Key(("B",), "next beam (with Shift the one before)", ("b", "B"), _ALONG),
    Key(("G",), "next granule (with Shift the one before)", ("g", "G"), _ALONG),
    Key(("C",), "next colour view of the scene", ("c", "C"), ("track",)),
    Key(("O", "T", "F"), "Overview, Track, Freeboard", ("o", "O", "t", "T", "f", "F")),
    Key(("?",), "this help", ()),
)


class Shell(JSComponent):
    """The frame around the pages; it shows the state's page, theme and address and passes keys on."""

    pages = param.List(doc="key and title of each page")
    page = param.String("overview")
    project = param.String("")
    badge = param.String("")
    badge_meaning = param.String("")
    user = param.String("")
    theme = param.String("light")
    query = param.String("")
    keys = param.List()

    _esm = STATIC / "shell.js"

    def __init__(self, state: State, **params: Any) -> None:
        super().__init__(
            **params, keys=[asdict(key) for key in KEYS], sizing_mode="stretch_both", stylesheets=[sheet("shell.css")]
        )
        self.state = state
        self.on_key: Callable[[str, bool], None] = _no_key
        self.on_open: Callable[[], None] = _nothing
        self._waiting: list[dict[str, Any]] = []
        self._open = False
        state.listen(self._follow)
        self.param.watch(self._theme_chosen, "theme")
        self._show_state()

    def tell(self, text: str, level: str = "info", seconds: float = 8.0) -> None:
        """Show one line in the corner; errors stay until they are closed."""
        self._say({"type": "toast", "level": level, "text": text, "seconds": 0 if level == "error" else seconds})

    def ready(self, page: str) -> None:
        """Tell the browser that ``page`` has its content."""
        self._say({"type": "ready", "page": page})

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
        kind = data.get("type")
        if kind == "hello":
            self._open = True
            self.on_open()
            while self._waiting:
                self._send_msg(self._waiting.pop(0))
        elif kind == "navigate":
            self.state.move(page=data["page"])
        elif kind == "key":
            self.on_key(str(data["key"]), bool(data.get("shift")))
        elif kind == "address":
            for line in self.state.restore(data["query"]):
                self.tell(line, "warning")

    def _follow(self, _: Change) -> None:
        self._show_state()

    def _show_state(self) -> None:
        self.param.update(page=self.state.page, theme=self.state.theme, query=urlencode(self.state.query()))

    def _theme_chosen(self, _: Any) -> None:
        if self.theme != self.state.theme:
            self.state.move(theme=self.theme)


def _nothing() -> None:
    """Opening does nothing until the application listens."""


def _no_key(_key: str, _shift: bool) -> None:
    """Keys do nothing until the application listens."""
