"""The scene straightened along the beam, exactly above the profile: ice 250 m either side of the track."""

from __future__ import annotations

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource, FixedTicker, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, tiles
from dashboard.place import Place
from dashboard.state import Change
from dashboard.views import figure as looks
from dashboard.views.along_track import (
    NO_IMAGE,
    AlongTrack,
    Later,
    Reading,
    Stretch,
    class_mapper,
    class_palette,
    label_ranks,
)

HALF_WIDTH = 250.0
"""What is shown either side of the beam, m."""

_HEIGHT = "calc(37px + 7.15vh)"
"""92 pixels on a page 768 high, 140 on one 1440 high."""
_RIBBON = 26.0
_ROOM = 8.0
_BINS = 2400
_ELSEWHERE = ("granule", "beam", "scene")


class Strip(AlongTrack):
    """The image left of the track above, right of it below, and the labels as a ribbon along the lower edge.

    ``later`` runs a call on the page's own thread. A picture stays until the next one is there.
    """

    drawn_anew_by = (*_ELSEWHERE, "image", "contrast", "shift", "drifting", "source")

    def __init__(self, place: Place, theme: str, x_range: Range1d, later: Later) -> None:
        super().__init__(place, theme, x_range)
        self.y = Range1d(-HALF_WIDTH - _ROOM - _RIBBON, HALF_WIDTH)
        self._reading = Reading(place, later)
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme; the image keeps its colours."""
        self.theme = theme
        looks.paint(self.figure, theme, "sea")
        self.figure.update(outline_line_color=None)
        self.figure.grid.visible = False
        self._classes.palette = class_palette(theme)

    def update(self, change: Change) -> None:
        """Follow the state; the picture of another place goes at once, that of this place when the next is there."""
        if change.touches(*_ELSEWHERE):
            self.image.data = dict(NO_IMAGE)
        super().update(change)

    def _build(self) -> figure:
        plot = looks.profile_figure(self.x, self.y, sizing_mode="stretch_both", name="strip")
        plot.styles = {"flex": "none", "height": _HEIGHT}
        plot.xaxis.visible = False
        plot.min_border_top = 6
        plot.min_border_bottom = 2
        ticks = (HALF_WIDTH * 0.8, 0.0, -HALF_WIDTH * 0.8)
        plot.yaxis.ticker = FixedTicker(ticks=list(ticks))
        words = (f"{ticks[0]:.0f} m left", "track", f"{ticks[0]:.0f} m right")
        plot.yaxis.major_label_overrides = dict(zip(ticks, words, strict=True))
        self.image = ColumnDataSource(dict(NO_IMAGE))
        self.ribbon = ColumnDataSource(dict(NO_IMAGE))
        self._classes = class_mapper()
        looks.draw(plot, "image_rgba", "image", "x", "y", "dw", "dh", source=self.image)
        looks.draw(plot, "image", "image", "x", "y", "dw", "dh", source=self.ribbon, color_mapper=self._classes)
        for colour, dash in (("#0b0f14", "solid"), ("#ffffff", [7, 5])):
            line = Span(location=0, dimension="width", line_width=1, line_color=colour, line_dash=dash, line_alpha=0.6)
            plot.add_layout(line)
        plot.on_event(RangesUpdate, self._moved)
        self._follow_size(plot)
        return plot

    def _draw(self, stretch: Stretch) -> None:
        self._relabel(stretch)
        self._draw_image(stretch)

    def _clear(self) -> None:
        self._reading.drop()
        self.image.data = dict(NO_IMAGE)
        self.ribbon.data = dict(NO_IMAGE)

    def _relabel(self, stretch: Stretch) -> None:
        if not self.place.has_segments:
            self.ribbon.data = dict(NO_IMAGE)
            return
        track = self.place.track
        start, end, bins = detail.cells(stretch.start, stretch.end, track.window, _BINS)
        rows = detail.rows_in(track.x_atc, start, end)
        top = detail.column_ranks(track.x_atc[rows], label_ranks(self.place, rows), start, end, bins)
        shown = self.ribbon.data["image"]
        place = {"x": [start - self.place.origin], "y": [-HALF_WIDTH - _ROOM - _RIBBON], "dw": [end - start]}
        pixels = top.astype(np.uint8)[None, :]
        if len(shown) and np.array_equal(shown[0], pixels) and list(self.ribbon.data["x"]) == place["x"]:
            return
        self.ribbon.data = {"image": [pixels], **place, "dh": [_RIBBON]}

    def _draw_image(self, stretch: Stretch) -> None:
        """What is at hand now; what must be read when it is read."""
        state, pair, scene = self.place.state, self.place.pair, self.place.scene
        line = self.place.line(state.beam)
        if pair is None or scene is None or line.empty or state.image not in tiles.images_of(scene):
            self._reading.drop()
            self.image.data = dict(NO_IMAGE)
            return
        view, source = self._view(self.figure, stretch), self.place.workspace.strips
        asked = (pair.scene, state.image, state.contrast, line, stretch.start, stretch.end, view.width)
        at_hand = source.at_hand(*asked)
        if at_hand is not None:
            self._show(at_hand[0], stretch)
        if at_hand is None or not at_hand[1]:
            self._reading.ask(lambda: source.strip(*asked), lambda found: self._show(found, stretch), self._no_image)
        else:
            self._reading.drop()

    def _show(self, pixels: NDArray[np.uint32], stretch: Stretch) -> None:
        view = detail.View((stretch.start, stretch.end), (-HALF_WIDTH, HALF_WIDTH), *pixels.shape[::-1])
        self.image.data = self._picture(pixels[::-1], view)

    def _no_image(self, line: str) -> None:
        self.image.data = dict(NO_IMAGE)
        self.place.tell(f"the scene cannot be straightened: {line}", "warning")
