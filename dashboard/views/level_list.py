"""The leads in view, one line each; a click opens one."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from dashboard import controls, words
from dashboard.level_leads import LeadFacts, lead_facts
from dashboard.level_shown import ShownLevel
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views.along_track import Reading
from dashboard.views.clickable import Clickable, go
from dashboard.views.level_lead import flag_names

_MOST = 150


class LeadList:
    """Place, width, height, photons, weight and flags of the leads in view; ``view`` goes on the page."""

    def __init__(self, place: Place, later: Later, shown: ShownLevel) -> None:
        self.place = place
        self.shown = shown
        self._reading = Reading(place, later)
        self._facts: tuple[Any, LeadFacts | None] = (None, None)
        self.view = Clickable(self._go, sizing_mode="stretch_width", visible=False)
        self.view.stylesheets = [controls.sheet("text.css"), controls.sheet("level.css")]

    def follow(self, change: Change) -> None:  # noqa: ARG002 - as every view
        """List the leads in view, once their heights have been read."""
        level = self.shown.level
        if self.place.state.aside != "leads" or not self.place.opened:
            return
        if level is None:
            self._tell("This beam has no freeboard yet.")
            return
        asked = (self.shown.track, level.settings)
        if self._facts[0] == asked:
            self._draw()
            return
        levels = self.shown.levels
        granule, beam, run = self.shown.track
        settings = level.settings

        def show(found: LeadFacts) -> None:
            self._facts = (asked, found)
            self._draw()

        self._reading.ask(
            lambda: lead_facts(levels, granule, beam, run, settings),
            show,
            lambda line: self._tell(f"The leads cannot be read: {line}"),
        )

    def _draw(self) -> None:
        facts, level, state = self._facts[1], self.shown.level, self.place.state
        if facts is None or level is None:
            return
        rows = np.arange(*np.searchsorted(facts.x, state.window))
        if len(rows) == 0:
            self._tell("No lead in view: the sea surface is carried over from leads further along.")
            return
        flags = dict(zip(level.leads.number.tolist(), level.leads.flags.tolist(), strict=True))
        lines = [self._line(facts, row, int(flags.get(int(facts.number[row]), 0))) for row in rows[:_MOST].tolist()]
        head = "".join(f"<th>{name}</th>" for name in ("km", "width (m)", "height (m)", "±", "photons", "weight"))
        more = f"<p class='soft'>The first {_MOST} of {len(rows):,} in view; zoom in.</p>" if len(rows) > _MOST else ""
        told = f"<h3>{len(rows):,} lead{'s' if len(rows) != 1 else ''} in view</h3>"
        content = f"<div class='side'>{told}<table class='leads'><tr>{head}</tr>{''.join(lines)}</table>{more}</div>"
        if content != self.view.content:
            self.view.content = content

    def _line(self, facts: LeadFacts, row: int, flags: int) -> str:
        number, heights = int(facts.number[row]), facts.heights
        published = self.shown.level is not None and self.shown.level.settings.estimator == "weighted"
        height = heights.weighted[row] if published else heights.robust[row]
        sigma = heights.weighted_sigma[row] if published else heights.robust_sigma[row]
        names = ", ".join(flag_names(flags))
        mark = f"<span class='warn' title='{escape(names)}'>▲</span>" if names else ""
        km = f"{(facts.x[row] - self.place.origin) / 1000:.2f} {mark}"
        photons, weight = words.count(int(facts.photons[row])), words.percent(float(facts.weight[row]))
        cells = (km, f"{facts.width[row]:.0f}", f"{height:+.3f}", f"{sigma:.3f}", photons, weight)
        chosen = " class='on'" if number == self.place.state.lead else ""
        return f"<tr{chosen} {go(lead=number)}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"

    def _tell(self, text: str) -> None:
        self.view.content = f"<div class='side'><p class='soft'>{escape(text)}</p></div>"

    def _go(self, values: dict[str, Any]) -> None:
        with self.place.guard("going to a lead"):
            self.place.state.move(lead=int(values["lead"]), aside="lead")
