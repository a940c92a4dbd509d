"""Tracks and scene footprints in the polar projection, with a small locator of the whole region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.events import RangesUpdate, Tap
from bokeh.models import ColumnDataSource, Range1d, ScaleBar
from bokeh.plotting import figure
from shapely import Point

from dashboard import palette, words
from dashboard.catalog import ARCTIC
from dashboard.place import Place
from dashboard.views import coast
from dashboard.views import figure as looks

GRANULE_COLOURS = ("#0a6c8f", "#b0417a", "#2a7d4f", "#7b3fa0", "#a15c00", "#3f63c8", "#008f86", "#8f3a2e")
_REGION = 4_300_000.0
_FIELD = {"south": 3_000_000.0, "north": 3_600_000.0}
_TAP = 10.0
_SHORT = 16.0
_NAMED = 60.0
_LOCATOR = 120


class PolarMap:
    """Overview map; ``figure`` and ``locator`` go on the page."""

    def __init__(self, place: Place, theme: str) -> None:
        self.place = place
        self.theme = theme
        self._land_of = ""
        self._fitted = False
        self._moved_by_hand = False
        self._view: coast.Bounds = (-_REGION, -_REGION, _REGION, _REGION)
        self._scale = 1.0
        self.figure = self._build()
        self.locator = self._build_locator()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        colours = palette.theme(theme)
        for plot in (self.figure, self.locator):
            looks.paint(plot, theme, "sea")
        for land in (self._land, self._far_land):
            land.glyph.update(fill_color=colours["land"], line_color=colours["soft"])
        self._grid_lines.glyph.line_color = colours["line"]
        self._grid_names.glyph.update(text_color=colours["soft"], background_fill_color=colours["sea"])
        self._outlines.glyph.update(fill_color=colours["accent"], line_color=colours["accent"])
        self._scene_names.glyph.update(text_color=colours["accent"], background_fill_color=colours["sea"])
        self._box.glyph.update(line_color=colours["mark"], fill_color=colours["mark"])
        self._chosen.glyph.line_color = colours["mark"]
        self._paint_bar(colours)

    def _paint_bar(self, colours: Mapping[str, str]) -> None:
        """A scale bar in a theme's colours; the browser does not see when the colour of one changes."""
        bar = ScaleBar(range=self._x, unit="m", location="bottom_right", bar_length=90, bar_length_units="screen",
                       bar_line_width=2, border_line_color=None, background_fill_alpha=0.8, padding=6, margin=8,
                       label_text_font=looks.FONT, label_text_font_size="11px", bar_line_color=colours["ink"],
                       label_text_color=colours["ink"], background_fill_color=colours["card"])  # fmt: skip
        others = [part for part in self.figure.center if not isinstance(part, ScaleBar)]
        self.figure.center = [*others, bar]

    def update(self) -> None:
        """Draw the catalog; the view is fitted to the data once, and then left to the analyst."""
        self._show_land()
        self._show_scenes()
        self._show_tracks()
        if not self._fitted:
            self._fitted = True
            self.fit()
        self._show_small()

    def fit(self) -> None:
        """Show all tracks and scenes, clear of the locator."""
        self._moved_by_hand = False
        left, bottom, right, top = self._data_bounds()
        width, _ = looks.size(self.figure, 640, 560)
        room = (_LOCATOR + 30) / max(width - _LOCATOR - 30, 100)
        self._show(left - room * max(right - left, 0.6 * (top - bottom)), bottom, right, top)

    def whole(self) -> None:
        """Show the whole region around the pole."""
        self._moved_by_hand = True
        reach = _FIELD["north" if self.place.catalog.crs == ARCTIC else "south"]
        self._show(-reach, -reach, reach, reach)

    def _build(self) -> figure:
        self._x, self._y = Range1d(-_REGION, _REGION), Range1d(-_REGION, _REGION)
        plot = looks.map_figure(
            self._x, self._y, sizing_mode="stretch_both", name="polar-map", min_width=260, min_height=220
        )
        self._rings = ColumnDataSource({"xs": [], "ys": []})
        self._lines = ColumnDataSource({"xs": [], "ys": []})
        self._names = ColumnDataSource({"x": [], "y": [], "name": []})
        self._scenes = ColumnDataSource({"xs": [], "ys": [], "name": [], "when": []})
        self._large = ColumnDataSource({"x": [], "y": [], "name": []})
        self._tracks = ColumnDataSource(_no_tracks())
        self._points = ColumnDataSource(_no_points())
        self._current = ColumnDataSource({"xs": [], "ys": []})
        self._land = plot.patches("xs", "ys", source=self._rings, line_width=0.7)
        self._grid_lines = plot.multi_line("xs", "ys", source=self._lines, line_width=1)
        text = {"text_font": value(looks.FONT), "text_font_size": "10.5px",
                "background_fill_alpha": 0.8, "padding": (3, 1), "border_radius": 3}  # fmt: skip
        self._grid_names = plot.text(
            "x", "y", "name", source=self._names, text_baseline="middle", text_align="center", **text
        )
        self._outlines = plot.patches("xs", "ys", source=self._scenes, fill_alpha=0.10, line_width=1.4)
        self._chosen = plot.multi_line("xs", "ys", source=self._current, line_width=6, line_alpha=0.45)
        drawn = plot.multi_line(
            "xs", "ys", source=self._tracks, line_color="colour", line_width="width", line_cap="round"
        )
        self._scene_names = plot.text(
            "x", "y", "name", source=self._large, x_offset=6, y_offset=-6, text_font_style="bold", **text
        )
        facts = [("Granule", "@granule"), ("Beam", "@beam"), ("Segments", "@rows")]
        plot.add_tools(looks.hover(drawn, facts, line_policy="interp"))
        plot.scatter("x", "y", source=self._points, size=11, fill_color="colour", line_color="#ffffff", line_width=1.5)
        facts = [("Scene", "@name"), ("Taken", "@when")]
        plot.add_tools(looks.hover(self._outlines, facts, limit=4))
        plot.on_event(RangesUpdate, self._moved)
        plot.on_event(Tap, self._tapped)
        for name in ("inner_width", "inner_height"):
            plot.on_change(name, self._resized)
        return plot

    def _build_locator(self) -> figure:
        reach = _FIELD["south"]
        plot = figure(width=_LOCATOR, height=_LOCATOR, x_range=Range1d(-reach, reach), y_range=Range1d(-reach, reach),
                      tools=[], toolbar_location=None, min_border=0, name="locator")  # fmt: skip
        plot.axis.visible = plot.grid.visible = False
        self._far_rings = ColumnDataSource({"xs": [], "ys": []})
        self._marker = ColumnDataSource({"x": [], "y": [], "w": [], "h": []})
        self._far_land = plot.patches("xs", "ys", source=self._far_rings, line_width=0.4)
        self._box = plot.rect("x", "y", "w", "h", source=self._marker, fill_alpha=0.15, line_width=2)
        plot.on_event(Tap, self._located)
        return plot

    def _show_land(self) -> None:
        crs = self.place.catalog.crs
        if self._land_of == crs:
            return
        self._land_of = crs
        rings = coast.coastline(crs)
        self._rings.data = {"xs": [ring[:, 0] for ring in rings], "ys": [ring[:, 1] for ring in rings]}
        far = coast.outline(crs, 40_000.0)
        self._far_rings.data = {"xs": [ring[:, 0] for ring in far], "ys": [ring[:, 1] for ring in far]}
        reach = _FIELD["north" if crs == ARCTIC else "south"]
        for axis in (self.locator.x_range, self.locator.y_range):
            axis.update(start=-reach, end=reach)

    def _show_scenes(self) -> None:
        data: dict[str, list[Any]] = {name: [] for name in self._scenes.data}
        for scene in self.place.catalog.scenes:
            if scene.outline is None:
                continue
            ring = np.asarray(scene.outline.exterior.coords)
            row = (ring[:, 0], ring[:, 1], scene.ident, words.instant(scene.time))
            for name, entry in zip(("xs", "ys", "name", "when"), row, strict=True):
                data[name].append(entry)
        self._scenes.data = data

    def _show_tracks(self) -> None:
        data = _no_tracks()
        by_granule = self.place.state.tint == "granule"
        colours = palette.theme(self.theme)
        for number, granule in enumerate(self.place.catalog.granules):
            for beam in granule.beams:
                tint = colours["ink"] if beam.strong else colours["soft"]
                data["xs"].append(beam.line.x)
                data["ys"].append(beam.line.y)
                data["colour"].append(GRANULE_COLOURS[number % len(GRANULE_COLOURS)] if by_granule else tint)
                data["width"].append(2.6 if beam.strong else 1.4)
                data["granule"].append(words.granule_title(granule.ident, granule.time))
                data["beam"].append(words.beam_title(beam.name, beam.strong))
                data["rows"].append(f"{beam.rows:,}" if beam.rows else "none yet")
        self._tracks.data = data
        chosen = self.place.granule
        lines = [beam.line for beam in chosen.beams if beam.name == self.place.state.beam] if chosen else []
        self._current.data = {"xs": [line.x for line in lines], "ys": [line.y for line in lines]}

    def _show_small(self) -> None:
        """A dot for each granule too short to be seen as a line, and the names of scenes large enough for one."""
        width, _ = looks.size(self.figure, 640, 560)
        pixel = (self._view[2] - self._view[0]) / width
        points = _no_points()
        for number, granule in enumerate(self.place.catalog.granules):
            lines = [beam.line for beam in granule.beams if not beam.line.empty]
            if lines and granule.length < _SHORT * pixel:
                points["x"].append(float(np.nanmean(lines[0].x)))
                points["y"].append(float(np.nanmean(lines[0].y)))
                points["colour"].append(GRANULE_COLOURS[number % len(GRANULE_COLOURS)])
        self._points.data = points
        scenes = [scene for scene in self.place.catalog.scenes if scene.outline is not None]
        large = [scene for scene in scenes if scene.outline and np.sqrt(scene.outline.area) > _NAMED * pixel]
        corners = [min(scene.outline.exterior.coords) for scene in large if scene.outline is not None]
        names = [words.scene_title(scene.ident) for scene in large]
        self._large.data = {"x": [x for x, _ in corners], "y": [y for _, y in corners], "name": names}

    def _data_bounds(self) -> coast.Bounds:
        boxes = [scene.outline.bounds for scene in self.place.catalog.scenes if scene.outline is not None]
        for granule in self.place.catalog.granules:
            for beam in granule.beams:
                if not beam.line.empty:
                    x, y = beam.line.x, beam.line.y
                    boxes.append((np.nanmin(x), np.nanmin(y), np.nanmax(x), np.nanmax(y)))
        if not boxes:
            return (-_REGION * 0.7, -_REGION * 0.7, _REGION * 0.7, _REGION * 0.7)
        low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
        room = max(0.12 * max(high[2] - low[0], high[3] - low[1]), 1_000.0)
        return float(low[0] - room), float(low[1] - room), float(high[2] + room), float(high[3] + room)

    def _show(self, left: float, bottom: float, right: float, top: float) -> None:
        """Show at least this box, at one scale both ways."""
        width, height = looks.size(self.figure, 640, 560)
        scale = max((right - left) / width, (top - bottom) / height) / 2
        x, y = (left + right) / 2, (bottom + top) / 2
        self._x.update(start=x - scale * width, end=x + scale * width)
        self._y.update(start=y - scale * height, end=y + scale * height)
        self._seen()

    def _keep_scale(self) -> None:
        """Show as many metres a pixel as before around the same middle."""
        left, bottom, right, top = self._view
        width, height = looks.size(self.figure, 640, 560)
        half_x, half_y = self._scale * width / 2, self._scale * height / 2
        x, y = (left + right) / 2, (bottom + top) / 2
        self._show(x - half_x, y - half_y, x + half_x, y + half_y)

    def _seen(self) -> None:
        """Graticule and locator follow the view."""
        self._view = (float(self._x.start), float(self._y.start), float(self._x.end), float(self._y.end))
        self._scale = (self._view[2] - self._view[0]) / looks.size(self.figure, 640, 560)[0]
        self._show_small()
        taken = list(zip(self._large.data["x"], self._large.data["y"], strict=True))
        lines = coast.graticule(self.place.catalog.crs, self._view, taken)
        self._lines.data = {"xs": lines.xs, "ys": lines.ys}
        self._names.data = {"x": lines.label_x, "y": lines.label_y, "name": lines.label}
        left, bottom, right, top = self._view
        smallest = 0.05 * float(self.locator.x_range.end - self.locator.x_range.start)
        size = (max(right - left, smallest), max(top - bottom, smallest))
        self._marker.data = {"x": [(left + right) / 2], "y": [(bottom + top) / 2], "w": [size[0]], "h": [size[1]]}

    def _resized(self, _name: str, _old: Any, _new: Any) -> None:
        """Fit to the new size, or keep the place and the scale that the analyst chose."""
        with self.place.guard("fitting the map"):
            if self._moved_by_hand:
                self._keep_scale()
            else:
                self.fit()

    def _moved(self, event: RangesUpdate) -> None:
        with self.place.guard("moving the map"):
            self._moved_by_hand = True
            self._x.update(start=event.x0, end=event.x1)
            self._y.update(start=event.y0, end=event.y1)
            self._seen()

    def _located(self, event: Tap) -> None:
        with self.place.guard("moving the map"):
            self._moved_by_hand = True
            half = (self._view[2] - self._view[0]) / 2
            self._show(event.x - half, event.y - half, event.x + half, event.y + half)

    def _tapped(self, event: Tap) -> None:
        """A track leads to its page at that place; a footprint to the granule nearest in time over it."""
        with self.place.guard("choosing in the map"):
            width, _ = looks.size(self.figure, 640, 560)
            reach = _TAP * (self._view[2] - self._view[0]) / width
            near = self.place.catalog.tracks_near(event.x, event.y, reach)
            if near:
                _, granule, beam, x_atc = min(near)
                self.place.state.move(page="review", granule=granule, beam=beam, x=x_atc)
                return
            self._tapped_scene(Point(event.x, event.y))

    def _tapped_scene(self, point: Point) -> None:
        inside = {
            scene.ident
            for scene in self.place.catalog.scenes
            if scene.outline is not None and scene.outline.contains(point)
        }
        pairs = [pair for pair in self.place.catalog.pairs if pair.scene in inside]
        if pairs:
            nearest = min(pairs, key=lambda pair: abs(pair.minutes))
            self.place.state.move(page="review", granule=nearest.granule, scene=nearest.scene, beam="", x=float("nan"))


def _no_tracks() -> dict[str, list[Any]]:
    return {name: [] for name in ("xs", "ys", "colour", "width", "granule", "beam", "rows")}


def _no_points() -> dict[str, list[Any]]:
    return {"x": [], "y": [], "colour": []}
