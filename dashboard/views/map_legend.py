"""Names of colours in a corner of a map."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, Legend, LegendItem
from bokeh.plotting import figure

from dashboard import overlays, palette
from dashboard.views import figure as looks
from dashboard.views.colouring import Entry

SHADE = 0.62
"""How dark the ground is that marks over an image are named on."""
_AIR = "\u2002"
"""Room after a name: it is measured before the page's own type, which is wider, has come."""


class MapLegend:
    """Swatches with names, side by side at the lower left; made once for at most ``most`` of them."""

    def __init__(self, plot: figure, most: int, *, up: int) -> None:
        nowhere = ColumnDataSource({"x": [math.nan], "y": [math.nan]})
        swatches = [looks.draw(plot, "quad", "x", "x", "y", "y", source=nowhere, line_color=None) for _ in range(most)]
        self._items = [LegendItem(label=value(""), renderers=[swatch]) for swatch in swatches]
        self._shown: tuple[Entry, ...] = ()
        self._legend = Legend(
            items=[],
            location=(10, up),
            orientation="horizontal",
            border_radius=4,
            label_standoff=4,
            glyph_width=12,
            glyph_height=12,
            spacing=4,
            padding=5,
            margin=0,
        )
        plot.add_layout(self._legend)

    def paint(self) -> None:
        """Look the same over the image in every theme."""
        self._legend.update(
            label_text_color="#ffffff",
            background_fill_color=palette.over_scene("casing"),
            background_fill_alpha=SHADE,
        )

    def explain(self, entries: Sequence[Entry]) -> None:
        """Name these colours and no others."""
        shown = tuple(entries)
        if shown == self._shown:
            return
        self._shown = shown
        for entry, item in zip(shown, self._items, strict=False):
            item.label = value(f"{entry.name}{_AIR}")
            item.renderers[0].glyph.update(fill_color=entry.colour)
        self._legend.items = self._items[: len(shown)]

    @property
    def names(self) -> tuple[str, ...]:
        """What is named now."""
        return tuple(entry.name for entry in self._shown)


def overlay_entries(overlay: str) -> tuple[Entry, ...]:
    """Colours of an overlay; nothing for none."""
    if overlay == "labels":
        found = [(palette.class_name(code), palette.class_colour(code, "scene")) for code in (0, 1, 2)]
    elif overlay == "cloud":
        flags = palette.flag_colours("scene")
        found = [(name, flags[name]) for name in ("cloud", "shadow")] + [("saturated", overlays.SATURATED_COLOUR)]
    else:
        return ()
    (first, colour), *others = found
    return (Entry(f"overlay: {first}", colour), *(Entry(*entry) for entry in others))
