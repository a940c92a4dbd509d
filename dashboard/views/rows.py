"""Thin rows under the profile: the classes from each source, one above the other, over the same stretch."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.data import ClassSource
from dashboard.place import RANKS, Place
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE, AlongTrack, Stretch
from processing.schema import AutoFlag

ROW = 17
_AXIS = 46
_BINS = 2400
_FLAGS = ((AutoFlag.TRANSITION, 1), (AutoFlag.DRIFT_UNSURE, 2), (AutoFlag.SHADOW, 3), (AutoFlag.CLOUD, 4))
FLAG_COLOURS = ("#00000000", "#b9a7d6", "#c9a227", "#6b5b95", "#d6438a")
FLAG_NAMES = ("transition", "drift unsure", "shadow", "cloud")
Cells = tuple[float, float, int]
"""Start, end and number of the bins that the rows are drawn in."""


class ClassRows(AlongTrack):
    """One row a class source and one for the flags of the auto-labels; a row that cannot be read is left out."""

    drawn_anew_by = ("granule", "beam", "theme")

    def __init__(self, place: Place, theme: str, x_range: Range1d) -> None:
        super().__init__(place, theme, x_range)
        self._arranged: tuple[list[str], str] = ([], "")
        self.y = Range1d(0, 1)
        self._source = ColumnDataSource(dict(NO_IMAGE))
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        self.theme = theme
        self.drawn = None
        looks.paint(self.figure, theme)

    def _draw(self, stretch: Stretch) -> None:
        length = self.place.track.window if self.place.has_segments else 2.0
        cells = detail.cells(stretch.start, stretch.end, length, _BINS)
        self._show(self._read_rows(cells), cells)

    def _clear(self) -> None:
        self._source.data = dict(NO_IMAGE)

    def _read_rows(self, cells: Cells) -> list[tuple[str, NDArray[np.uint32]]]:
        rows = []
        for source in self.place.sources:
            with self.place.guard(f"reading {source.title}"):
                rows.append((short_title(source), self._class_row(source, cells)))
        with self.place.guard("reading the flags"):
            flags = self._flag_row(cells)
            if flags is not None:
                rows.append(("flags", flags))
        return rows

    def _show(self, rows: list[tuple[str, NDArray[np.uint32]]], cells: Cells) -> None:
        self._arrange([name for name, _ in rows])
        start, end, _ = cells
        left, length = start - self.place.origin, end - start
        count = len(rows)
        self._source.data = {
            "image": [pixels for _, pixels in rows],
            "x": [left] * count,
            "y": [count - 1 - row + 0.14 for row in range(count)],
            "dw": [length] * count,
            "dh": [0.72] * count,
        }

    def _build(self) -> figure:
        plot = looks.profile_figure(self.x, self.y, sizing_mode="stretch_width", height=_AXIS + ROW, name="class-rows")
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self._source)
        plot.xaxis.formatter = looks.kilometre_ticks()
        plot.ygrid.visible = False
        plot.min_border_bottom = 40
        return plot

    def _arrange(self, names: list[str]) -> None:
        """Make room for the rows; only when they are others than before, since a new axis is a new layout."""
        label = f"Along track (km from {self.place.origin / 1000:,.0f} km after the equator crossing)"
        if (names, label) == self._arranged:
            return
        self._arranged = (names, label)
        count = max(len(names), 1)
        middles = [count - 1 - row + 0.5 for row in range(len(names))]
        self.y.update(start=0, end=count)
        self.figure.yaxis.ticker = FixedTicker(ticks=middles)
        self.figure.yaxis.major_label_overrides = dict(zip(middles, names, strict=True))
        self.figure.yaxis.major_tick_line_color = None
        self.figure.height = _AXIS + ROW * count
        self.figure.xaxis.axis_label = label

    def _class_row(self, source: ClassSource, cells: Cells) -> NDArray[np.uint32]:
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        codes = self.place.workspace.classes(self.place.state.granule, self.place.state.beam, source)[rows]
        lut = [0, *(palette.rgba(str(colour)) for colour in palette.class_lut(self.theme))]
        return _coloured(x[rows], RANKS[codes + 1], cells, lut)

    def _flag_row(self, cells: Cells) -> NDArray[np.uint32] | None:
        state = self.place.state
        facts = self.place.workspace.label_facts(state.granule, state.beam) if self.place.has_segments else {}
        if not facts:
            return None
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        flags = facts["auto_flags"][rows]
        rank = np.zeros(len(flags), np.int8)
        for flag, value in _FLAGS:
            rank[(flags & int(flag)) != 0] = value
        return _coloured(x[rows], rank, cells, [0, *(palette.rgba(colour) for colour in FLAG_COLOURS[1:])])


def _coloured(x: NDArray[np.float64], rank: NDArray[np.int8], cells: Cells, lut: list[int]) -> NDArray[np.uint32]:
    """One line of pixels: the colour of the highest rank in each cell."""
    return np.array(lut, np.uint32)[detail.column_ranks(x, rank, *cells)][None, :]


def short_title(source: ClassSource) -> str:
    """A name of a class source that fits beside its row."""
    return {"predictions": "model", "snapshots": source.run, "autolabels": "auto", "inputs/truth": "truth"}[source.kind]
