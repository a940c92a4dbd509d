"""Leads, sea-surface windows and the place of the view as marks on the freeboard page's figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import palette
from dashboard.level_shown import ShownLevel
from dashboard.live_level import Level
from dashboard.place import Place
from dashboard.tracks import Track
from dashboard.views import figure as looks
from dashboard.views.along_track import Stretch
from processing.schema import FreeboardFlag

_MOST_LEADS = 500
_MOST_WINDOWS = 24
_LEAD: dict[str, list[Any]] = {name: [] for name in ("x", "y", "n", "km", "width", "fill")}


class LevelMarks:
    """Marks on the figure of heights and on that of freeboard."""

    def __init__(self, place: Place, heights: figure, freeboard: figure) -> None:
        self.place = place
        self.leads = ColumnDataSource(dict(_LEAD))
        self.centres = ColumnDataSource({"x": []}, name="windows")
        self.window = ColumnDataSource({"x0": [], "x1": []})
        self.at_hand = ColumnDataSource({"x": [], "y": []}, name="lead-at-hand")
        self._centres = [looks.draw(plot, "vspan", "x", source=self.centres, line_width=1, line_dash=[2, 4])
                         for plot in (heights, freeboard)]  # fmt: skip
        self._window = [looks.draw(plot, "vstrip", "x0", "x1", source=self.window, line_color=None, fill_alpha=0.06,
                                   level="underlay") for plot in (heights, freeboard)]  # fmt: skip
        self._leads = looks.draw(heights, "scatter", "x", "y", source=self.leads, marker="inverted_triangle", size=10,
                                 fill_alpha="fill", line_width=1.2)  # fmt: skip
        self._ring = looks.draw(heights, "scatter", "x", "y", source=self.at_hand, marker="inverted_triangle", size=18,
                                fill_color=None, line_width=2.4)  # fmt: skip
        facts = [("Lead", "@n segments, @width{0} m"), ("Along track", "@km{0.000} km"), ("Mean height", "@y{0.000} m")]
        heights.add_tools(looks.hover(self._leads, facts))

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        ink, water = palette.theme(theme), palette.class_colour(2, theme)
        self._leads.glyph.update(fill_color=water, line_color=water)
        self._ring.glyph.line_color = ink["mark"]
        for one in self._centres:
            one.glyph.line_color = ink["soft"]
        for one in self._window:
            one.glyph.fill_color = ink["accent"]

    def draw(self, track: Track, level: Level, stretch: Stretch) -> None:
        """Draw the leads of a stretch, the widest where they are too many to tell apart, and its windows."""
        leads = level.leads
        rows = np.arange(*np.searchsorted(leads.x, (stretch.start, stretch.end)))
        rows = widest(rows, leads.stop - leads.first, leads.x, stretch)
        x = leads.x[rows] - self.place.origin
        trusted = (leads.flags[rows] & np.uint32(FreeboardFlag.NOT_TRUSTED)) == 0
        n = leads.stop[rows] - leads.first[rows]
        length = n * track.window
        fill = np.where(trusted, 1.0, 0.0)
        self.leads.data = {"x": x, "y": leads.height[rows], "n": n, "km": x / 1000, "width": length, "fill": fill}
        stride, origin = level.settings.stride, self.place.origin
        numbers = np.arange(np.ceil(stretch.start / stride), np.floor(stretch.end / stride) + 1)
        self.centres.data = {"x": numbers * stride - origin if len(numbers) <= _MOST_WINDOWS else np.zeros(0)}

    def clear(self) -> None:
        """Draw none."""
        self.leads.data = dict(_LEAD)
        self.centres.data = {"x": []}
        self.window.data = {"x0": [], "x1": []}
        self.at_hand.data = {"x": [], "y": []}

    def follow(self, shown: ShownLevel) -> None:
        """Mark the lead at hand and the window whose centre is nearest to the middle of the view."""
        state, level = self.place.state, shown.level
        row = level.leads.row(state.lead) if level is not None and state.lead >= 0 else None
        spot: dict[str, list[float]] = {"x": [], "y": []}
        if level is not None and row is not None:
            spot = {"x": [float(level.leads.x[row]) - self.place.origin], "y": [float(level.leads.height[row])]}
        _put(self.at_hand, spot)
        ends: dict[str, list[float]] = {"x0": [], "x1": []}
        if level is not None and state.span < 4.0 * level.settings.window:
            own = level.settings
            middle = np.floor(state.x / own.stride + 0.5) * own.stride - self.place.origin
            ends = {"x0": [float(middle) - own.window / 2], "x1": [float(middle) + own.window / 2]}
        _put(self.window, ends)


def widest(
    rows: NDArray[np.int64], size: NDArray[np.int64], x: NDArray[np.float64], stretch: Stretch
) -> NDArray[np.int64]:
    """Of leads that are too many for a stretch the widest in each of equal bins of it."""
    if len(rows) <= _MOST_LEADS:
        return rows
    bins = ((x[rows] - stretch.start) * (_MOST_LEADS / (stretch.end - stretch.start))).astype(np.int64)
    order = np.lexsort((-size[rows], bins))
    first = np.r_[True, np.diff(bins[order]) > 0]
    return rows[order][first]


def _put(source: ColumnDataSource, wanted: dict[str, list[float]]) -> None:
    if wanted != {name: list(values) for name, values in source.data.items()}:
        source.data = wanted
