"""Where measurements were matched, on the polar map, coloured by ours minus theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyproj
from bokeh.events import RangesUpdate, Tap
from bokeh.models import ColorBar, ColumnDataSource, FixedTicker, LinearColorMapper, Range1d
from bokeh.palettes import RdBu11
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.beside_products import Matched
from dashboard.place import Place
from dashboard.views import coast
from dashboard.views import figure as looks
from dashboard.views.freeboard_map_layers import scale_bar
from dashboard.views.map_marks import NO_MARKS

_REACH = 10.0
_ROOM = 0.15
_LEAST = 2_000.0
_POINTS: dict[str, list[Any]] = {"x": [], "y": [], "off": []}
_NAMES: dict[str, list[Any]] = {"x": [], "y": [], "name": []}


class MatchMap:
    """``figure``; ``go`` is called with the row of the match that was clicked."""

    def __init__(self, place: Place, theme: str, go: Callable[[int], None]) -> None:
        self.place = place
        self._go = go
        self.x, self.y = Range1d(-1e6, 1e6), Range1d(-1e6, 1e6)
        self.figure = looks.map_figure(self.x, self.y, sizing_mode="stretch_both", name="match-map")
        self.rings, self.grid = ColumnDataSource(dict(NO_MARKS)), ColumnDataSource(dict(NO_MARKS))
        self.names = ColumnDataSource(dict(_NAMES))
        self.points = ColumnDataSource(dict(_POINTS), name="match-points")
        self.chosen = ColumnDataSource({"x": [], "y": []})
        self._box: coast.Bounds | None = None
        self._land = self.figure.patches("xs", "ys", source=self.rings, line_width=0.7)
        self._grid = looks.draw(self.figure, "multi_line", "xs", "ys", source=self.grid, line_width=1)
        self._text = looks.draw(self.figure, "text", "x", "y", "name", source=self.names, text_font_size="10.5px",
                                text_baseline="middle", text_align="center", background_fill_alpha=0.8)  # fmt: skip
        self._chosen = looks.draw(self.figure, "scatter", "x", "y", source=self.chosen, size=12)
        self._mapper = LinearColorMapper(palette=list(RdBu11), low=-1.0, high=1.0)
        self._points = looks.draw(self.figure, "scatter", "x", "y", source=self.points, size=7, line_width=0.4,
                                  fill_color={"field": "off", "transform": self._mapper})  # fmt: skip
        self._ticker = FixedTicker(ticks=[-1.0, 0.0, 1.0])
        self.figure.add_layout(self._colour_bar())
        self.figure.add_layout(scale_bar(self.x))
        self.figure.on_event(RangesUpdate, self._moved)
        self.figure.on_event(Tap, self._tapped)
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._resized)
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        looks.paint(self.figure, theme, "sea")
        ink = palette.theme(theme)
        self._land.glyph.update(fill_color=ink["land"], line_color=ink["soft"])
        self._grid.glyph.line_color = ink["line"]
        self._text.glyph.update(text_color=ink["soft"], background_fill_color=ink["sea"])
        self._points.glyph.line_color = ink["ink"]
        self._chosen.glyph.update(fill_color=ink["warn"], line_color=None)

    def show(self, found: Matched) -> None:
        """Draw matches and fit the view to them."""
        one = found.matches
        x, y = pyproj.Transformer.from_crs("EPSG:4326", self.place.catalog.crs, always_xy=True).transform(
            one.lon, one.lat
        )
        off = one.ours - one.theirs
        most = float(np.nanpercentile(np.abs(off), 95)) if len(off) else 0.1
        most = max(float(detail.nice_step(max(most, 1e-3))), 0.01)
        self._mapper.update(low=-most, high=most)
        self._ticker.ticks = [-most, 0.0, most]
        self.points.data = {"x": x, "y": y, "off": off}
        self._box = None if len(x) == 0 else (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
        self._fit()

    def mark(self, chosen: NDArray[np.bool_] | None) -> None:
        """Let chosen matches stand out."""
        rows = np.flatnonzero(chosen) if chosen is not None else np.zeros(0, np.int64)
        x, y = (np.asarray(self.points.data[name])[rows] if len(rows) else np.zeros(0) for name in ("x", "y"))
        self.chosen.data = {"x": x, "y": y}

    def _fit(self) -> None:
        if self._box is None:
            return
        left, bottom, right, top = self._box
        width, height = looks.size(self.figure, 760, 250)
        room = max(_ROOM * max(right - left, top - bottom), _LEAST)
        scale = max((right - left + 2 * room) / width, (top - bottom + 2 * room) / height)
        x, y = (left + right) / 2, (bottom + top) / 2
        self.x.update(start=x - scale * width / 2, end=x + scale * width / 2)
        self.y.update(start=y - scale * height / 2, end=y + scale * height / 2)
        self._draw_ground()

    def _draw_ground(self) -> None:
        crs = self.place.catalog.crs
        if not self.rings.data["xs"]:
            rings = coast.coastline(crs)
            self.rings.data = {"xs": [ring[:, 0] for ring in rings], "ys": [ring[:, 1] for ring in rings]}
        view = (float(self.x.start), float(self.y.start), float(self.x.end), float(self.y.end))
        lines = coast.graticule(crs, view)
        self.grid.data = {"xs": lines.xs, "ys": lines.ys}
        self.names.data = {"x": lines.label_x, "y": lines.label_y, "name": lines.label}

    def _moved(self, event: RangesUpdate) -> None:
        with self.place.guard("moving the map"):
            self.x.update(start=event.x0, end=event.x1)
            self.y.update(start=event.y0, end=event.y1)
            self._draw_ground()

    def _resized(self, _name: str, _old: Any, _new: Any) -> None:
        with self.place.guard("fitting the map"):
            self._fit()

    def _tapped(self, event: Tap) -> None:
        x, y = (np.asarray(self.points.data[name]) for name in ("x", "y"))
        if len(x) == 0:
            return
        scale = (float(self.x.end) - float(self.x.start)) / looks.size(self.figure, 760, 250)[0]
        away = np.hypot(x - event.x, y - event.y)
        row = int(np.argmin(away))
        if away[row] <= _REACH * scale:
            self._go(row)

    def _colour_bar(self) -> ColorBar:
        white = {"title_text_color": "#ffffff", "major_label_text_color": "#ffffff", "major_tick_line_color": "#ffffff"}
        return ColorBar(
            color_mapper=self._mapper, ticker=self._ticker, orientation="horizontal", location="top_left", width=132,
            height=9, title="Ours − theirs (m)", padding=8, margin=8, title_standoff=4, label_standoff=5,
            bar_line_color=None, title_text_font=looks.FONT, title_text_font_size="11px",
            title_text_font_style="normal", major_label_text_font=looks.FONT, major_label_text_font_size="10.5px",
            border_line_color=None, background_fill_color=palette.over_scene("casing"), background_fill_alpha=0.72,
            **white,
        )  # fmt: skip
