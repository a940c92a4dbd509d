"""The figure of the map and the sources that fill it, from the lowest mark to the highest."""

from __future__ import annotations

import textwrap

from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, Label, Range1d, ScaleBar

from dashboard import palette
from dashboard.views import figure as looks
from dashboard.views.beam_lines import NO_CASING, NO_LINES
from dashboard.views.colouring import Scheme
from dashboard.views.map_legend import SHADE, MapLegend, overlay_entries
from dashboard.views.map_marks import NO_ENDS, NO_MARKS

CURRENT, OTHER = 6.0, 3.0
ZONE_ROOM = 8.0
"""How far a zone's outline runs beside the beam, pixels."""
HAND_ROOM = 12.0
"""The same for the zone at hand."""
_CASING = 3.0
_BAR = 80
_ENTRIES, _OVERLAID = 8, 3
_LINE = 64


class MapLayers:
    """Sources of the map's marks over the image.

    Attributes
    ----------
    stretch, ends : the part of the beam in the profile. selection : selected segments. zones, done, hand : outlines of
    zones to do, done and at hand. others, current : coloured beams with their casings. names : of beams. hover : the
    spot under the mouse, set in the browser.
    """

    def __init__(self, x: Range1d, y: Range1d) -> None:
        self.figure = looks.map_figure(
            x, y, sizing_mode="stretch_both", name="scene-map", min_width=200, min_height=160
        )
        self.stretch, self.selection = ColumnDataSource(dict(NO_MARKS)), ColumnDataSource(dict(NO_MARKS))
        self.zones, self.done, self.hand = (ColumnDataSource(dict(NO_MARKS)) for _ in range(3))
        self.others, self.current = ColumnDataSource(dict(NO_LINES)), ColumnDataSource(dict(NO_LINES))
        self.other_casing, self.current_casing = (ColumnDataSource(dict(NO_CASING)) for _ in range(2))
        self.ends = ColumnDataSource(dict(NO_ENDS))
        self.names = ColumnDataSource({"x": [], "y": [], "name": []})
        self.hover = ColumnDataSource({"x": [], "y": []})
        self._draw_beams()
        self._draw_marks()
        self._note = Label(x=12, y=46, x_units="screen", y_units="screen", text="", text_font=looks.FONT,
                           text_font_size="12px", padding=(18, 6), border_radius=4, visible=False)  # fmt: skip
        self.figure.add_layout(self._note)
        self.figure.add_layout(_scale_bar(x))
        self.legend = MapLegend(self.figure, _ENTRIES, up=10)
        self.overlay_legend = MapLegend(self.figure, _OVERLAID, up=40)

    def paint(self, theme: str) -> None:
        """Follow the theme; what lies over the image keeps its colours."""
        looks.paint(self.figure, theme, "sea")
        colours = palette.theme(theme)
        self._note.update(text_color=colours["ink"], background_fill_color=colours["card"], background_fill_alpha=0.88)
        self.legend.paint()
        self.overlay_legend.paint()

    def clear(self) -> None:
        """Draw nothing of any beam."""
        for source in (self.others, self.current):
            source.data = dict(NO_LINES)
        for source in (self.other_casing, self.current_casing, self.selection, self.zones, self.done, self.hand):
            source.data = dict(NO_MARKS)
        self.names.data = {"x": [], "y": [], "name": []}
        self.clear_stretch()

    def clear_stretch(self) -> None:
        """No stretch of the profile."""
        self.stretch.data = dict(NO_MARKS)
        self.ends.data = dict(NO_ENDS)

    def tell(self, note: str) -> None:
        """Say why something is not there."""
        text = "\n".join(textwrap.wrap(note, _LINE))
        if text != self._note.text:
            self._note.update(text=text, visible=bool(text))

    def explain(self, scheme: Scheme, overlay: str) -> None:
        """Name the colours of the beams, and those of the overlay where they are others."""
        self.legend.explain(scheme.legend)
        same = (scheme.mode, overlay) == ("label", "labels")
        self.overlay_legend.explain(() if same else overlay_entries(overlay))

    def _draw_beams(self) -> None:
        dark, plot = palette.over_scene("casing"), self.figure
        looks.draw(
            plot,
            "multi_line",
            "xs",
            "ys",
            source=self.stretch,
            line_color=palette.over_scene("stretch"),
            line_width=17,
            line_alpha=0.32,
            line_cap="butt",
        )
        for source, role in ((self.done, "zone-done"), (self.zones, "zone")):
            looks.draw(plot, "multi_line", "xs", "ys", source=source, line_color=dark, line_width=3, line_alpha=0.55)
            looks.draw(
                plot, "multi_line", "xs", "ys", source=source, line_color=palette.over_scene(role), line_width=1.2
            )
        self._draw_lines(self.others, self.other_casing, OTHER)
        chosen = palette.over_scene("selection")
        looks.draw(
            plot, "multi_line", "xs", "ys", source=self.selection, line_color=dark, line_width=20, line_alpha=0.8
        )
        looks.draw(plot, "multi_line", "xs", "ys", source=self.selection, line_color=chosen, line_width=16)
        self._draw_lines(self.current, self.current_casing, CURRENT)

    def _draw_lines(self, lines: ColumnDataSource, casing: ColumnDataSource, width: float) -> None:
        dark, plot = palette.over_scene("casing"), self.figure
        looks.draw(
            plot, "multi_line", "xs", "ys", source=casing, line_color=dark, line_width=width + _CASING, line_alpha=0.75
        )
        looks.draw(plot, "multi_line", "xs", "ys", source=lines, line_color="colour", line_width=width, line_cap="butt")

    def _draw_marks(self) -> None:
        dark, plot = palette.over_scene("casing"), self.figure
        looks.draw(plot, "segment", "x0", "y0", "x1", "y1", source=self.ends, line_color=dark, line_width=4)
        looks.draw(
            plot,
            "segment",
            "x0",
            "y0",
            "x1",
            "y1",
            source=self.ends,
            line_color=palette.over_scene("stretch"),
            line_width=2,
        )
        hand = palette.over_scene("zone-at-hand")
        looks.draw(plot, "multi_line", "xs", "ys", source=self.hand, line_color=dark, line_width=5, line_alpha=0.8)
        looks.draw(plot, "multi_line", "xs", "ys", source=self.hand, line_color=hand, line_width=2.5)
        looks.draw(plot, "text", "x", "y", "name", source=self.names, text_color="#ffffff", background_fill_color=dark,
                  background_fill_alpha=0.66, padding=(6, 3), border_radius=4, text_font=value(looks.FONT),
                  text_font_size="11px", text_baseline="middle", x_offset=10)  # fmt: skip
        mark = palette.theme("light")["mark"]
        looks.draw(
            plot, "scatter", "x", "y", source=self.hover, size=12, fill_color=mark, line_color="#ffffff", line_width=2
        )


def _scale_bar(x: Range1d) -> ScaleBar:
    return ScaleBar(
        range=x,
        unit="m",
        location="bottom_right",
        bar_length=_BAR,
        bar_length_units="screen",
        bar_line_width=3,
        background_fill_color=palette.over_scene("casing"),
        background_fill_alpha=SHADE,
        border_line_color=None,
        bar_line_color="#ffffff",
        label_text_color="#ffffff",
        label_text_font=looks.FONT,
        label_text_font_size="11px",
        padding=7,
        margin=10,
    )
