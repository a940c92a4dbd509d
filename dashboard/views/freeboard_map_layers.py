"""The figure of the freeboard map: land or scene below, beams coloured by freeboard, leads, the stretch in view."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColorBar, ColumnDataSource, FixedTicker, Label, LinearColorMapper, Range1d, ScaleBar

from dashboard import palette
from dashboard.views import coast
from dashboard.views import figure as looks
from dashboard.views.beam_lines import NO_CASING, NO_LINES
from dashboard.views.freeboard_on_map import COLOURS, ticks
from dashboard.views.map_marks import NO_ENDS, NO_MARKS

CURRENT, OTHER = 6.0, 3.5
_CASING = 3.0
_BAR = 132
_NO_NAMES: dict[str, list[Any]] = {"x": [], "y": [], "name": []}
_NO_POINTS: dict[str, list[Any]] = {"x": [], "y": []}


class FreeboardLayers:
    """Sources of what the map draws, from the lowest to the highest.

    Attributes
    ----------
    rings, grid, grid_names : land and graticule, in the polar projection only. scenes : outlines there.
    stretch, ends : the part of the beam in the profile. lines, casing : beams. leads : their middles. names : of beams.
    """

    def __init__(self, x: Range1d, y: Range1d) -> None:
        self.figure = looks.map_figure(x, y, sizing_mode="stretch_both", name="freeboard-map")
        self.rings, self.scenes, self.grid, self.stretch = (ColumnDataSource(dict(NO_MARKS)) for _ in range(4))
        self.grid_names, self.names = ColumnDataSource(dict(_NO_NAMES)), ColumnDataSource(dict(_NO_NAMES))
        self.ends = ColumnDataSource(dict(NO_ENDS))
        self.lines = ColumnDataSource({**NO_LINES, "width": []}, name="freeboard-map-lines")
        self.casing = ColumnDataSource({**NO_CASING, "width": []})
        self.leads = ColumnDataSource(dict(_NO_POINTS), name="freeboard-map-leads")
        self._draw_ground()
        self._draw_beams()
        self._mapper = LinearColorMapper(palette=list(COLOURS[1:]), low=0.0, high=1.0)
        self._ticker = FixedTicker(ticks=[0.0, 1.0])
        self.figure.add_layout(self._colour_bar())
        self.figure.add_layout(scale_bar(x))
        self._note = Label(x=10, y=80, x_units="screen", y_units="screen", text="", text_font=looks.FONT,
                           text_font_size="12px", padding=(14, 6), border_radius=4, visible=False)  # fmt: skip
        self.figure.add_layout(self._note)

    def paint(self, theme: str) -> None:
        """Follow the theme; what may lie over a scene keeps its colours."""
        looks.paint(self.figure, theme, "sea")
        ink = palette.theme(theme)
        self._land.glyph.update(fill_color=ink["land"], line_color=ink["soft"])
        self._outlines.glyph.update(fill_color=ink["accent"], line_color=ink["accent"])
        self._grid.glyph.line_color = ink["line"]
        self._grid_text.glyph.update(text_color=ink["soft"], background_fill_color=ink["sea"])
        self._note.update(text_color=ink["ink"], background_fill_color=ink["card"], background_fill_alpha=0.9)

    def tell(self, note: str) -> None:
        """Say why nothing is there."""
        if note != self._note.text:
            self._note.update(text=note, visible=bool(note))

    def show_limits(self, ends: tuple[float, float]) -> None:
        """Let the colours reach from one freeboard to another, m."""
        if (self._mapper.low, self._mapper.high) != ends:
            self._mapper.update(low=ends[0], high=ends[1])
            self._ticker.ticks = ticks(ends)

    def show_polar(self, crs: str, view: coast.Bounds, outlines: list[np.ndarray]) -> None:
        """Land, graticule and the outlines of scenes in a view of the polar projection."""
        if not self.rings.data["xs"]:
            rings = coast.coastline(crs)
            self.rings.data = {"xs": [ring[:, 0] for ring in rings], "ys": [ring[:, 1] for ring in rings]}
        lines = coast.graticule(crs, view)
        self.grid.data = {"xs": lines.xs, "ys": lines.ys}
        self.grid_names.data = {"x": lines.label_x, "y": lines.label_y, "name": lines.label}
        self.scenes.data = {"xs": [ring[:, 0] for ring in outlines], "ys": [ring[:, 1] for ring in outlines]}

    def hide_polar(self) -> None:
        """No land and no graticule: a scene lies below."""
        for source in (self.rings, self.grid, self.scenes):
            if source.data["xs"]:
                source.data = dict(NO_MARKS)
        if self.grid_names.data["x"]:
            self.grid_names.data = dict(_NO_NAMES)

    def clear(self) -> None:
        """Draw nothing of any beam."""
        self.lines.data, self.casing.data = {**NO_LINES, "width": []}, {**NO_CASING, "width": []}
        self.leads.data, self.names.data = dict(_NO_POINTS), dict(_NO_NAMES)
        self.stretch.data, self.ends.data = dict(NO_MARKS), dict(NO_ENDS)

    def _draw_ground(self) -> None:
        plot = self.figure
        self._land = plot.patches("xs", "ys", source=self.rings, line_width=0.7)
        self._grid = looks.draw(plot, "multi_line", "xs", "ys", source=self.grid, line_width=1)
        self._outlines = plot.patches("xs", "ys", source=self.scenes, fill_alpha=0.1, line_width=1.2)
        self._grid_text = looks.draw(
            plot, "text", "x", "y", "name", source=self.grid_names, text_font=value(looks.FONT), padding=(3, 1),
            text_font_size="10.5px", text_baseline="middle", text_align="center", background_fill_alpha=0.8,
        )  # fmt: skip

    def _draw_beams(self) -> None:
        dark, plot = palette.over_scene("casing"), self.figure
        pale = palette.over_scene("stretch")
        looks.draw(plot, "multi_line", "xs", "ys", source=self.stretch, line_color=dark, line_width=19, line_alpha=0.35)
        looks.draw(plot, "multi_line", "xs", "ys", source=self.stretch, line_color=pale, line_width=16, line_alpha=0.5)
        for source, colour, alpha in ((self.casing, dark, 0.8), (self.lines, "colour", 1.0)):
            looks.draw(plot, "multi_line", "xs", "ys", source=source, line_color=colour, line_width="width",
                       line_alpha=alpha, line_cap="butt")  # fmt: skip
        for width, colour in ((4, dark), (2, pale)):
            looks.draw(plot, "segment", "x0", "y0", "x1", "y1", source=self.ends, line_color=colour, line_width=width)
        looks.draw(plot, "scatter", "x", "y", source=self.leads, size=9, marker="diamond", line_color="#ffffff",
                   line_width=1.3, fill_color=palette.class_colour(2, "scene"))  # fmt: skip
        looks.draw(plot, "text", "x", "y", "name", source=self.names, text_color="#ffffff", background_fill_color=dark,
                   background_fill_alpha=0.66, padding=(6, 3), border_radius=4, text_font=value(looks.FONT),
                   text_font_size="11px", text_baseline="middle", x_offset=10)  # fmt: skip

    def _colour_bar(self) -> ColorBar:
        white = {"title_text_color": "#ffffff", "major_label_text_color": "#ffffff", "major_tick_line_color": "#ffffff"}
        return ColorBar(
            color_mapper=self._mapper, ticker=self._ticker, orientation="horizontal", location="bottom_left",
            width=_BAR, height=9, title="Freeboard (m)", padding=8, margin=8, title_standoff=4, label_standoff=5,
            bar_line_color=None,
            title_text_font=looks.FONT, title_text_font_size="11px", title_text_font_style="normal",
            major_label_text_font=looks.FONT, major_label_text_font_size="10.5px", border_line_color=None,
            background_fill_color=palette.over_scene("casing"), background_fill_alpha=0.72, **white,
        )  # fmt: skip


def scale_bar(x: Range1d) -> ScaleBar:
    """A scale bar that reads over a scene in either theme."""
    return ScaleBar(
        range=x, unit="m", location="bottom_right", bar_length=72, bar_length_units="screen", bar_line_width=3,
        background_fill_color=palette.over_scene("casing"), background_fill_alpha=0.72, border_line_color=None,
        bar_line_color="#ffffff", label_text_color="#ffffff", label_text_font=looks.FONT, label_text_font_size="11px",
        padding=7, margin=8,
    )  # fmt: skip
