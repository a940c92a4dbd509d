"""Review page: queue, map, straightened scene, profile and rows at one place, and what a correction there does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import panel as pn
from bokeh.model import Model
from bokeh.models import Range1d

from dashboard import controls, tiles, words
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views import hover
from dashboard.views.drift_panel import DriftPanel
from dashboard.views.gesture import Gestures
from dashboard.views.profile import Profile
from dashboard.views.queue_list import QueueList
from dashboard.views.read_ahead import ReadAhead
from dashboard.views.review_rows import ReviewRows
from dashboard.views.scene_map import SceneMap
from dashboard.views.strip import Strip
from dashboard.views.zone_panel import ZonePanel

COMPOSITES = {"True colour": "true", "False colour": "false", "SWIR": "swir"}
CONTRASTS = {"Whole range": "auto", "Detail in snow": "bright", "Detail in the dark": "dark"}
OVERLAYS = {"No overlay": "none", "Auto-labels": "labels", "Cloud evidence": "cloud"}
COLOURS = {"Label": "label", "Source": "source", "Flags": "flag", "Confidence": "confidence"}
_QUEUE, _SIDE, _LEAST = 248, 300, 404
"""Widths of the columns at the sides and least height of the pictures along the track, pixels."""


class ReviewPage(Page):
    """Correct the labels of one beam over its scene, zone by zone."""

    key = "review"
    title = "Review"

    def build(self, theme: str) -> Any:
        self._x = Range1d(0, 1000)
        self.map = SceneMap(self.place, theme)
        self.strip = Strip(self.place, theme, self._x, self.later)
        self.profile = Profile(self.place, theme, self._x, self.later)
        self.rows = ReviewRows(self.place, theme, self._x)
        self.drift = DriftPanel(self.place, theme, self.later)
        self.queue = QueueList(self.place, sizing_mode="stretch_both")
        self.panel = ZonePanel(self.place, self.later, sizing_mode="stretch_both")
        along = (self.strip, self.profile, self.rows)
        self._link = hover.link(self.map, along)
        self._gestures = Gestures(self.place, self.later, self._x, [view.figure for view in along], self.rows)
        self._ahead = ReadAhead(self.place, self.later, self.strip, self.map)
        self._controls()
        body = controls.body(
            controls.card(self.queue, sizing_mode="stretch_height", width=_QUEUE),
            self._pictures(),
            self._side(),
        )
        return pn.Column(self._bar, body, sizing_mode="stretch_both", margin=0)

    def _pictures(self) -> pn.Column:
        along = pn.Column(
            controls.Chart(self.strip.figure, "stretch_both"),
            controls.Chart(self.profile.figure, "stretch_both"),
            controls.Chart(self.rows.figure, "stretch_width"),
            sizing_mode="stretch_both",
            margin=0,
        )
        return pn.Column(
            controls.card(
                self._map_with_tools(),
                sizing_mode="stretch_both",
                styles={"flex": "1 1 0", "min-height": "0", "margin-bottom": "8px"},
            ),
            controls.card(along, sizing_mode="stretch_both", styles={"flex": "1.3 1 0", "min-height": f"{_LEAST}px"}),
            sizing_mode="stretch_both",
            margin=0,
            styles={"min-width": "0"},
        )

    def _map_with_tools(self) -> pn.Column:
        style = {"position": "absolute", "right": "10px", "top": "10px", "gap": "6px", "z-index": "2"}
        state = self.place.state
        self._lasso = controls.button(
            "Lasso", "Draw a loop around segments (L)", lambda: state.move(lasso=not state.lasso)
        )
        tools = pn.Row(
            self._lasso,
            controls.button("Whole track", "The whole track (Home)", self.place.show_whole),
            controls.button(
                "Centre", "The stretch back to the middle of the map", lambda: self.later(self.map.recentre)
            ),
            margin=0,
            styles=style,
        )
        chart = controls.Chart(self.map.figure, "stretch_both")
        return pn.Column(chart, tools, sizing_mode="stretch_both", margin=0, styles={"position": "relative"})

    def _side(self) -> pn.Column:
        """The panel about the zone; the drift lies over its lower part while it is being set."""
        low = {"position": "absolute", "left": "-1px", "right": "-1px", "bottom": "-1px", "z-index": "3"}
        self._drift_card = controls.card(self.drift.view, visible=False, sizing_mode="stretch_width", styles=low)
        both = pn.Column(self.panel, self._drift_card, sizing_mode="stretch_both", margin=0,
                         styles={"position": "relative"})  # fmt: skip
        return controls.card(both, sizing_mode="stretch_height", width=_SIDE)

    def _controls(self) -> None:
        state = self.place.state
        self._granule = controls.select(state, "granule", "Granule", 230)
        self._beam = controls.choice(state, "beam", {})
        self._scene = controls.select(state, "scene", "Scene", 140)
        self._image = controls.select(state, "image", "Image", 118)
        self._contrast = controls.select(state, "contrast", "Contrast", 124)
        self._overlay = controls.select(state, "overlay", "Overlay", 124)
        self._opacity = controls.slider(state, "opacity", "Opacity", 92)
        self._colour = controls.select(state, "colour", "Beams by", 104)
        kinds = (self._granule, self._beam, self._scene, self._image, self._contrast, self._overlay)
        self._bar = controls.bar(*(bound.widget for bound in (*kinds, self._opacity, self._colour)))

    @property
    def anchor(self) -> Model:
        return self.map.figure

    def nothing(self) -> tuple[str, str, str] | None:
        if not self.place.catalog.granules:
            return ("No granule yet", "Add ATL03 granules and Sentinel-2 scenes to this project.",
                    f"leadline add {self.place.workspace.root} FILE...")  # fmt: skip
        if not self.place.beams:
            return ("This granule has no beam with photons", "Choose another granule in the overview.", "")
        return None

    def paint(self, theme: str) -> None:
        for view in (self.map, self.strip, self.profile, self.rows, self.drift):
            view.paint(theme)

    def follow(self, change: Change) -> None:
        for doing, step in self._steps(change):
            with self.place.guard(doing):
                step()

    def _steps(self, change: Change) -> Iterator[tuple[str, Any]]:
        """What is drawn, the labels first: they are what an analyst waits for."""
        yield "drawing the profile", lambda: self.profile.update(change)
        yield "drawing the rows", lambda: self.rows.update(change)
        yield "drawing the map", lambda: self.map.update(change)
        yield "drawing the straightened scene", lambda: self.strip.update(change)
        yield "showing the selection", lambda: self._gestures.update(change)
        if change.touches("granule", "beam", "scene", "shift", "drifting"):
            yield "finding the place in the map", lambda: self._link.follow(self.place)
        yield "drawing the drift", lambda: self._follow_drift(change)
        yield "showing the choices", lambda: self._follow_controls(change)
        yield "showing the queue", lambda: self.queue.update(change)
        yield "telling about the zone", lambda: self.panel.update(change)
        yield "reading ahead", lambda: self._ahead.update(change)

    def _follow_drift(self, change: Change) -> None:
        self._drift_card.visible = self.place.state.drifting
        if self.place.state.drifting:
            self.drift.update(change)

    def _follow_controls(self, change: Change) -> None:
        shown = ("granule", "beam", "scene", "image", "contrast", "overlay", "opacity", "colour", "lasso", "page")
        if not change.touches(*shown):
            return
        place = self.place
        self.follow_track(self._granule, self._beam)
        pair = place.pair
        titles = {item.scene: words.pair_title(item) for item in place.catalog.scenes_of(place.state.granule)}
        self._scene.follow(words.distinct(titles), pair.scene if pair else None)
        possible = tiles.images_of(place.scene) if place.scene else []
        images = {name: key for name, key in COMPOSITES.items() if key in possible}
        images |= {f"Band {key}": key for key in possible if key not in COMPOSITES.values()}
        self._image.follow(images | {"No image": "none"})
        self._contrast.follow(CONTRASTS)
        self._overlay.follow(OVERLAYS)
        self._opacity.follow()
        self._colour.follow(COLOURS)
        self._contrast.widget.disabled = place.state.image == "none"
        self._opacity.widget.disabled = place.state.overlay == "none"
        controls.press(self._lasso, place.state.lasso)
