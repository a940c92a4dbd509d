"""Track page: the scene with the beams over it, the height profile below, both at the same place."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.model import Model
from bokeh.models import ColumnDataSource, Range1d

from dashboard import controls, detail, palette, tiles, words
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views.profile import PHOTON_REACH, Profile
from dashboard.views.rows import FLAG_COLOURS, FLAG_NAMES, ClassRows
from dashboard.views.scene_map import SceneMap, hover_link

IMAGES = {"True": "true", "False": "false", "SWIR": "swir", "Off": "none"}
CONTRASTS = {"Whole range": "auto", "Detail in snow": "bright", "Detail in the dark": "dark"}


class TrackPage(Page):
    """Look at one beam over its scene."""

    key = "review"
    title = "Review"

    def build(self, theme: str) -> Any:
        self._x = Range1d(0, 1000)
        self.map = SceneMap(self.place, theme)
        self.profile = Profile(self.place, theme, self._x, self.later)
        self.rows = ClassRows(self.place, theme, self._x)
        self._knots = ColumnDataSource({"x_atc": [], "x": [], "y": []})
        for plot in (self.profile.figure, self.rows.figure):
            hover_link(plot, self.map.hover, self._knots)
        self._side = controls.html("side-card", sizing_mode="stretch_width")
        self._controls()
        pictures = pn.Column(
            controls.card(self._map_with_tools(), sizing_mode="stretch_both",
                          styles={"flex": "1.35 1 0", "min-height": "0", "margin-bottom": "10px"}),
            controls.card(
                pn.Column(
                    pn.pane.Bokeh(self.profile.figure, sizing_mode="stretch_both", margin=0),
                    pn.pane.Bokeh(self.rows.figure, sizing_mode="stretch_width", margin=0),
                    sizing_mode="stretch_both", margin=0),
                sizing_mode="stretch_both", styles={"flex": "1 1 0", "min-height": "0"}),
            sizing_mode="stretch_both", margin=0, styles={"min-width": "0"},
        )  # fmt: skip
        side = controls.card(self._side, sizing_mode="stretch_height", width=276, styles={"overflow-y": "auto"})
        return pn.Column(self._bar, controls.body(pictures, side), sizing_mode="stretch_both", margin=0)

    def _controls(self) -> None:
        state = self.place.state
        self._granule = controls.select(state, "granule", "Granule", 250)
        self._beam = controls.choice(state, "beam", {})
        self._source = controls.select(state, "source", "Classes from", 176)
        self._scene = controls.select(state, "scene", "Scene", 150)
        self._image = controls.choice(state, "image", IMAGES)
        self._contrast = controls.select(state, "contrast", "Contrast", 128)
        self._bar = controls.bar(
            self._granule.widget,
            self._beam.widget,
            self._source.widget,
            self._scene.widget,
            self._image.widget,
            self._contrast.widget,
        )

    def _map_with_tools(self) -> pn.Column:
        style = {"position": "absolute", "right": "10px", "top": "10px", "gap": "6px", "z-index": "2"}
        tools = pn.Row(
            controls.button("Fit", "The whole track (0)", self.place.show_whole),
            controls.button(
                "Centre", "The stretch back to the middle of the map", lambda: self.later(self.map.recentre)
            ),
            margin=0,
            styles=style,
        )
        chart = pn.pane.Bokeh(self.map.figure, sizing_mode="stretch_both", margin=0)
        return pn.Column(chart, tools, sizing_mode="stretch_both", margin=0, styles={"position": "relative"})

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
        for view in (self.map, self.profile, self.rows):
            view.paint(theme)

    def follow(self, change: Change) -> None:
        guard, told = self.place.guard, ""
        with guard("showing the choices"):
            self._follow_controls()
        with guard("drawing the map"):
            self.map.update(change)
        with guard("drawing the profile"):
            self.profile.update(change)
        with guard("drawing the classes"):
            self.rows.update(change)
        with guard("finding the place in the map"):
            if change.touches("granule", "beam", "scene"):
                self._follow_knots()
        with guard("telling the place"):
            told = self._side_html()
        self._side.object = told

    def _follow_controls(self) -> None:
        place = self.place
        self.follow_track(self._granule, self._beam)
        source = place.source
        self._source.follow({item.title: item.key for item in place.sources}, source.key if source else None)
        pair = place.pair
        pairs = place.catalog.scenes_of(place.state.granule)
        titles = {item.scene: words.pair_title(item) for item in pairs}
        self._scene.follow(words.distinct(titles), pair.scene if pair else None)
        scene = place.scene
        possible = tiles.images_of(scene) if scene else []
        self._image.follow({name: key for name, key in IMAGES.items() if key in possible or key == "none"})
        self._contrast.follow(CONTRASTS)

    def _follow_knots(self) -> None:
        self._knots.data = {"x_atc": [], "x": [], "y": []}
        line = self.place.line(self.place.state.beam)
        good = np.isfinite(line.x)
        x_atc = line.x_atc[good] - self.place.origin
        self._knots.data = {"x_atc": x_atc, "x": line.x[good], "y": line.y[good]}

    def _side_html(self) -> str:
        parts = [self._class_legend(), self._place_html(), self._scene_html(), self._symbols_html()]
        return "<div class='side'>" + "".join(parts) + "</div>"

    def _class_legend(self) -> str:
        place = self.place
        if not place.has_segments:
            command = escape(place.workspace.command("resample"))
            return f"<h3>Classes</h3><p>No segments yet. Run:</p><p><code>{command}</code></p>"
        source = place.source
        if source is None:
            command = place.workspace.command("autolabel")
            return f"<h3>Classes</h3><p>No labels yet. Run:</p><p><code>{escape(command)}</code></p>"
        codes = place.workspace.classes(place.state.granule, place.state.beam, source)
        inside = codes[detail.rows_in(place.track.x_atc, *place.state.window)]
        rows = "".join(
            words.swatch(palette.class_colour(code, self.theme))
            + f"<span>{palette.class_name(code)}</span><span class='share'>{words.share(inside == code)}</span>"
            for code in palette.CLASS_CODES
        )
        about = f"<p class='soft'>{escape(source.title)}, {len(inside):,} segments</p>"
        return f"<h3>Classes in view</h3>{about}<div class='legend'>{rows}</div>"

    def _place_html(self) -> str:
        place, state = self.place, self.place.state
        facts = {"Along track": f"{(state.x - place.origin) / 1000:,.3f} km", "In view": words.metres(state.span)}
        if place.has_segments:
            track = place.track
            row = min(int(np.searchsorted(track.x_atc, state.x)), len(track) - 1)
            facts["Latitude"], facts["Longitude"] = words.position(float(track.lat[row]), float(track.lon[row]))
            facts["Background"] = words.rate(float(track.background_rate[row]))
        return "<h3>Middle of the view</h3>" + words.definitions(facts)

    def _scene_html(self) -> str:
        pair, scene = self.place.pair, self.place.scene
        if pair is None or scene is None:
            return ""
        code = scene.crs.to_epsg()
        facts = {
            "Taken": words.instant(scene.time),
            "After the track" if pair.minutes >= 0 else "Before the track": f"{abs(pair.minutes):.1f} min",
            "Level": scene.level or "unknown",
            "Projection": f"EPSG:{code}" if code else scene.crs.name,
        }
        drift = self.place.drift(self.place.state.beam)
        moved = drift is not None and (drift.x, drift.y) != (0.0, 0.0)
        if drift is not None:
            facts["Ice drift"] = f"{drift.x:+.0f}, {drift.y:+.0f} m"
            facts["Confidence"] = f"{drift.confidence:.2f}"
        stretch = None if self.place.state.image == "none" else self._stretch(pair.scene)
        if stretch:
            facts["Reflectance shown"] = stretch
        told = "<p class='soft' style='margin-top:6px'>Beams are drawn where the scene saw their ice.</p>"
        return "<h3>Scene</h3>" + words.definitions(facts) + (told if moved else "")

    def _stretch(self, scene: str) -> str:
        painter = self.place.workspace.painter
        try:
            found = painter.stretch(scene, self.place.state.image, self.place.state.contrast)
        except KeyError:
            return ""
        return f"{found.low:.2f} to {found.high:.2f}"

    def _symbols_html(self) -> str:
        photons = palette.confidence_colours(self.theme)
        names = ("high", "medium", "low", "buffer", "noise")
        rows = "".join(f"<span>{words.swatch(photons[name])}{name}</span>" for name in names)
        far = ""
        if self.place.state.span * 2 > PHOTON_REACH:
            far = f"<p class='soft'>Photons show below {PHOTON_REACH / 2000:.0f} km in view.</p>"
        colours = dict(zip(FLAG_NAMES, FLAG_COLOURS[1:], strict=True))
        flags = "".join(f"<span>{words.swatch(colours[name])}{name}</span>" for name in reversed(FLAG_NAMES))
        line = palette.surface("robust", self.theme).colour
        level = f"<span><span class='line' style='border-color:{line}'></span>sea surface</span>"
        return (
            f"<h3>Photons by confidence</h3>{far}<div class='inline'>{rows}{level}</div>"
            f"<h3>Flags</h3><div class='inline'>{flags}</div>"
        )
