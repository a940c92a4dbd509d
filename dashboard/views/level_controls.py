"""The controls that say how sea level is found, and what of it is other than the run on disk."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource

from dashboard import controls, palette
from dashboard.level_shown import ShownLevel
from dashboard.place import Place
from dashboard.tracks import SURFACES

COPY = "navigator.clipboard?.writeText(held.data.text[0])"
_FRESH: dict[str, Any] = {"method": "", "window_km": 0.0, "stride_km": 0.0, "height": ""}


class Numbered(controls.Bound):
    """A field of kilometres tied to a number of the state; 0 there leaves it to the run."""

    def follow(self, options: Any = None, shown: Any = None) -> None:  # noqa: ARG002
        """Show a number, km."""
        self._following = True
        try:
            if shown is not None and self.widget.value != shown:
                self.widget.value = shown
        finally:
            self._following = False


class LevelControls:
    """Method, window, stride and height as live controls, with the way back and the command that makes it so."""

    def __init__(self, place: Place, shown: ShownLevel) -> None:
        self.place = place
        self.shown = shown
        state = place.state
        self._method = controls.select(state, "method", "Sea surface by", 172)
        self._window = _number(place, "window_km", "Window (km)")
        self._stride = _number(place, "stride_km", "Every (km)")
        self._height = controls.select(state, "height", "Height", 92)
        self._told = controls.html("live-level", sizing_mode="stretch_width", align="end")
        self._told.stylesheets = [*self._told.stylesheets, controls.sheet("level.css")]
        self._back = controls.button("Back to the run", "Show the run as it is on disk", self._go_back)
        self._make = controls.button("Run with these", "Launch the freeboard stage with these settings", self._launch)
        self._text = ColumnDataSource({"text": [""]}, name="level-command")
        self._copy = controls.button("Copy command", "The command line that makes this run", _nothing)
        self._copy.js_on_click(args={"held": self._text}, code=COPY)
        self.bar = controls.bar(
            *(bound.widget for bound in (self._method, self._window, self._stride, self._height)),
            self._told, self._back, self._copy, self._make,
        )  # fmt: skip

    def follow(self) -> None:
        """Show the settings in use, and whether they are the run's."""
        own, asked = self.shown.own, self.shown.asked
        self._method.follow({palette.surface(name, "light").name: name for name in SURFACES},
                            asked.estimator if asked else None)  # fmt: skip
        self._height.follow({"median": "median", "mean": "mean"}, asked.height if asked else None)
        if own is None or asked is None:
            self._show("", "", False)
            return
        self._window.follow(shown=asked.window / 1000.0)
        self._stride.follow(shown=asked.stride / 1000.0)
        live = asked != own
        command = self.shown.levels.command(*self._track, asked) if live else ""
        self._show(self._sentence(live, command), command, live)

    def _sentence(self, live: bool, command: str) -> str:
        if not live:
            return f"<div class='told soft'>as in run {escape(self._track[2])}</div>"
        now = "computing…" if self.shown.waits else "live, not on disk"
        code = f"<code title='{escape(command)}'>{escape(command)}</code>"
        return f"<div class='told'><span class='live'>● {now}</span>{code}</div>"

    def _show(self, told: str, command: str, live: bool) -> None:
        if self._told.object != told:
            self._told.object = told
        if self._text.data["text"][0] != command:
            self._text.data = {"text": [command]}
        for made in (self._back, self._copy, self._make):
            if made.disabled == live:
                made.disabled = not live

    @property
    def _track(self) -> tuple[str, str, str]:
        return self.place.state.granule, self.place.state.beam, self.place.run or ""

    def _go_back(self) -> None:
        self.place.state.move(**_FRESH)

    def _launch(self) -> None:
        asked = self.shown.asked
        if asked is not None and asked != self.shown.own:
            self.place.jobs.launch_stage("freeboard", self.shown.levels.changes(*self._track, asked))


def _number(place: Place, name: str, label: str) -> Numbered:
    low, high = 0.1, place.state.param[name].bounds[1]
    widget = pn.widgets.FloatInput(label=label, start=low, end=high, step=0.5, value=5.0, width=84, margin=0,
                                   format="0.[00]", stylesheets=[controls.sheet("widgets.css")])  # fmt: skip
    return Numbered(place.state, name, widget)


def _nothing() -> None:
    """The browser copies by itself."""
