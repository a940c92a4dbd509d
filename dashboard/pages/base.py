"""What a page is to the application, and what it shows while there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, ClassVar, Protocol

import panel as pn
from bokeh.model import Model

from dashboard import controls, words
from dashboard.place import Place
from dashboard.state import Change, Later


class Ready(Protocol):
    """A component that calls ``on_ready`` once the browser has drawn it."""

    on_ready: Callable[[], None]


class Page:
    """One page. ``view`` is built once; ``update`` follows the state while the page is in sight."""

    key: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, place: Place, theme: str, later: Later) -> None:
        self.place = place
        self.later = later
        self.theme = theme
        self._awaited = False
        self._empty = controls.html("empty-state", sizing_mode="stretch_both", visible=False)
        self._body = self.build(theme)
        self.view = pn.Column(self._empty, self._body, sizing_mode="stretch_both", margin=0, visible=False)

    def build(self, theme: str) -> Any:
        """Make the page's views and return their layout."""
        raise NotImplementedError

    @property
    def anchor(self) -> Model:
        """A figure of the page; the browser tells its size once the page is there."""
        raise NotImplementedError

    @property
    def awaited(self) -> bool:
        """Whether the browser does not know the page's models yet, so that they must not be changed.

        A page added to a running session is sent in its own time; a change that overtook it would be lost.
        """
        return self._awaited and self.nothing() is None

    def wait(self, then: Callable[[], None]) -> None:
        """Leave the models alone until the browser has laid the page out; ``then`` is called at that time."""
        self._awaited = True

        def laid_out(_name: str, _old: Any, _new: Any) -> None:
            if self._awaited:
                self._awaited = False
                then()

        self.anchor.on_change("inner_height", laid_out)

    def wait_for(self, part: Ready, then: Callable[[], None]) -> None:
        """As ``wait``, on a page without a figure: ``part`` of it says itself when it is there."""
        self._awaited = True

        def drawn() -> None:
            if self._awaited:
                self._awaited = False
                then()

        part.on_ready = drawn

    def nothing(self) -> tuple[str, str, str] | None:
        """Headline, explanation and command when the page cannot show anything yet."""
        return None

    def follow(self, change: Change) -> None:
        """Show what changed."""
        raise NotImplementedError

    def follow_track(self, granule: controls.Bound, beam: controls.Bound) -> None:
        """Offer the project's granules and the present one's beams."""
        titles = {item.ident: words.granule_title(item.ident, item.time) for item in self.place.catalog.granules}
        granule.follow(words.distinct(titles))
        beams = self.place.granule.beams if self.place.granule else ()
        beam.follow({words.beam_title(item.name, item.strong): item.name for item in beams})

    def paint(self, theme: str) -> None:
        """Repaint for a theme."""
        raise NotImplementedError

    def update(self, change: Change) -> None:
        """Follow the state, or say what to do first."""
        if change.touches("theme"):
            self.theme = self.place.state.theme
            self.paint(self.theme)
        told = self.nothing()
        self._body.visible = told is None
        self._empty.visible = told is not None
        if told is not None:
            self._empty.object = _empty_html(*told)
            return
        self.follow(change)


def _empty_html(headline: str, explanation: str, command: str) -> str:
    shown = f"<code>{escape(command)}</code>" if command else ""
    return f"<div class='empty'><h2>{escape(headline)}</h2><p>{escape(explanation)}</p>{shown}</div>"
