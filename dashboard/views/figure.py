"""Figures that look alike: type, grid, margins and tools in one place, and repainted when the theme changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import (
    ColumnDataSource,
    CustomJSTickFormatter,
    Glyph,
    GlyphRenderer,
    HoverTool,
    PanTool,
    Range1d,
    WheelZoomTool,
    glyphs,
)
from bokeh.plotting import figure

from dashboard import palette

FONT = "Inter, system-ui, Liberation Sans, sans-serif"
LEFT, RIGHT = 62, 14
_CARD = """
:host { background: var(--card) !important; border-color: var(--line) !important; border-radius: 8px;
  --tooltip-arrow-color: var(--line) !important; --tooltip-arrow-inner-color: var(--card) !important; }
div.card { display: grid; grid-template-columns: auto auto; gap: 1px 12px; padding: 2px 5px; color: var(--ink);
  font: 12px Inter, sans-serif; }
"""
"""Style of a hover card; it stands within the card, for of the page only the themes' colours reach it."""

_KILOMETRES = "return (tick / 1000).toLocaleString('en', {maximumFractionDigits: 4})"


def profile_figure(x_range: Range1d, y_range: Range1d, **options: Any) -> figure:
    """A figure along the track: pans and zooms along x only, fixed side margins so that stacked figures align."""
    plot = figure(
        x_range=x_range,
        y_range=y_range,
        tools=[],
        toolbar_location=None,
        output_backend="canvas",
        min_border_left=LEFT,
        min_border_right=RIGHT,
        min_border_top=9,
        min_border_bottom=7,
        **options,
    )
    pan, wheel = PanTool(dimensions="width"), WheelZoomTool(dimensions="width", speed=1 / 500)
    plot.add_tools(pan, wheel)
    plot.toolbar.active_drag, plot.toolbar.active_scroll = pan, wheel
    plot.yaxis.fixed_location = None
    return plot


def map_figure(x_range: Range1d, y_range: Range1d, **options: Any) -> figure:
    """A figure in metres of a projection: no axes, pans and zooms both ways."""
    plot = figure(x_range=x_range, y_range=y_range, tools=[], toolbar_location=None, min_border=0, **options)
    pan, wheel = PanTool(), WheelZoomTool(zoom_on_axis=False, speed=1 / 500)
    plot.add_tools(pan, wheel)
    plot.toolbar.active_drag, plot.toolbar.active_scroll = pan, wheel
    plot.axis.visible = False
    plot.grid.visible = False
    plot.outline_line_width = 0
    return plot


_GLYPHS: dict[str, type[Glyph]] = {
    "image": glyphs.Image,
    "image_rgba": glyphs.ImageRGBA,
    "line": glyphs.Line,
    "multi_line": glyphs.MultiLine,
    "patch": glyphs.Patch,
    "quad": glyphs.Quad,
    "scatter": glyphs.Scatter,
    "segment": glyphs.Segment,
    "text": glyphs.Text,
    "vspan": glyphs.VSpan,
    "vstrip": glyphs.VStrip,
}
_OF_RENDERER = ("level", "name", "visible", "coordinates")


def draw(plot: figure, kind: str, *places: Any, source: ColumnDataSource, **how: Any) -> GlyphRenderer:
    """Draw with one glyph, as ``plot.KIND(...)`` does with three.

    Nothing here is selected or muted by the figure itself, and the glyphs for that would be two thirds of what a
    page's session makes and a browser takes in.
    """
    renderer = {name: how.pop(name) for name in _OF_RENDERER if name in how}
    kept = _GLYPHS[kind]
    traits = {trait: how.pop(trait) for trait in ("color", "alpha") if trait in how}
    for trait, value in traits.items():
        fits = (f"{part}_{trait}" for part in ("line", "fill", "text"))
        how = {name: value for name in fits if name in kept.properties()} | how
    glyph = kept(**dict(zip(kept._args, places, strict=False)), **how)
    none = dict.fromkeys(("selection_glyph", "nonselection_glyph", "hover_glyph", "muted_glyph"))
    return plot.add_glyph(source, glyph, **none, **renderer)


def kilometre_ticks() -> CustomJSTickFormatter:
    """Shows an axis in metres as kilometres."""
    return CustomJSTickFormatter(code=_KILOMETRES)


def paint(plot: figure, theme: str, background: str = "card") -> None:
    """Give a figure the colours and the type of a theme."""
    colours = palette.theme(theme)
    plot.update(
        background_fill_color=colours[background],
        border_fill_color=colours["card"],
        outline_line_color=colours["line"],
    )
    for axis in plot.axis:
        axis.update(
            axis_line_color=None,
            major_tick_line_color=colours["line"],
            minor_tick_line_color=None,
            major_label_text_color=colours["soft"],
            axis_label_text_color=colours["soft"],
            major_label_text_font=FONT,
            axis_label_text_font=FONT,
            major_label_text_font_size="11px",
            axis_label_text_font_size="11.5px",
            axis_label_text_font_style="normal",
            axis_label_standoff=6,
        )
    for lines in plot.grid:
        lines.update(grid_line_color=colours["grid"], grid_line_width=1)
    for legend in plot.legend:
        legend.update(
            label_text_color=colours["ink"],
            label_text_font=FONT,
            label_text_font_size="11px",
            background_fill_color=colours["card"],
            background_fill_alpha=0.85,
            border_line_color=None,
        )


def hover(renderer: GlyphRenderer, rows: Iterable[tuple[str, str]], limit: int = 1, **options: Any) -> HoverTool:
    """A hover card of label and value, themed by the page's variables, for at most ``limit`` of the things hit."""
    cells = "".join(f"<span style='color:var(--soft)'>{name}</span><span>{value}</span>" for name, value in rows)
    card = f"<div class='card'><style>{_CARD}</style>{cells}</div>"
    return HoverTool(renderers=[renderer], tooltips=card, limit=limit, **options)


def size(plot: figure, width: int, height: int) -> tuple[int, int]:
    """Pixels inside a figure's frame, or the given ones before the browser has laid it out."""
    try:
        return int(plot.inner_width) or width, int(plot.inner_height) or height
    except UnsetValueError:
        return width, height
