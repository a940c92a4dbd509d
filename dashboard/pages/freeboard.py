"""Freeboard page: sea surfaces and freeboard along the track, what they rest on, and how freeboard is distributed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import panel as pn
from bokeh.model import Model
from bokeh.models import Range1d

from dashboard import controls
from dashboard.level_shown import ShownLevel
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views.export_menu import ExportMenu
from dashboard.views.freeboard_map import FreeboardMap
from dashboard.views.level_beams import BeamLines
from dashboard.views.level_controls import LevelControls
from dashboard.views.level_gestures import LevelGestures
from dashboard.views.level_key import key_line
from dashboard.views.level_lead import LeadCard
from dashboard.views.level_list import LeadList
from dashboard.views.level_panel import LevelPanel
from dashboard.views.level_rows import LevelRows
from dashboard.views.sea_level import SeaLevelView

TOGETHER = {"One": "one", "Strong": "strong", "All": "all"}
ASIDES = {"Distribution": "distribution", "Map": "map", "Lead": "lead", "Leads": "leads"}
_SIDE = 392
FOUND = Change(frozenset({"level"}))
"""The level that was asked for is there."""


class FreeboardPage(Page):
    """Freeboard of one beam, with the others of its granule where they are asked for."""

    key = "freeboard"
    title = "Freeboard"

    def build(self, theme: str) -> Any:
        self._x = Range1d(0, 1000)
        self.shown = ShownLevel(self.place, self.later)
        self.shown.on_found = lambda: self.follow(FOUND)
        self.level = SeaLevelView(self.place, theme, self._x, self.shown)
        self.rows = LevelRows(self.place, theme, self._x, self.shown)
        self.beams = BeamLines(self.place, theme, self._x, self.shown, self.later, self.level.freeboard)
        figures = [
            self.level.heights,
            self.level.freeboard,
            self.rows.figure,
            *(plot for plot, _ in self.beams.figures),
        ]
        self.gestures = LevelGestures(self.place, self.later, self._x, figures, self.shown)
        self.panel = LevelPanel(self.place, theme, self.later, self.shown)
        self.histogram, self._side = self.panel.histogram, self.panel.side
        self.map = FreeboardMap(self.place, theme, self.later)
        self.lead = LeadCard(self.place, theme, self.later, self.shown)
        self.leads = LeadList(self.place, self.later, self.shown)
        self.live = LevelControls(self.place, self.shown)
        self._controls()
        body = controls.body(self._charts(), self._aside_card())
        return pn.Column(self._bar, self.live.bar, body, sizing_mode="stretch_both", margin=0)

    def _charts(self) -> pn.Column:
        self._key = controls.html("key-line", sizing_mode="stretch_width")
        self._key.stylesheets = [*self._key.stylesheets, controls.sheet("level.css")]
        self._heights = controls.Chart(self.level.heights, "stretch_both")
        return controls.card(
            pn.Column(
                self._key,
                self._heights,
                *(controls.Chart(plot, "stretch_both") for plot, _ in self.beams.figures),
                controls.Chart(self.level.freeboard, "stretch_both"),
                controls.Chart(self.rows.figure, "stretch_width"),
                sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_both", styles={"min-width": "0"},
        )  # fmt: skip

    def _aside_card(self) -> pn.Column:
        self._map_box = pn.Column(controls.Chart(self.map.figure, "stretch_both"), sizing_mode="stretch_both", margin=0,
                                  visible=False, styles={"min-height": "420px"})  # fmt: skip
        tabs = pn.Row(self._aside.widget, sizing_mode="stretch_width", margin=(8, 12, 0, 12))
        parts = (self.panel.view, self._map_box, self.lead.view, self.leads.view)
        return controls.card(
            pn.Column(tabs, *parts, sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_height", width=_SIDE, styles={"overflow-y": "auto"},
        )  # fmt: skip

    def _controls(self) -> None:
        state = self.place.state
        self._granule = controls.select(state, "granule", "Granule", 250)
        self._beam = controls.choice(state, "beam", {})
        self._run = controls.select(state, "run", "Freeboard run", 160)
        self._source = controls.select(state, "source", "Classes from", 160)
        self._together = controls.choice(state, "together", TOGETHER)
        self._aside = controls.choice(state, "aside", ASIDES)
        self._apart = controls.button(
            "Apart", "Beams below one another, or in one figure", lambda: state.move(apart=not state.apart)
        )
        self._export = ExportMenu(self.place)
        label = pn.pane.HTML(
            "<span style='color:var(--soft);font-size:12px'>Beams</span>", margin=(0, 0, 8, 0), align="end"
        )
        self._bar = controls.bar(
            self._granule.widget,
            self._beam.widget,
            self._run.widget,
            self._source.widget,
            pn.Spacer(sizing_mode="stretch_width"),
            label,
            self._together.widget,
            self._apart,
            controls.button("Fit", "The whole track (Home)", self.place.show_whole),
            self._export,
        )

    @property
    def anchor(self) -> Model:
        return self.histogram.figure

    def nothing(self) -> tuple[str, str, str] | None:
        place = self.place
        if not place.catalog.granules:
            return ("No granule yet", "Add ATL03 granules and Sentinel-2 scenes to this project.",
                    f"leadline add {place.workspace.root} FILE...")  # fmt: skip
        if not any(place.workspace.has_track(place.state.granule, beam) for beam in place.beams):
            return (
                "No segments yet",
                "Freeboard is measured on 2 m segments of the photons.",
                place.workspace.command("resample"),
            )
        if not place.workspace.project.runs("freeboard"):
            told = "It needs classes: from a model, or from a snapshot of the labels. This runs every stage still due:"
            return ("No freeboard yet", told, place.workspace.command("run"))
        return None

    def paint(self, theme: str) -> None:
        for view in (self.level, self.rows, self.beams, self.panel, self.map, self.lead):
            view.paint(theme)

    def follow(self, change: Change) -> None:
        self._let_go(change)
        for doing, step in self._steps(change):
            with self.place.guard(doing):
                step()

    def _steps(self, change: Change) -> Iterator[tuple[str, Any]]:
        yield "finding the sea level", lambda: self.shown.follow(change)
        yield "showing the choices", self._follow_controls
        yield "drawing freeboard", lambda: self.level.update(change)
        yield "drawing the rows", lambda: self.rows.update(change)
        yield "drawing the beams", lambda: self.beams.update(change)
        yield "showing the stretch", lambda: self.gestures.update(change)
        yield "telling the distribution", lambda: self.panel.follow(change, self.level.binned)
        yield "telling about the lead", lambda: self.lead.follow(change)
        yield "listing the leads", lambda: self.leads.follow(change)
        if self.place.state.aside == "map":
            yield "drawing the map", lambda: self.map.follow(change)

    def _let_go(self, change: Change) -> None:
        """A lead belongs to its beam, a stretch to its granule; what an address names with them stays."""
        state = self.place.state
        if change.touches("granule", "beam") and not change.touches("lead") and state.lead >= 0:
            state.move(lead=-1)
        if change.touches("granule") and not change.touches("stretch_start") and state.stretch is not None:
            state.move(stretch_start=float("nan"), stretch_end=float("nan"), scope="view")

    def _follow_controls(self) -> None:
        place, state = self.place, self.place.state
        self.follow_track(self._granule, self._beam)
        source = place.source
        self._run.follow({run: run for run in place.runs}, place.run)
        self._source.follow({item.title: item.key for item in place.sources}, source.key if source else None)
        self._together.follow(TOGETHER)
        self._aside.follow(ASIDES)
        controls.press(self._apart, state.apart)
        self._apart.disabled = state.together == "one"
        self.live.follow()
        self._export.follow()
        views = {
            "distribution": self.panel.view,
            "map": self._map_box,
            "lead": self.lead.view,
            "leads": self.leads.view,
        }
        for name, view in views.items():
            if view.visible != (name == state.aside):
                view.visible = name == state.aside
        apart = state.apart and state.together != "one"
        if self._heights.visible == apart:
            self._heights.visible = not apart
        told = key_line(self.shown, self.beams.beams, self.theme)
        if self._key.object != told:
            self._key.object = told
