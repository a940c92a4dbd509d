"""Thin rows under the profile: the classes from each source, one above the other, over the same stretch."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.data import ClassSource
from dashboard.place import RANKS, Place
from dashboard.state import Change
from dashboard.views import figure as looks
from dashboard.views.profile import Stretch, stretch_around
from processing.schema import AutoFlag

ROW = 17
_AXIS = 46
_BINS = 2400
_FLAGS = ((AutoFlag.TRANSITION, 1), (AutoFlag.DRIFT_UNSURE, 2), (AutoFlag.SHADOW, 3), (AutoFlag.CLOUD, 4))
FLAG_COLOURS = ("#00000000", "#b9a7d6", "#c9a227", "#6b5b95", "#d6438a")
FLAG_NAMES = ("transition", "drift unsure", "shadow", "cloud")


class ClassRows:
    """One row a class source and one for the flags of the auto-labels."""

    def __init__(self, place: Place, theme: str, x_range: Range1d) -> None:
        self.place = place
        self.theme = theme
        self.x = x_range
        self.drawn: Stretch | None = None
        self._arranged: tuple[list[str], str] = ([], "")
        self.y = Range1d(0, 1)
        self._source = ColumnDataSource(_nothing())
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        self.theme = theme
        self.drawn = None
        looks.paint(self.figure, theme)

    def update(self, change: Change) -> None:
        if change.touches("granule", "beam", "theme"):
            self.drawn = None
        window = self.place.state.window
        if self.drawn is None or not self.drawn.serves(window):
            self.draw()

    def draw(self) -> None:
        """Draw every row for the stretch around the window; one that cannot be read is told and left out."""
        self.drawn = stretch_around(self.place.state.window)
        try:
            self._show(self._read_rows())
        except Exception:
            self.drawn = None
            self._source.data = _nothing()
            raise

    def _read_rows(self) -> list[tuple[str, NDArray[np.uint32]]]:
        rows = []
        for source in self.place.sources:
            with self.place.guard(f"reading {source.title}"):
                rows.append((short_title(source), self._class_row(source)))
        with self.place.guard("reading the flags"):
            flags = self._flag_row()
            if flags is not None:
                rows.append(("flags", flags))
        return rows

    def _show(self, rows: list[tuple[str, NDArray[np.uint32]]]) -> None:
        self._arrange([name for name, _ in rows])
        start, end, _ = self._cells
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

    @property
    def _cells(self) -> tuple[float, float, int]:
        """Start, end and number of the bins that the rows are drawn in."""
        assert self.drawn is not None
        length = self.place.track.window if self.place.has_segments else 2.0
        return detail.cells(self.drawn.start, self.drawn.end, length, _BINS)

    def _class_row(self, source: ClassSource) -> NDArray[np.uint32]:
        codes = self.place.workspace.classes(self.place.state.granule, self.place.state.beam, source)[self._rows]
        ranks = detail.column_ranks(self.place.track.x_atc[self._rows], RANKS[codes + 1], *self._cells)
        lut = [0, *(palette.rgba(str(colour)) for colour in palette.class_lut(self.theme))]
        return np.array(lut, np.uint32)[ranks][None, :]

    def _flag_row(self) -> NDArray[np.uint32] | None:
        state = self.place.state
        facts = self.place.workspace.label_facts(state.granule, state.beam) if self.place.has_segments else {}
        if not facts:
            return None
        flags = facts["auto_flags"][self._rows]
        rank = np.zeros(len(flags), np.int8)
        for flag, value in _FLAGS:
            rank[(flags & int(flag)) != 0] = value
        bins = detail.column_ranks(self.place.track.x_atc[self._rows], rank, *self._cells)
        lut = np.array([0, *(palette.rgba(colour) for colour in FLAG_COLOURS[1:])], np.uint32)
        return lut[bins][None, :]

    @property
    def _rows(self) -> slice:
        start, end, _ = self._cells
        return detail.rows_in(self.place.track.x_atc, start, end)


def short_title(source: ClassSource) -> str:
    """A name of a class source that fits beside its row."""
    return {"predictions": "model", "snapshots": source.run, "autolabels": "auto", "inputs/truth": "truth"}[source.kind]


def _nothing() -> dict[str, list[Any]]:
    return {"image": [], "x": [], "y": [], "dw": [], "dh": []}
