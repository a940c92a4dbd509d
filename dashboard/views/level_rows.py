"""Rows under freeboard: classes by source, where the sea surface comes from, and what makes a figure doubtful."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.level_shown import ShownLevel
from dashboard.live_level import Level
from dashboard.place import Place
from dashboard.state import Change
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE
from dashboard.views.review_rows import Cells, ClassRows, Row
from dashboard.views.sea_level import same_picture
from processing.schema import FreeboardFlag, SeaSurfaceSource

SOURCE, DOUBT = "sea source", "doubt"
FLAGS = (
    ("below zero", FreeboardFlag.NEGATIVE),
    ("no first-photon correction", FreeboardFlag.NO_FIRST_PHOTON),
    ("saturated", FreeboardFlag.SATURATED),
    ("waves", FreeboardFlag.WAVES),
    ("dark lead", FreeboardFlag.DARK_LEAD),
    ("under cloud", FreeboardFlag.UNDER_CLOUD),
    ("lead not trusted", FreeboardFlag.NOT_TRUSTED),
)
"""Flags of freeboard, the gravest last, which is shown where there are several."""

FLAG_COLOURS = {
    "light": ("#b4bac3", "#7d8590", "#ad8c1f", "#2a9d8f", "#3c4fb5", "#ae044b", "#000000"),
    "dark": ("#56606c", "#9aa6b4", "#d9af26", "#3fd0be", "#8c9bff", "#fb51c2", "#ffffff"),
}
"""Colours of ``FLAGS`` in each theme; they differ in lightness as well, for eyes that see few hues."""

_CLEAR = "#00000000"
_RANKS = np.array([max((rank + 1 for rank, (_, bit) in enumerate(FLAGS) if flags & bit), default=0)
                   for flags in range(2 * int(FreeboardFlag.NOT_TRUSTED))], np.int8)  # fmt: skip


def flag_rank(flags: NDArray[np.uint32]) -> NDArray[np.int8]:
    """Rank, from 1, of the gravest of ``FLAGS`` among the bits of each segment; 0 for none."""
    return np.asarray(_RANKS[flags & np.uint32(len(_RANKS) - 1)])


def source_colours(estimator: str, theme: str) -> dict[str, str]:
    """Colours of where a sea surface comes from: leads, interpolated, none."""
    colour = palette.surface(estimator, theme).colour
    return {"from leads": colour, "interpolated": f"{colour}55", "none": palette.flag_colours(theme)["cloud"]}


class LevelRows(ClassRows):
    """The class rows, and two of the level that ``shown`` holds."""

    drawn_anew_by = ("granule", "beam", "source", "run", "opinion")
    name = "level-rows"

    def __init__(self, place: Place, theme: str, x_range: Range1d, shown: ShownLevel) -> None:
        self.shown = shown
        self._level_drawn: Level | None = None
        super().__init__(place, theme, x_range)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        super().paint(theme)
        level = self.shown.level
        self._colour_source(level.sea.estimator if level else "robust")
        self.mappers[DOUBT].palette = [_CLEAR, *FLAG_COLOURS[theme]]

    def update(self, change: Change) -> None:
        """Follow the state; the sea surface's row has the colour of the method in use."""
        level = self.shown.level
        if level is not None:
            self._colour_source(level.sea.estimator)
        if not same_picture(self._level_drawn, level, self.drawn):
            self.drawn = None
        self._level_drawn = level
        super().update(change)

    def _colour_source(self, estimator: str) -> None:
        colours = [_CLEAR, *source_colours(estimator, self.theme).values()]
        if self.mappers[SOURCE].palette != colours:
            self.mappers[SOURCE].palette = colours

    def _build(self) -> figure:
        plot = super()._build()
        for kind, most in ((SOURCE, 3), (DOUBT, len(FLAGS))):
            mapper = LinearColorMapper(palette=[_CLEAR] * (most + 1), low=-0.5, high=most + 0.5)
            slot = ColumnDataSource(dict(NO_IMAGE))
            looks.draw(plot, "image", "image", "x", "y", "dw", "dh", source=slot, color_mapper=mapper)
            self.mappers[kind], self._pools[kind] = mapper, [slot]
            self.slots.append(slot)
        return plot

    def _rows(self) -> Iterator[Row]:
        if self.shown.level is not None:
            yield Row("sea level", SOURCE, self._sources)
            yield Row("doubt", DOUBT, self._doubts)
        yield from super()._rows()

    def _sources(self, cells: Cells) -> NDArray[np.uint8] | None:
        level = self.shown.level
        if level is None:
            return None
        ranks = np.array([3, 1, 2], np.int8)  # none, leads, interpolated, as SeaSurfaceSource counts them
        assert len(ranks) == len(SeaSurfaceSource)
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        return detail.column_ranks(x[rows], ranks[level.sea.source[rows]], *cells).astype(np.uint8)

    def _doubts(self, cells: Cells) -> NDArray[np.uint8] | None:
        level = self.shown.level
        if level is None:
            return None
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        return detail.column_ranks(x[rows], flag_rank(level.flags[rows]), *cells).astype(np.uint8)
