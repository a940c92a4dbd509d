"""The spot under the mouse marked in every view at once, in the browser alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS
from bokeh.plotting import figure

from dashboard import palette
from dashboard.controls import STATIC
from dashboard.place import Place
from dashboard.views import figure as looks
from dashboard.views.review_rows import FLAG_NAMES, ThinRows

CLASS_NAMES = ("", *(palette.class_name(code) for code in (-1, 0, 1, 2)))


class Map(Protocol):
    """A view with a map; ``hover`` (x, y) holds the spot that it marks."""

    figure: figure

    @property
    def hover(self) -> ColumnDataSource: ...


class Along(Protocol):
    """A view along the track."""

    figure: figure


class HoverLink:
    """Joins a map and views along the track; ``follow`` tells it where the beam lies in the map."""

    def __init__(self, scene_map: Map, views: tuple[Along, ...]) -> None:
        self.spot = ColumnDataSource({"x": []}, name="spot")
        self.told = ColumnDataSource({"x": [], "y": [], "text": [], "align": [], "offset": []}, name="told")
        self.knots = ColumnDataSource({"x_atc": [], "x": [], "y": []})
        rows = next((view for view in views if isinstance(view, ThinRows)), None)
        args = {
            "spot": self.spot,
            "knots": self.knots,
            "hover": scene_map.hover,
            "told": self.told,
            "map": scene_map.figure,
            "along": views[0].figure.x_range,
            "spots": rows.spots if rows else ColumnDataSource({"slot": [], "kind": [], "y": []}),
            "slots": rows.slots if rows else [],
            "names": {"class": CLASS_NAMES, "flag": ("", *FLAG_NAMES)},
        }
        hook = CustomJS(args=args, code=_script())
        for view in (scene_map, *views):
            for event in ("mousemove", "mouseleave"):
                view.figure.js_on_event(event, hook)
        for view in views:
            self._mark(view.figure)
        if rows is not None:
            self._tell(rows.figure)

    def follow(self, place: Place) -> None:
        """Take over where the current beam lies in the map; nowhere when that cannot be read."""
        self.knots.data = {"x_atc": [], "x": [], "y": []}
        line = place.line(place.state.beam)
        good = np.isfinite(line.x)
        self.knots.data = {"x_atc": line.x_atc[good] - place.origin, "x": line.x[good], "y": line.y[good]}

    def _mark(self, plot: figure) -> None:
        for colour, width in ((palette.over_scene("casing"), 2.4), (palette.over_scene("stretch"), 1.0)):
            looks.draw(
                plot,
                "vspan",
                "x",
                source=self.spot,
                line_color=colour,
                line_width=width,
                line_alpha=0.9,
                level="overlay",
            )

    def _tell(self, plot: figure) -> None:
        """What each row says of the spot, beside it."""
        looks.draw(
            plot,
            "text",
            "x",
            "y",
            "text",
            source=self.told,
            text_font_size="10.5px",
            text_baseline="middle",
            level="overlay",
            text_align="align",
            x_offset="offset",
            text_color="#ffffff",
            background_fill_color="#0b0f14",
            background_fill_alpha=0.82,
            padding=(4, 1),
            border_radius=3,
        )


def link(scene_map: Map, views: tuple[Along, ...]) -> HoverLink:
    """Mark the spot under the mouse in the map and in views along the track, whichever the mouse is over."""
    return HoverLink(scene_map, views)


@lru_cache(maxsize=1)
def _script() -> str:
    return (STATIC / "hover.js").read_text(encoding="utf-8")
