"""Two models along one beam: heights with the differing segments marked, and what each says in rows below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from bokeh.events import RangesUpdate, Tap
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.data import Workspace
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.tracks import ClassSource, Track
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE, AlongTrack, Reading, Stretch
from dashboard.views.difference_map import Look
from dashboard.views.review_rows import CLASS, SHARE, Cells, Row, ThinRows, ramp, short_title
from processing.schema import PREDICTION

_CROWD = 60
_REACH = 10.0
"""A click this many pixels beside a stretch means the stretch."""

Runs = tuple[str, ...]


@dataclass(frozen=True)
class Loaded:
    """A beam with the classes of two models and of a reference, row for row; -1 where one has none."""

    runs: Runs
    track: Track
    classes: tuple[NDArray[np.int8], NDArray[np.int8]]
    reference: tuple[str, NDArray[np.int8]] | None

    @property
    def differ(self) -> NDArray[np.bool_]:
        one, other = self.classes
        return (one != other) & (one >= 0) & (other >= 0)


def load(workspace: Workspace, granule: str, beam: str, runs: Runs) -> Loaded:
    """Read what is shown of a beam; raises as ``Workspace`` does."""
    track = workspace.track(granule, beam)
    none = np.full(len(track), -1, np.int8)

    def classes(run: str) -> NDArray[np.int8]:
        source = ClassSource(f"prediction:{run}", run, "predictions", run, PREDICTION, "predicted")
        there = workspace.project.table_path("predictions", granule, beam, run).exists()
        return workspace.classes(granule, beam, source) if there else none

    others = [source for source in workspace.sources(granule, beam) if source.kind != "predictions"]
    best = next((source for source in others if source.key == "truth"), others[0] if others else None)
    known = (short_title(best), workspace.classes(granule, beam, best)) if best else None
    return Loaded(runs, track, (classes(runs[0]), classes(runs[1])), known)


class DifferenceRows(ThinRows):
    """What each model and the reference say, and where the models differ."""

    name = "difference-rows"
    loaded: Loaded | None = None

    def paint(self, theme: str) -> None:
        """Follow the theme; where the models differ in the colour of the map."""
        super().paint(theme)
        ink = palette.theme(theme)
        self.mappers[SHARE].palette = ramp([ink["grid"], ink["mark"]], bend=0.6)

    def _rows(self) -> Iterator[Row]:
        loaded = self.loaded
        if loaded is None:
            return
        for name, codes in zip("AB", loaded.classes, strict=True):
            yield Row(name, CLASS, lambda cells, codes=codes: self._codes(codes, cells))  # type: ignore[misc]
        yield Row("differ", SHARE, lambda cells: self._share(loaded, cells))
        if loaded.reference:
            name, known = loaded.reference
            yield Row(name, CLASS, lambda cells: self._codes(known, cells))

    def _codes(self, codes: NDArray[np.int8], cells: Cells) -> NDArray[np.uint8]:
        """Highest class in each bin; where there is none, nothing."""
        loaded = self.loaded
        assert loaded is not None
        x = loaded.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        ranks = np.where(codes[rows] >= 0, codes[rows] + np.int8(2), np.int8(0))
        return detail.column_ranks(x[rows], ranks, *cells).astype(np.uint8)

    def _share(self, loaded: Loaded, cells: Cells) -> NDArray[np.float32]:
        return detail.column_means(loaded.track.x_atc, loaded.differ.astype(np.float32), *cells)


class DifferenceProfile(AlongTrack):
    """``figure`` has the heights, ``rows`` the classes; a click leads to the place in Review."""

    drawn_anew_by = ("granule", "beam", "theme")

    def __init__(self, place: Place, theme: str, later: Later, look: Look) -> None:
        super().__init__(place, theme, Range1d(0, 1000))
        self._reading = Reading(place, later)
        self._look = look
        self._asked: tuple[object, ...] = ()
        self.loaded: Loaded | None = None
        self.rows = DifferenceRows(place, theme, self.x)
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        self.drawn = None
        looks.paint(self.figure, theme)
        self.rows.paint(theme)
        self._mark.line_color = palette.theme(theme)["soft"]

    def follow(self, change: Change, runs: Runs, version: object) -> None:
        """Show the beam at hand with two runs' classes; another beam is read first, on a worker."""
        state = self.place.state
        asked = (state.granule, state.beam, runs, version)
        if asked != self._asked:
            self._asked = asked
            workspace = self.place.workspace
            self._reading.ask(lambda: load(workspace, *asked[:2], runs), self._show, self._fail)
        elif self.loaded is not None:
            self.update(change)

    def update(self, change: Change) -> None:
        """Follow the state with what is loaded."""
        self._mark.location = self.place.state.x - self.place.origin
        super().update(change)
        self.rows.update(change)

    def _show(self, loaded: Loaded) -> None:
        with self.place.guard("drawing the profile"):
            self.loaded = self.rows.loaded = loaded
            self.drawn = self.rows.drawn = None
            self.update(Change(frozenset(("granule", "beam"))))

    def _fail(self, line: str) -> None:
        self.loaded = self.rows.loaded = None
        self._clear()
        self.rows.drawn = None
        self.place.tell(line, "warning")

    def _build(self) -> figure:
        plot = looks.profile_figure(self.x, Range1d(-0.5, 1.5), sizing_mode="stretch_both", name="difference-profile")
        plot.xaxis.visible = False
        plot.yaxis.axis_label = "Height (m)"
        plot.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        self.image = ColumnDataSource(dict(NO_IMAGE), name="difference-heights")
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self.image)
        self._mark = Span(location=0, dimension="height", line_width=1, line_dash="dotted")
        plot.add_layout(self._mark)
        plot.on_event(RangesUpdate, self._moved)
        plot.on_event(Tap, self._tapped)
        self.rows.figure.on_event(Tap, self._tapped)
        self._follow_size(plot)
        return plot

    @property
    def _drawable(self) -> bool:
        return self.loaded is not None

    def _draw(self, stretch: Stretch) -> None:
        loaded = self.loaded
        if loaded is None:
            self._clear()
            return
        x, height = loaded.track.x_atc, loaded.track.height_mean
        rows = detail.rows_in(x, stretch.start, stretch.end)
        self._fit_height(self.figure, height[detail.rows_in(x, *self.place.state.window)], 0.5)
        view = self._view(self.figure, stretch)
        ranks = loaded.differ[rows].astype(np.int8) + np.int8(1)
        top = detail.raster(x[rows], height[rows], ranks, view)
        if rows.stop - rows.start < _CROWD * view.width:
            top = detail.thicken(top, 1)
        ink = palette.theme(self.theme)
        lut = np.array([0, palette.rgba(ink["soft"], 150), palette.rgba(ink["mark"])], np.uint32)
        self.image.data = self._picture(lut[top], view)

    def _clear(self) -> None:
        self.image.data = dict(NO_IMAGE)

    def _tapped(self, event: Tap) -> None:
        with self.place.guard("choosing in the profile"):
            if event.x is not None:
                state = self.place.state
                reach = _REACH * state.span / looks.size(self.figure, 1000, 200)[0]
                self._look(state.granule, state.beam, event.x + self.place.origin, reach)
