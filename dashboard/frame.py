"""The page's HTML: its beginning is sent before the session is made, so that browser and server work side by side.

The beginning (style, opening screen, scripts) is the same for every session; the browser runs the scripts, which takes
it about as long as the server takes to make a session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bokeh
import panel as pn
from bokeh.document import Document
from bokeh.server.session import ServerSession
from bokeh.server.urls import per_app_patterns
from panel.io.server import DocHandler
from tornado.web import Finish

from dashboard import palette
from dashboard.controls import STATIC

log = logging.getLogger(__name__)

THEME_COOKIE = "leadline-theme"
_SCRIPTS_COOKIE = "leadline-scripts"
_SCRIPTS = f"{bokeh.__version__}-{pn.__version__}"
_A_YEAR = 365
_FETCHING = 0.25
"""How long a browser that has no scripts yet is given to fetch them before the server is busy with its session, s."""
_MARK = "<!-- of the session -->"
_FAILED = (
    "<p id='failed'>The page could not be made; the server's log says why. <a href=''>Try again</a></p></body></html>"
)


class Frame(pn.Template):
    """The HTML around shell and pages of one session."""

    def __init__(self, project: str, theme: str, **panels: Any) -> None:
        super().__init__((STATIC / "page.html").read_text(encoding="utf-8"))
        for name, panel in panels.items():
            self.add_panel(name, panel)
        for name, value in {"theme": theme, "theme_css": theme_css(), "project": project, "root_path": ""}.items():
            self.add_variable(name, value)
        self.title = f"{project} · Leadline"

    def __repr__(self) -> str:
        return type(self).__name__

    def server_doc(self, doc: Document | None = None, title: str | None = None, location: Any = True) -> Document:
        """Put the page into a document, whose models are looked through once, at the end."""
        document = doc or pn.state.curdoc
        with document.models.freeze():
            return super().server_doc(document, title, location)


def chosen_theme(cookie: str | None) -> str:
    """The theme that a browser's cookie names, light where it names none."""
    return cookie if cookie in palette.THEMES else "light"


def theme_css() -> str:
    """The themes' colours as CSS variables."""
    rules = []
    for name in palette.THEMES:
        where = ":root" if name == "light" else ':root[data-theme="dark"]'
        body = "".join(f"--{role}:{colour};" for role, colour in palette.theme(name).items())
        rules.append(f"{where}{{color-scheme:{name};{body}}}")
    return "".join(rules)


class StreamedPage(DocHandler):
    """Sends the beginning that earlier sessions had at once, and the rest when the session is there."""

    _sent = False

    async def get_session(self) -> ServerSession:
        """The session of the page; where it cannot be made the page says so."""
        await self._begin()
        try:
            return await super().get_session()
        except Exception:
            if not self._sent:
                raise
            log.exception("the page could not be made")
            self.finish(_FAILED)
            raise Finish from None

    async def _begin(self) -> None:
        beginning = self._beginnings.get(self._theme)
        if beginning is None:
            return
        has_scripts = self.get_cookie(_SCRIPTS_COOKIE) == _SCRIPTS
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_cookie(_SCRIPTS_COOKIE, _SCRIPTS, expires_days=_A_YEAR, samesite="strict")
        super().write(beginning)
        self._sent = True
        await self.flush()
        if not has_scripts:
            await asyncio.sleep(_FETCHING)

    @property
    def _beginnings(self) -> dict[str, str]:
        """Beginnings by theme, one for all sessions of a server."""
        return self.settings.setdefault("beginnings", {})

    @property
    def _theme(self) -> str:
        return chosen_theme(self.get_cookie(THEME_COOKIE))

    def write(self, chunk: Any) -> None:
        """Keep the beginning for the next session, leave out what was sent, and end a page that was begun in vain."""
        if isinstance(chunk, str) and _MARK in chunk:
            beginning, _, rest = chunk.partition(_MARK)
            if self._sent:
                chunk = rest
            else:
                self._beginnings[self._theme] = beginning
        elif self._sent and chunk != _FAILED:  # Panel's own page about a failure, which begins with its own beginning
            chunk = _FAILED
        super().write(chunk)


@contextmanager
def streamed() -> Iterator[None]:
    """Servers made meanwhile send their pages this way."""
    before = list(per_app_patterns)
    per_app_patterns[:] = [(path, StreamedPage if kind is DocHandler else kind) for path, kind in before]
    try:
        yield
    finally:
        per_app_patterns[:] = before
