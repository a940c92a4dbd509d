"""Tracks in the polar projection, coloured by how much of each bit of them two models call differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import palette
from dashboard.catalog import Catalog
from dashboard.comparison.compared import DifferencesFound
from dashboard.comparison.disagreement import TrackDifference, shares
from dashboard.geometry import MapLine
from dashboard.place import Place
from dashboard.views import coast
from dashboard.views import figure as looks
from dashboard.views.beam_lines import pieces
from dashboard.views.map_frame import Frame
from dashboard.views.polar_map import PolarMap

LEVELS = (0.02, 0.1, 0.3)
"""Shares of a bit of track that part the colours; none of it is the first, whatever is there the next."""

_MIX = (0.42, 0.62, 0.82, 1.0)
_WIDTHS = (3.0, 4.0, 5.0, 6.5)
_BIT = 3.0
"""Length of the bits, pixels."""
_MOST_BITS = 4_000
_REACH = 12.0

Look = Callable[[str, str, float, float], None]
"""Shows a place in Review: granule, beam, along-track distance and how near to it is meant, m."""


class DifferenceMap(PolarMap):
    """The overview map with the difference of two models on the tracks; a click leads to the place in Review."""

    def __init__(self, place: Place, theme: str, look: Look) -> None:
        self._found = DifferencesFound()
        self._catalog: Catalog | None = None
        self._look = look
        super().__init__(place, theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        super().paint(theme)
        if self._catalog is not None:
            self.update()
            self._draw_differences()

    def show(self, found: DifferencesFound) -> None:
        """Draw where two models differ."""
        self._found = found
        if self.place.catalog is self._catalog:
            self._draw_differences()
            return
        self._catalog = self.place.catalog
        self.update()
        self._draw_differences()

    def fit(self) -> None:
        """Show all tracks."""
        self._moved_by_hand = False
        self._show(*self._track_bounds())

    def legend(self) -> str:
        """What the colours mean, as HTML."""
        words = ("some", *(f"over {100 * level:.0f} %" for level in LEVELS))
        keys = "".join(
            f"<span class='key'><span style='width:18px;border-top:{width:.1f}px solid {colour}'></span>{word}</span>"
            for word, width, colour in zip(words, _WIDTHS, self._colours(), strict=True)
        )
        more = "<span class='key soft'>click to look</span>"
        return f"<div class='keys'><span class='key'>part that differs</span>{keys}{more}</div>"

    def _build(self) -> figure:
        plot = super()._build()
        plot.update(name="difference-map", min_height=None, min_width=None)
        self._scene_names.visible = False
        self._stretches = ColumnDataSource({"xs": [], "ys": [], "colour": [], "width": []}, name="differences")
        self._differ = looks.draw(
            plot, "multi_line", "xs", "ys", source=self._stretches, line_color="colour", line_width="width"
        )  # fmt: skip
        return plot

    def _colours(self) -> list[str]:
        ground, mark = (_rgb(palette.theme(self.theme)[role]) for role in ("sea", "mark"))
        mixed = (ground + (mark - ground) * part for part in _MIX)
        return ["#{:02x}{:02x}{:02x}".format(*colour.round().astype(int)) for colour in mixed]

    def _seen(self) -> None:
        super()._seen()
        self._draw_differences()

    def _draw_differences(self) -> None:
        """Each bit of track in sight in the colour of its share; the higher ones last, over beams beside them."""
        drawn: list[list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = [[] for _ in _WIDTHS]
        width, height = looks.size(self.figure, 640, 360)
        left, bottom, right, top = self._view
        frame = Frame((left + right) / 2, (bottom + top) / 2, (right - left) / width, width, height)
        for granule in self.place.catalog.granules:
            for beam in granule.beams:
                track = self._found.find(granule.ident, beam.name)
                if track is not None and len(track.first) and not beam.line.empty:
                    self._add(drawn, track, beam.line, frame)
        rows = [(level, part) for level, parts in enumerate(drawn) if (part := _joined(parts)) is not None]
        colours = self._colours()
        self._stretches.data = {
            "xs": [x for _, (x, _) in rows],
            "ys": [y for _, (_, y) in rows],
            "colour": [colours[level] for level, _ in rows],
            "width": [_WIDTHS[level] for level, _ in rows],
        }

    def _add(self, drawn: list[list[Any]], track: TrackDifference, line: MapLine, frame: Frame) -> None:
        start, end = frame.in_sight(line)
        if end <= start:
            return
        bits = int(np.clip((end - start) / (_BIT * frame.scale), 1, _MOST_BITS))
        bounds = np.linspace(start, end, bits + 1)
        part = shares(track.edges, bounds)
        level = np.where(part > 0, 1 + np.searchsorted(LEVELS, part, side="right"), 0)
        cuts = np.flatnonzero(np.diff(level)) + 1
        begins, stops = np.r_[0, cuts], np.r_[cuts, bits]
        for number in range(len(_WIDTHS)):
            rows = level[begins] == number + 1
            if rows.any():
                edges = np.column_stack([bounds[begins[rows]], bounds[stops[rows]]])
                drawn[number].append(pieces(line, edges))

    def _track_bounds(self) -> coast.Bounds:
        lines = [beam.line for granule in self.place.catalog.granules for beam in granule.beams if not beam.line.empty]
        if not lines:
            return self._data_bounds()
        x, y = (np.concatenate([getattr(line, axis) for line in lines]) for axis in ("x", "y"))
        box = np.nanmin(x), np.nanmin(y), np.nanmax(x), np.nanmax(y)
        room = max(0.06 * max(box[2] - box[0], box[3] - box[1]), 1_000.0)
        # The legend lies over the upper edge.
        return float(box[0] - room), float(box[1] - room), float(box[2] + room), float(box[3] + 2.5 * room)

    def _tapped(self, event: Tap) -> None:
        """A track leads to the stretch nearest to the place in Review."""
        with self.place.guard("choosing in the map"):
            width, _ = looks.size(self.figure, 640, 360)
            reach = _REACH * (self._view[2] - self._view[0]) / width
            near = self.place.catalog.tracks_near(event.x, event.y, reach)
            if near:
                _, granule, beam, x_atc = min(near, key=lambda one: (round(one[0] / reach, 1), -self._share(*one[1:])))
                self._look(granule, beam, x_atc, reach)

    def _share(self, granule: str, beam: str, _: float) -> float:
        track = self._found.find(granule, beam)
        return track.share if track else -1.0


def _joined(
    parts: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Broken lines as one."""
    if not parts:
        return None
    x, y = (np.concatenate([part[axis] for part in parts]) for axis in (0, 1))
    return x, y


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)
