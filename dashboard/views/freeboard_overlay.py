"""The freeboard of two models over one another: how it is distributed, and along the beam at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.comparison.compared import FreeboardFound
from dashboard.comparison.freeboard_sums import FreeboardSums
from dashboard.data import Workspace
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from dashboard.views.along_track import AlongTrack, Reading, Stretch
from dashboard.views.compare_models import LINE_DASHES

_BINS = 600
_NONE: dict[str, list[Any]] = {"x": [], "y": []}
_TAIL = 0.006
"""Share of segments at either end of the distributions that may be out of sight."""


class Distributions:
    """Share of segments by freeboard, a stepped line each, with the means."""

    def __init__(self, theme: str) -> None:
        self.x, self.y = Range1d(-0.1, 1.0), Range1d(0, 10)
        self.figure = figure(
            x_range=self.x, y_range=self.y, tools=[], toolbar_location=None, sizing_mode="stretch_both",
            min_border_left=looks.LEFT, min_border_right=looks.RIGHT, min_border_top=9, name="freeboards",
        )  # fmt: skip
        self.sources = [ColumnDataSource(dict(_NONE), name=f"freeboard-{letter}") for letter in "AB"]
        self.means = [Span(dimension="height", location=0, line_width=1.4, visible=False) for _ in "AB"]
        self.lines = [
            looks.draw(self.figure, "line", "x", "y", source=source, line_width=2, line_dash=dash or "solid")
            for source, dash in zip(self.sources, LINE_DASHES[:2], strict=True)
        ]
        for mean, dash in zip(self.means, LINE_DASHES[:2], strict=True):
            mean.line_dash = dash or "solid"
            self.figure.add_layout(mean)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = "Freeboard (m)", "Segments (% per 2 cm)"
        self.figure.xaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        self.figure.xgrid.visible = False
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        looks.paint(self.figure, theme)
        for line, mean, colour in zip(self.lines, self.means, palette.model_colours(theme)[:2], strict=True):
            line.glyph.line_color = mean.line_color = colour

    def show(self, found: FreeboardFound) -> None:
        """Draw both, or the one there is."""
        ends: list[tuple[float, float]] = []
        highest = 0.0
        for one, source, mean in zip(found.sums, self.sources, self.means, strict=True):
            mean.visible = one is not None
            if one is None:
                source.data = dict(_NONE)
                continue
            x, y, limits = steps(one)
            source.data = {"x": x, "y": y}
            mean.location = one.summary().mean
            ends.append(limits)
            highest = max(highest, float(y.max()))
        if ends:
            self.x.update(start=min(low for low, _ in ends), end=max(high for _, high in ends))
            self.y.update(start=0, end=max(highest * 1.08, 1e-3))


def steps(one: FreeboardSums) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """A stepped line of percent by freeboard (m), and the limits between which nearly all of it lies."""
    told = one.distribution()
    total = told.total
    share = 100.0 * total / max(int(total.sum()), 1)
    x = np.repeat(told.edges, 2)
    y = np.concatenate([[0.0], np.repeat(share, 2), [0.0]])
    upto = np.cumsum(share) / 100.0
    first, last = np.searchsorted(upto, (_TAIL, 1.0 - _TAIL))
    return x, y, (float(told.edges[first]) - 0.04, float(told.edges[min(last + 1, len(told.edges) - 1)]) + 0.04)


@dataclass(frozen=True)
class Levels:
    """Along-track distance and the freeboard of two runs, m, row for row; None where a run has none of this beam."""

    x: NDArray[np.float64]
    freeboard: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]


def load(workspace: Workspace, granule: str, beam: str, runs: tuple[str, str]) -> Levels:
    """Read a beam's freeboards; raises as ``Workspace`` does."""

    def read(run: str) -> NDArray[np.float32] | None:
        there = run and workspace.project.table_path("freeboard", granule, beam, run).exists()
        return workspace.sea_level(granule, beam, run).freeboard if there else None

    return Levels(workspace.track(granule, beam).x_atc, (read(runs[0]), read(runs[1])))


class FreeboardLines(AlongTrack):
    """Along the beam at hand, as means over what a pixel or two shows: ``figure`` the freeboard of both, ``apart`` the
    first minus the second.
    """

    drawn_anew_by = ("granule", "beam", "theme")

    def __init__(self, place: Place, theme: str, later: Later) -> None:
        super().__init__(place, theme, Range1d(0, 1000))
        self._reading = Reading(place, later)
        self._asked: tuple[object, ...] = ()
        self.levels: Levels | None = None
        self.figure, self.apart = self._plot("Freeboard (m)", "lines"), self._plot("A − B (mm)", "apart")
        self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        looks.paint(self.figure, theme)
        looks.paint(self.apart, theme)
        ink = palette.theme(theme)
        self._between.glyph.fill_color = ink["accent"]
        for line, colour in zip(self.lines, palette.model_colours(theme)[:2], strict=True):
            line.glyph.line_color = colour
        for zero in self._zeros:
            zero.line_color = ink["soft"]

    def follow(self, change: Change, runs: tuple[str, str], version: object) -> None:
        """Show the beam at hand; another one is read first, on a worker."""
        state = self.place.state
        asked = (state.granule, state.beam, runs, version)
        if asked != self._asked:
            self._asked = asked
            workspace = self.place.workspace
            granule, beam = state.granule, state.beam
            self._reading.ask(lambda: load(workspace, granule, beam, runs), self._show, self._fail)
        elif self.levels is not None:
            self.update(change)

    def _show(self, levels: Levels) -> None:
        with self.place.guard("drawing freeboard"):
            self.levels = levels
            self.drawn = None
            self.apart.xaxis.axis_label = (
                f"Along track (km from {self.place.origin / 1000:,.0f} km after the equator crossing)"
            )
            self.update(Change(frozenset(("granule", "beam"))))

    def _fail(self, line: str) -> None:
        self.levels = None
        self._clear()
        self.place.tell(line, "warning")

    def _plot(self, label: str, name: str) -> figure:
        plot = looks.profile_figure(self.x, Range1d(-0.1, 1.0), sizing_mode="stretch_both", name=f"freeboard-{name}")
        plot.yaxis.axis_label = label
        plot.yaxis.formatter = NumeralTickFormatter(format="0[.]0[00]")
        plot.xaxis.formatter = looks.kilometre_ticks()
        plot.on_event(RangesUpdate, self._moved)
        self._follow_size(plot)
        return plot

    def _build(self) -> None:
        self.figure.xaxis.visible = False
        self.apart.min_border_bottom = 42
        self.sources = [ColumnDataSource(dict(_NONE)) for _ in "AB"]
        self.lines = [
            looks.draw(self.figure, "line", "x", "y", source=source, line_width=1.7, line_dash=dash or "solid")
            for source, dash in zip(self.sources, LINE_DASHES[:2], strict=True)
        ]
        self._bars = ColumnDataSource({"left": [], "right": [], "y": []})
        self._between = looks.draw(
            self.apart, "quad", left="left", right="right", bottom=0.0, top="y", source=self._bars, line_color=None
        )
        self._zeros = [Span(location=0, dimension="width", line_width=1, line_dash="dashed") for _ in "AB"]
        for plot, zero in zip((self.figure, self.apart), self._zeros, strict=True):
            plot.add_layout(zero)

    @property
    def _drawable(self) -> bool:
        return self.levels is not None

    def _draw(self, stretch: Stretch) -> None:
        levels = self.levels
        if levels is None:
            self._clear()
            return
        self._draw_apart(levels, stretch)
        shown = []
        for values, source in zip(levels.freeboard, self.sources, strict=True):
            if values is None:
                source.data = dict(_NONE)
                continue
            bins = detail.gather(levels.x, values, stretch.start, stretch.end, _BINS)
            source.data = {"x": bins.centre - self.place.origin, "y": bins.mean}
            inside = (bins.centre >= stretch.window[0]) & (bins.centre <= stretch.window[1])
            shown.append(bins.mean[inside])
        if shown:
            self._fit_height(self.figure, np.concatenate(shown).astype(np.float32), 0.4)

    def _draw_apart(self, levels: Levels, stretch: Stretch) -> None:
        """The difference, where both have a freeboard."""
        one, other = levels.freeboard
        if one is None or other is None:
            self._bars.data = {"left": [], "right": [], "y": []}
            return
        bins = detail.gather(levels.x, 1000.0 * (one - other), stretch.start, stretch.end, _BINS)
        filled = np.flatnonzero(bins.count)
        left = bins.centre[filled] - bins.width / 2 - self.place.origin
        self._bars.data = {"left": left, "right": left + bins.width, "y": bins.mean[filled]}
        low, high = (edge - self.place.origin for edge in stretch.window)
        inside = bins.mean[filled][(left >= low) & (left <= high)]
        most = max(float(np.abs(inside).max(initial=0.0)) * 1.15, 5.0)
        if (self.apart.y_range.start, self.apart.y_range.end) != (-most, most):
            self.apart.y_range.update(start=-most, end=most)

    def _clear(self) -> None:
        for source in self.sources:
            source.data = dict(_NONE)
        self._bars.data = {"left": [], "right": [], "y": []}
